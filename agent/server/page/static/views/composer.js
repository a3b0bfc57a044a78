// Where a question is typed: Enter sends it, Shift+Enter begins a new line, an input method keeps its Enter.
import { html } from "../html.js";
import { t } from "../strings.js";
import { ask, stop, typed } from "../turns.js";
import { useEffect, useLayoutEffect, useRef } from "../vendor/hooks.mjs";

const COMPOSING = 229; // the key code of a key that an input method takes

export function Composer({ state }) {
  const box = useRef(null);
  const last = state.thread?.turns.at(-1);
  const busy = last && (last.status === "running" || last.status === "sending");
  const most = state.project.question_characters;
  const long = state.draft.trim().length > most;
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) box.current.focus();
  }, [state.thread?.id]);
  useLayoutEffect(() => {
    box.current.style.height = "auto";
    box.current.style.height = `${box.current.scrollHeight + 2}px`;
  }, [state.draft]);
  const send = (event) => {
    event?.preventDefault();
    if (busy || long || state.loading || !state.draft.trim()) return;
    ask(state.draft);
    box.current.focus();
  };
  const pressed = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === COMPOSING) return;
    send(event);
  };
  return html`<form class="composer" onSubmit=${send}>
    <p class="problem" role="alert" id="question-problem">
      ${long && t("too_long", { count: most, found: state.draft.trim().length })}
    </p>
    <div class="box">
      <label class="hidden" for="question">${t("ask_label")}</label>
      <textarea id="question" ref=${box} rows="1" placeholder=${t("ask_placeholder")} value=${state.draft}
        aria-describedby="question-problem" aria-invalid=${long ? "true" : "false"} enterkeyhint="send"
        onInput=${(event) => typed(event.target.value)} onKeyDown=${pressed}></textarea>
      ${busy
        ? html`<button type="button" class="main stop" disabled=${last.stopping} onClick=${() => stop(last)}>
            ${t("stop")}</button>`
        : html`<button type="submit" class="main" aria-disabled=${!state.draft.trim() || long}>${t("send")}</button>`}
    </div>
  </form>`;
}
