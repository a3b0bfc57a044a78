// A finished answer: its text, its sources, and what can be done with it.
import { html } from "../html.js";
import { titles } from "../names.js";
import { listed, t } from "../strings.js";
import { useState } from "../vendor/hooks.mjs";
import { isMarkdown, written } from "../written.js";
import { Copy } from "./code.js";
import { Correct } from "./correct.js";
import { Feedback } from "./feedback.js";
import { openPanel } from "./panel.js";
import { Marker, Sources } from "./sources.js";
import { Why } from "./why.js";

const LOW = 0.5; // confidence that is called low, as in the terminal

export function Answer({ turn, last, thread, project }) {
  const [why, setWhy] = useState(false);
  const [correcting, setCorrecting] = useState(false);
  const { answer, details } = turn;
  return html`<div class="answer" data-action=${answer.action}>
    <h3 class="hidden">${t("answer")}</h3>
    ${details?.route && answer.action !== "clarify" && html`<${Routed} route=${details.route} />`}
    ${(answer.action === "abstain" || answer.action === "clarify") &&
      html`<p class="label">${t(answer.action === "abstain" ? "refusal" : "clarify")}</p>`}
    <${Text} text=${answer.text} cited=${answer.citations} turn=${turn} />
    ${answer.action === "abstain" && html`<${Covered} project=${project} text=${answer.text} />`}
    <${Doubts} details=${details} />
    <${Sources} turn=${turn} />
    <div class="actions">
      <button type="button" class="quiet" aria-expanded=${why} onClick=${() => setWhy(!why)}>${t("why")}</button>
      <${Copy} text=${answer.text} />
      ${last && project.feedback && html`<${Feedback} thread=${thread} />`}
      ${project.correct && html`<button type="button" class="quiet" aria-expanded=${correcting}
        onClick=${() => setCorrecting(!correcting)}>${t("correct")}</button>`}
    </div>
    ${why && html`<${Why} turn=${turn} thread=${thread} />`}
    ${correcting && html`<${Correct} turn=${turn} thread=${thread} project=${project}
      close=${() => setCorrecting(false)} />`}
  </div>`;
}

export function Text({ text, cited, turn }) {
  const cite = (number) => {
    const found = cited.filter((one) => one.marker === number);
    return found.length ? html`<${Marker} number=${number} cited=${found} turn=${turn} />` : null;
  };
  return html`<div class=${isMarkdown() ? "text" : "text plain"}>${written(text, cite)}</div>`;
}

function Routed({ route }) {
  const names = route.indexes.map((one) => one.name);
  if (route.action === "act" && route.tools.length) {
    return html`<p class="routed">${t("routed_act", { targets: listed(route.tools) })}</p>`;
  }
  return names.length > 0 && html`<p class="routed">${t("routed_search", { targets: titles(names) })}</p>`;
}

function Covered({ project, text }) {
  const told = project.indexes.every((one) => text.includes(one.title));
  const about = (event) => openPanel({ kind: "overview" }, event.currentTarget);
  return html`<div class="covered">
    ${!told && html`<p>${t("covered")} ${listed(project.indexes.map((one) => one.title))}</p>`}
    ${project.contact && !text.includes(project.contact) && html`<p>${t("contact", { contact: project.contact })}</p>`}
    <button type="button" onClick=${about}>${t("about")}</button>
  </div>`;
}

function Doubts({ details }) {
  if (!details) return null;
  const cited = details.citations.length > 0;
  const doubts = [];
  if (cited && !details.grounded) doubts.push(t("not_grounded"));
  else if (cited && details.confidence < LOW) doubts.push(t("low"));
  if (details.limit) doubts.push(t("limit", { limit: details.limit }));
  return doubts.map((one) => html`<p class="doubt">${one}</p>`);
}
