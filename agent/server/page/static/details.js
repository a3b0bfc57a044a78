// The server's Answer of a turn: known, or read from the history of its conversation.
import { change } from "./store.js";
import { detailsOf } from "./threads.js";
import { useEffect } from "./vendor/hooks.mjs";

export function useDetails(turn, thread) {
  useEffect(() => {
    if (turn.details) return;
    detailsOf(thread, turn.answer.id).then((details) => change(thread, turn.id, { details: details ?? false }));
  }, []);
  return turn.details; // null: being read; false: nothing is kept of it
}
