// A thread's state as turns: each a question, what became of it, and its answer.

// id, question, status: sending | running | waiting | done | stopped | failed | unfinished,
// run, text (as it is told), route, passages, calls, answer {id, text, citations, action}, details
// (the server's Answer), request (what a person is to decide), decision (its id), error.
export function turnsOf(state, known = []) {
  const details = new Map(known.filter((one) => one.answer).map((one) => [one.answer.id, one.details]));
  const turns = [];
  for (const message of state.values.messages ?? []) {
    if (message.type === "human") {
      turns.push({ id: message.id, question: textOf(message), status: "unfinished" });
    } else if (turns.length) {
      const { citations = [], action = "" } = message.additional_kwargs ?? {};
      const answer = { id: message.id, text: textOf(message), citations, action };
      Object.assign(turns.at(-1), { status: "done", answer, details: details.get(message.id) ?? null });
    }
  }
  const last = turns.at(-1);
  if (last) finish(last, state);
  return turns;
}

// The last turn may wait, or may have ended in the middle.
function finish(last, state) {
  const [interrupt] = state.interrupts ?? state.tasks.flatMap((one) => one.interrupts ?? []);
  if (interrupt) {
    Object.assign(last, { status: "waiting", request: interrupt.value, decision: interrupt.id, answer: null });
  } else if (last.answer && (state.next.length || state.tasks.length)) {
    Object.assign(last, { status: "unfinished", answer: null }); // it went on after an approval
  } else if (last.answer) {
    last.details = state.values.answer ?? null;
  }
  last.route = state.values.route ?? null;
}

function textOf(message) {
  if (typeof message.content === "string") return message.content;
  return message.content.map((part) => part.text ?? "").join("");
}
