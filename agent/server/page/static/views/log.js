// The conversation: its turns, or what there is to ask.
import { html } from "../html.js";
import { language, t } from "../strings.js";
import { ask } from "../turns.js";
import { useEffect, useLayoutEffect, useRef } from "../vendor/hooks.mjs";
import { Turn } from "./turn.js";

const NEAR = 60; // pixels that one may scroll before the page stops following
const ABOVE = 24; // pixels above the last question

// While an answer grows its end stays in view, as long as its question does, too.
export function Log({ state }) {
  const box = useRef(null);
  const at = useRef(0); // where the page has scrolled to
  const follows = useRef(true);
  const turns = state.thread?.turns ?? [];
  const last = turns.at(-1);
  const scroll = () => {
    if (!box.current) return;
    const { scrollHeight, clientHeight } = box.current;
    const question = box.current.querySelector(".turn:last-child");
    const top = question ? question.offsetTop - ABOVE : 0;
    if (follows.current) box.current.scrollTop = at.current = Math.min(scrollHeight - clientHeight, top);
  };
  useLayoutEffect(() => {
    follows.current = true;
  }, [state.thread?.id, turns.length]);
  useLayoutEffect(scroll);
  useEffect(() => {
    const frame = requestAnimationFrame(scroll); // once what came into view has its size
    return () => cancelAnimationFrame(frame);
  }, [last]);
  const scrolled = () => {
    follows.current = Math.abs(box.current.scrollTop - at.current) < NEAR;
  };
  return html`<section class="log" ref=${box} onScroll=${scrolled} aria-label=${t("conversation")}
      aria-busy=${state.loading} tabindex="0">
    ${!turns.length && !state.loading && html`<${Hello} project=${state.project} missing=${state.missing} />`}
    <div class="turns">
      ${turns.map(
        (turn) => html`<${Turn} key=${turn.id} turn=${turn} last=${turn === last} spoken=${language()}
          thread=${state.thread.id} project=${state.project} />`,
      )}
    </div>
  </section>`;
}

function Hello({ project, missing }) {
  return html`<div class="hello">
    ${missing && html`<p class="banner">${t("missing")}</p>`}
    <h2>${t("hello")}</h2>
    <p>${t("hello_text")}</p>
    ${project.examples.length > 0 && html`<p class="faint" id="examples">${t("try")}</p>
      <ul aria-labelledby="examples">
        ${project.examples.map(
          (one) => html`<li><button type="button" class="example" onClick=${() => ask(one)}>${one}</button></li>`,
        )}
      </ul>`}
  </div>`;
}
