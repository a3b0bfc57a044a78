// Asking, following, stopping and deciding: what goes to LangGraph's API, so that nothing is asked twice.
//
// A run carries the id of what asked for it in its metadata, and a question that of its message. After a
// lost connection the server's own runs and state say whether there is anything left to ask for.
import { Failed, Offline, call, post, request } from "./api.js";
import { asked, draft } from "./kept.js";
import { uuid } from "./random.js";
import { pause, reach } from "./reach.js";
import { change, get, set } from "./store.js";
import { eventsOf } from "./stream.js";
import { t } from "./strings.js";
import { noteThread } from "./threads.js";
import { turnsOf } from "./transcript.js";

const ACTIVE = new Set(["pending", "running"]);
const TITLE = 80; // characters of a first question that name its conversation

let following = null; // an AbortController, of the turn that is shown

export function leave() {
  following?.abort();
  following = null;
}

// --- what a person does --------------------------------------------------------------------------

export function ask(text) {
  const question = text.trim();
  const turn = { id: uuid(), question, status: "sending", text: "" };
  const thread = get().thread ?? { id: uuid(), title: titleOf(question), turns: [] };
  const before = thread.turns.map((one) => (one.status === "waiting" ? { ...one, status: "stopped" } : one));
  set({ thread: { ...thread, turns: [...before, turn] }, missing: false, notice: "" });
  typed("");
  if (location.hash.slice(1) !== thread.id) history.pushState(null, "", `#${thread.id}`);
  noteThread(thread.id, thread.title);
  return pursue(thread.id, turn.id, { id: turn.id, body: { input: inputOf(turn) } });
}

export function typed(text) {
  draft.set(text);
  set({ draft: text });
}

export function decide(turn, decisions) {
  const thread = get().thread.id;
  change(thread, turn.id, { status: "running", request: null, text: "" });
  const body = { command: { resume: { decisions } } };
  return pursue(thread, turn.id, { id: uuid(), body, decision: turn.decision });
}

// A turn that was stopped, or that ended with its server, goes on where it was.
export function goOn(turn) {
  const thread = get().thread.id;
  change(thread, turn.id, { status: "running", error: null, text: "" });
  return pursue(thread, turn.id, { id: uuid(), body: { input: null } });
}

export async function stop(turn) {
  const thread = get().thread.id;
  change(thread, turn.id, { stopping: true });
  if (turn.run) await cancel(thread, turn.run);
}

const cancel = (thread, run) =>
  reach(() => post(`threads/${thread}/runs/${run}/cancel?action=interrupt`, {})).catch((error) => {
    if (!(error instanceof Failed)) throw error; // it has just ended
  });

// --- opening a conversation ----------------------------------------------------------------------

export async function open(thread, title) {
  leave();
  const controller = (following = new AbortController());
  set({ thread: { id: thread, title, turns: [] }, loading: true, missing: false, panel: null });
  const waiting = asked.get();
  try {
    if (waiting?.thread === thread) await resumeAsking(waiting);
    else await show(thread, controller.signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Failed)) throw error;
    set({ thread: null, missing: true });
  } finally {
    if (get().thread?.id === thread || get().missing) set({ loading: false });
  }
}

// A question was sent and the page was loaded anew before its run was known.
function resumeAsking({ thread, turn, question }) {
  const one = { id: turn, question, status: "sending", text: "" };
  set({ thread: { ...get().thread, turns: [one] }, loading: false });
  return pursue(thread, turn, { id: turn, body: { input: inputOf(one) }, sent: true });
}

// What became of the conversation elsewhere, in another tab say, while this page was not looked at.
export async function refresh() {
  const thread = get().thread;
  if (following || !thread?.turns.length || !get().online) return;
  const controller = (following = new AbortController());
  try {
    await show(thread.id, controller.signal);
  } catch (error) {
    if (error.name !== "AbortError" && !(error instanceof Failed)) throw error;
  } finally {
    if (following === controller) following = null;
  }
}

async function show(thread, signal) {
  const state = await reach(() => call(`threads/${thread}/state`, { signal }), signal);
  const runs = await reach(() => call(`threads/${thread}/runs?limit=1`, { signal }), signal);
  const turns = turnsOf(state, get().thread?.turns);
  const active = runs.find((run) => ACTIVE.has(run.status));
  set({ thread: { ...get().thread, turns }, loading: false });
  const last = turns.at(-1);
  if (!last) return undefined;
  if (!active) {
    if (last.status === "unfinished" && runs[0]) change(thread, last.id, endOf(runs[0], last));
    return undefined;
  }
  change(thread, last.id, { status: "running", run: active.run_id, answer: null, request: null });
  return pursue(thread, last.id, { id: active.metadata.question, run: active.run_id, sent: true });
}

// --- following a turn ----------------------------------------------------------------------------

// intent: {id, body: of the run to make, decision: what it decides, run: if it is known, sent: it may exist}
async function pursue(thread, turn, intent) {
  leave();
  const controller = (following = new AbortController());
  const { signal } = controller;
  const told = (changed) => change(thread, turn, changed);
  try {
    let failures = 0;
    let todo = intent.sent ? await next(thread, turn, intent, signal) : "post";
    while (todo !== "show") {
      try {
        if (todo === "post") await begin(thread, turn, intent, told, signal);
        else if (todo === "go on") await begin(thread, turn, { ...intent, body: { input: null } }, told, signal);
        else {
          told({ status: "running", run: todo });
          await follow(await joined(thread, todo, signal), told, false);
        }
      } catch (error) {
        if (!(error instanceof Offline)) throw error;
        set({ online: false });
        told({ text: "" });
        await pause((failures += 1), signal);
      }
      todo = await next(thread, turn, intent, signal);
    }
  } catch (error) {
    if (error.name === "AbortError") return; // another conversation is shown; the run goes on
    if (error instanceof Failed) await failed(thread, turn, intent, error);
    else {
      withdrawn(thread, turn);
      throw error;
    }
  } finally {
    if (following === controller) following = null;
  }
}

async function begin(thread, turn, intent, told, signal) {
  const first = intent.id === turn;
  if (first) {
    asked.set({ thread, turn, question: turnOf(turn).question });
    await reach(() => made(thread, signal), signal);
  }
  const response = await request(`threads/${thread}/runs/stream`, {
    method: "POST",
    signal,
    body: {
      assistant_id: "waypost",
      ...intent.body,
      metadata: { question: intent.id },
      stream_mode: ["custom"],
      durability: "sync", // its steps outlive a crash of the server
      multitask_strategy: "reject",
      on_disconnect: "continue",
    },
  });
  const run = response.headers.get("content-location")?.split("/").pop() ?? null;
  told({ status: "running", run });
  if (turnOf(turn)?.stopping && run) await cancel(thread, run);
  await follow(response, told, true);
}

// With the graph's name the server can read a state that outlived its list of threads.
const made = (thread, signal) => {
  const metadata = { title: get().thread.title, graph_id: "waypost" };
  return post("threads", { thread_id: thread, if_exists: "do_nothing", metadata }, { signal });
};

const joined = (thread, run, signal) =>
  request(`threads/${thread}/runs/${run}/stream?stream_mode=custom`, { signal });

// Show what a run tells; of one that was joined later the beginning of its text is not known.
async function follow(response, told, whole) {
  let text = "";
  const calls = [];
  for await (const { event, data } of eventsOf(response)) {
    if (event === "error") told({ error: data });
    if (event === "metadata" && data?.run_id) told({ run: data.run_id });
    if (event !== "custom") continue;
    if (data.type === "token" && whole) told({ text: (text += data.text) });
    else if (data.type === "restart") told({ text: (text = "") });
    else if (data.type === "route") told({ route: data.route });
    else if (data.type === "passages") told({ passages: data.passages.length });
    else if (data.type === "tool") {
      calls.push(data.call);
      told({ calls: [...calls] });
    }
  }
}

// What is left to do, as the server knows it: "show" what it has, "post", "go on", or a run to join.
async function next(thread, turn, intent, signal) {
  const read = (path) => reach(() => call(path, { signal }), signal);
  let runs;
  let state;
  try {
    runs = await read(`threads/${thread}/runs?limit=10`);
    state = await read(`threads/${thread}/state`);
  } catch (error) {
    if (!(error instanceof Failed) || error.status !== 404) throw error;
    await reach(() => made(thread, signal), signal); // the server lost its list of threads in a crash
    return next(thread, turn, intent, signal);
  }
  const active = runs.find((run) => ACTIVE.has(run.status));
  if (active) return active.run_id;
  const mine = runs.find((run) => run.metadata?.question === intent.id);
  const turns = turnsOf(state, get().thread?.turns);
  const known = turns.find((one) => one.id === turn);
  if (!mine && !known && intent.id !== turn) throw new Failed(404, "");
  if (!mine && !known) return "post";
  if (!mine && intent.decision && known.decision === intent.decision) return "post";
  if (!mine && known.status === "unfinished" && known === turns.at(-1)) return "go on";
  shown(thread, turn, turns, mine);
  return "show";
}

function shown(thread, turn, turns, run) {
  asked.set(null);
  if (get().thread?.id !== thread) return;
  const before = get().thread.turns.find((one) => one.id === turn);
  const known = turns.find((one) => one.id === turn);
  if (!known) turns.push({ ...before, ...endOf(run, before) }); // it ended before its first step
  else if (known.status === "unfinished" && run) Object.assign(known, endOf(run, before));
  set({ thread: { ...get().thread, turns }, notice: noticeOf(known) });
  noteThread(thread, get().thread.title);
}

// What is read out to those who hear the page.
function noticeOf(turn) {
  if (turn?.answer) return t("answered", { text: turn.answer.text });
  return turn?.status === "waiting" ? t("approval") : "";
}

function endOf(run, turn) {
  const status = { interrupted: "stopped", error: "failed", timeout: "failed" }[run.status];
  return { status: status ?? "unfinished", error: turn?.error ?? null, run: run.run_id };
}

// The server does not take the run: say so at the question.
async function failed(thread, turn, intent, error) {
  asked.set(null);
  if (error.status === 409) {
    change(thread, turn, { status: "failed", error: { error: "busy" } });
    return;
  }
  change(thread, turn, { status: "failed", error: { error: String(error.status), message: error.message } });
}

// A key that counts no more: a question that no run has goes back to where it was typed.
function withdrawn(thread, turn) {
  const one = turnOf(turn);
  if (get().thread?.id !== thread || !one || one.run) return;
  asked.set(null);
  if (!get().draft) typed(one.question);
  const turns = get().thread.turns.filter((other) => other !== one);
  if (!turns.length) history.replaceState(null, "", location.pathname); // nothing of it is on the server
  set({ thread: turns.length ? { ...get().thread, turns } : null });
}

const turnOf = (id) => get().thread?.turns.find((one) => one.id === id);
const inputOf = (turn) => ({ messages: [{ role: "user", content: turn.question, id: turn.id }] });
const titleOf = (question) => question.replace(/\s+/g, " ").slice(0, TITLE);
