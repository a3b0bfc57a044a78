// Whether the last answer was good, kept with its trace.
import { Failed, post } from "../api.js";
import { html } from "../html.js";
import { reach } from "../reach.js";
import { t } from "../strings.js";
import { useLayoutEffect, useRef, useState } from "../vendor/hooks.mjs";

export function Feedback({ thread }) {
  const [good, setGood] = useState(null);
  const [said, setSaid] = useState("");
  const box = useRef(null);
  useLayoutEffect(() => box.current?.focus(), [good]);
  const send = async (note) => {
    try {
      await reach(() => post("waypost/feedback", { thread, good, note }));
      setSaid("thanks");
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      setSaid("no_feedback");
    }
  };
  const submit = (event) => {
    event.preventDefault();
    send(box.current.value.trim());
  };
  if (said) return html`<span role="status" class="faint">${t(said)}</span>`;
  return html`<button type="button" class="quiet" aria-pressed=${good === true} aria-label=${t("good")} title=${t("good")}
      onClick=${() => setGood(true)}><${Thumb} /></button>
    <button type="button" class="quiet" aria-pressed=${good === false} aria-label=${t("bad")} title=${t("bad")}
      onClick=${() => setGood(false)}><${Thumb} down /></button>
    ${good !== null && html`<form class="note" onSubmit=${submit}>
      <input ref=${box} aria-label=${t("note")} placeholder=${t("note")} maxlength="4000" />
      <button type="submit">${t("send_note")}</button>
    </form>`}`;
}

function Thumb({ down }) {
  return html`<svg class=${down ? "thumb down" : "thumb"} viewBox="0 0 24 24" aria-hidden="true">
    <path d="M7 11v9H4v-9zM7 11l4-8c1.6 0 2.6 1 2.4 2.6L13 9h6c1.3 0 2.2 1.2 1.9 2.5l-1.6 7A2 2 0 0 1 17.3 20H7" />
  </svg>`;
}
