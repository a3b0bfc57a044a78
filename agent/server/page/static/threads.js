// The person's conversations: listed, named, deleted.
import { Failed, call, post } from "./api.js";
import { reach } from "./reach.js";
import { get, set } from "./store.js";

const PAGE = 50;

export async function listThreads() {
  const found = await page(0);
  set({ threads: found, more: found.length === PAGE });
}

export async function listOlder() {
  const known = get().threads;
  const found = await page(known.length);
  const ids = new Set(known.map((one) => one.id)); // one that was used meanwhile has moved
  set({ threads: [...known, ...found.filter((one) => !ids.has(one.id))], more: found.length === PAGE });
}

async function page(offset) {
  const body = {
    limit: PAGE,
    offset,
    sort_by: "updated_at",
    sort_order: "desc",
    select: ["thread_id", "metadata", "updated_at"],
  };
  const found = await reach(() => post("threads/search", body));
  return found.map((one) => ({ id: one.thread_id, title: one.metadata?.title ?? "", updated: one.updated_at }));
}

// A conversation in which something was asked becomes the first.
export function noteThread(id, title) {
  const others = (get().threads ?? []).filter((one) => one.id !== id);
  const known = (get().threads ?? []).find((one) => one.id === id);
  set({ threads: [{ id, title: known?.title || title, updated: new Date().toISOString() }, ...others] });
}

export async function rename(id, title) {
  const threads = get().threads.map((one) => (one.id === id ? { ...one, title } : one));
  const thread = get().thread;
  set({ threads, thread: thread?.id === id ? { ...thread, title } : thread });
  await reach(() => call(`threads/${id}`, { method: "PATCH", body: { metadata: { title } } }));
}

export async function remove(id) {
  try {
    await reach(() => call(`threads/${id}`, { method: "DELETE" }));
  } catch (error) {
    if (!(error instanceof Failed) || error.status !== 404) throw error; // it is gone already
  }
  set({ threads: get().threads.filter((one) => one.id !== id) });
}

// The server's Answer of an earlier turn, from the thread's history.
export async function detailsOf(thread, answer) {
  let before;
  for (;;) {
    const states = await reach(() => post(`threads/${thread}/history`, { limit: 10, before }));
    const state = states.find((one) => one.values.messages?.at(-1)?.id === answer && one.values.answer);
    if (state) return state.values.answer;
    if (states.length < 10) return null;
    before = states.at(-1).checkpoint;
  }
}
