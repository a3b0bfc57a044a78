// The sources of an answer: markers in its text, and a list below it, which open the passage in place.
import { html } from "../html.js";
import { titleOf } from "../names.js";
import { place } from "../place.js";
import { t } from "../strings.js";
import { seen } from "../visible.js";
import { openPanel } from "./panel.js";

const opener = (number, cited, turn) => (event) =>
  openPanel({ kind: "source", number, cited, calls: turn.details?.tool_calls ?? [] }, event.currentTarget);

export function Marker({ number, cited, turn }) {
  const label = t("source", { number, title: titleOf(cited[0]) });
  return html`<button type="button" class="marker" aria-label=${label} title=${titleOf(cited[0])}
    onClick=${opener(number, cited, turn)}>[${number}]</button>`;
}

export function Sources({ turn }) {
  const { citations } = turn.answer;
  if (!citations.length) return null;
  const numbers = [...new Set(citations.map((one) => one.marker))].sort((a, b) => a - b);
  return html`<section class="sources" aria-label=${t("sources")}>
    <h4>${t("sources")}</h4>
    <ol>${numbers.map((number) => {
      const cited = citations.filter((one) => one.marker === number);
      return html`<${Source} key=${number} number=${number} cited=${cited} turn=${turn} />`;
    })}</ol>
  </section>`;
}

function Source({ number, cited, turn }) {
  const places = [...new Set(cited.map((one) => place(one.location)).filter(Boolean))];
  return html`<li data-marker=${number}>
    <button type="button" class="source" onClick=${opener(number, cited, turn)}>
      <span class="number">[${number}]</span> <span class="name">${titleOf(cited[0])}</span>
      ${places.length > 0 && html` <span class="faint">${places.join("; ")}</span>`}
    </button>
    ${cited.map((one) => html`<p class="quote" data-index=${one.index} data-document=${one.document}
      data-location=${JSON.stringify(one.location)}>${seen(one.text)}</p>`)}
  </li>`;
}
