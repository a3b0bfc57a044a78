// Requests that may be repeated: until the server is reached again, whatever was typed waits.
import { Offline } from "./api.js";
import { get, set } from "./store.js";

const FIRST = 500; // milliseconds until the first further attempt
const MOST = 5_000;
const FACTOR = 1.7;

export async function reach(action, signal) {
  for (let failures = 1; ; failures += 1) {
    try {
      const found = await action();
      if (!get().online) set({ online: true });
      return found;
    } catch (error) {
      if (!(error instanceof Offline)) throw error;
      if (get().online) set({ online: false });
    }
    await pause(failures, signal);
  }
}

// Wait longer after each failure, and not all pages equally long.
export function pause(failures, signal) {
  const wait = Math.min(FIRST * FACTOR ** (failures - 1), MOST) * (0.8 + 0.4 * Math.random());
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      removeEventListener("online", go);
      reject(new DOMException("left", "AbortError"));
    };
    const go = () => {
      clearTimeout(timer);
      removeEventListener("online", go);
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const timer = setTimeout(go, wait);
    addEventListener("online", go, { once: true });
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
