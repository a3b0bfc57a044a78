// What the page knows: one object that is replaced by a changed copy, and who wants to know.
import { useEffect, useReducer } from "./vendor/hooks.mjs";

const listeners = new Set();

let state = {
  phase: "starting", // then "login" or "ready"
  refusal: "", // why a login is asked for: "wrong", "ended"
  project: null,
  online: true,
  threads: null, // newest first; null: not read yet
  more: false, // there are older ones
  thread: null, // {id, title, turns}; null: a new conversation
  loading: false,
  missing: false, // the address names a conversation that is not there
  draft: "",
  panel: null, // {kind: "source", …} or {kind: "overview"}
  menu: false, // the list of conversations, on small screens
  notice: "", // for those who hear the page
};

export const get = () => state;

export function set(change) {
  state = { ...state, ...change };
  for (const listener of listeners) listener();
}

export function useStore() {
  const [, again] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    listeners.add(again);
    again();
    return () => listeners.delete(again);
  }, []);
  return state;
}

// Change one turn of the conversation that is shown; of another there is nothing to change.
export function change(thread, turn, changed) {
  if (state.thread?.id !== thread) return;
  const turns = state.thread.turns.map((one) => (one.id === turn ? { ...one, ...changed } : one));
  set({ thread: { ...state.thread, turns } });
}
