// Who is signed in: finding out, and leaving.
import { Failed, Refused, call } from "./api.js";
import { draft, forgetAll, forgetKey, keptFor, key, look } from "./kept.js";
import { reach } from "./reach.js";
import { get, set } from "./store.js";
import { speak } from "./strings.js";
import { listThreads } from "./threads.js";
import { leave, open } from "./turns.js";
import { prepare } from "./written.js";

const NOBODY = { project: null, threads: null, more: false, thread: null, panel: null, missing: false, notice: "" };

// Ask for the project with the key that there is, or with none where the server needs none.
export async function signIn() {
  let project;
  try {
    project = await reach(() => call("waypost/project"));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const refusal = key() ? "wrong" : "";
    forgetKey();
    set({ phase: "login", refusal: get().phase === "login" ? refusal || get().refusal : refusal });
    return;
  }
  await reach(() => prepare(project.markdown));
  const other = keptFor(project.user);
  speak(look.get("language") ?? project.language);
  document.title = project.name;
  set({ ...(other ? NOBODY : {}), project, phase: "ready", refusal: "", draft: draft.get() });
  await Promise.all([listThreads(), route({ again: true })]);
}

// The server takes the key no more; what was typed and shown waits for the same person.
export function ended() {
  if (get().phase !== "ready") return;
  leave();
  forgetKey();
  set({ phase: "login", refusal: "ended", menu: false, threads: null });
}

export function signOut() {
  leave();
  forgetAll();
  history.replaceState(null, "", location.pathname);
  set({ ...NOBODY, phase: "login", refusal: "", draft: "", menu: false });
}

// Show the conversation that the address names.
export async function route({ again = false } = {}) {
  const id = decodeURIComponent(location.hash.slice(1));
  const shown = get().thread;
  if (!id) {
    leave();
    set({ thread: null, missing: false, menu: false });
  } else if (again || shown?.id !== id || !shown.turns.length) {
    const known = get().threads?.find((one) => one.id === id);
    set({ menu: false });
    await open(id, known?.title ?? "");
  }
}

export function describe(error) {
  return error instanceof Failed ? `${error.status} ${error.message}` : String(error?.message ?? error);
}
