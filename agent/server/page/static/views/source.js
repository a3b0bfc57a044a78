// A source in its document: the cited stretches marked in their passage, its neighbours around it.
import { Failed, post } from "../api.js";
import { html } from "../html.js";
import { Link, safe } from "../plain.js";
import { nameOf, titleOf } from "../names.js";
import { place } from "../place.js";
import { reach } from "../reach.js";
import { t } from "../strings.js";
import { useEffect, useRef, useState } from "../vendor/hooks.mjs";
import { seen } from "../visible.js";

export function Source({ panel }) {
  const { cited, calls } = panel;
  const [first] = cited;
  const [found, setFound] = useState(undefined); // null: the passage is not there any more
  const mark = useRef(null);
  useEffect(() => {
    const controller = new AbortController();
    setFound(undefined);
    if (first.index) passageOf(first, controller.signal).then(setFound);
    return () => controller.abort();
  }, [panel]);
  useEffect(() => mark.current?.scrollIntoView({ block: "center" }), [found]);
  const places = [...new Set(cited.map((one) => place(one.location)).filter(Boolean))];
  return html`<div class="document">
    <h3>${titleOf(first)}</h3>
    ${places.length > 0 && html`<p>${places.join("; ")}</p>`}
    ${first.index ? html`<${Where} citation=${first} />` : html`<${Calls} citation=${first} calls=${calls} />`}
    ${first.index && found === undefined && html`<p role="status" class="faint">${t("reading_source")}</p>`}
    ${found === null && html`<p class="doubt">${t("changed")}</p>`}
    ${found?.before && html`<div class="around" role="group" aria-label=${t("before")}>${seen(found.before)}</div>`}
    ${found && html`<div class="passage" role="group" aria-label=${t("passage")}>${highlighted(found.text, cited, mark)}</div>`}
    ${found?.after && html`<div class="around" role="group" aria-label=${t("after")}>${seen(found.after)}</div>`}
    ${found === null && cited.map((one) => html`<div class="passage"><mark>${seen(one.text)}</mark></div>`)}
  </div>`;
}

async function passageOf(citation, signal) {
  const { index, document, text } = citation;
  try {
    return await reach(() => post("waypost/passage", { index, document, text }, { signal }), signal);
  } catch (error) {
    if (error instanceof Failed && error.status === 404) return null;
    throw error;
  }
}

function Where({ citation }) {
  const target = safe(citation.uri);
  return html`<p class="faint">${nameOf(citation.index)} · ${target
    ? html`<${Link} to=${target}>${t("open_document")}</${Link}>`
    : html`<span class="path">${seen(citation.document)}</span>`}</p>`;
}

function Calls({ citation, calls }) {
  const made = calls.filter((one) => one.name === citation.title);
  if (!made.length) return html`<div class="passage"><mark>${seen(citation.text)}</mark></div>`;
  return made.map((one) => html`<pre tabindex="0" role="region" aria-label=${t("arguments")}>${JSON.stringify(one.args, null, 2)}</pre>
    <pre class="passage" tabindex="0" role="region" aria-label=${t("tool_result", { tool: one.name })}>${
      typeof one.result === "string" ? one.result : JSON.stringify(one.result, null, 2)}</pre>`);
}

// Mark where the cited stretches stand; those that overlap are one.
function highlighted(text, cited, first) {
  const places = cited
    .map((one) => [text.indexOf(one.text), one.text.length])
    .filter(([start]) => start >= 0)
    .sort((a, b) => a[0] - b[0]);
  const parts = [];
  let at = 0;
  for (const [start, length] of places) {
    const end = start + length;
    if (end <= at) continue;
    const from = Math.max(start, at);
    parts.push(seen(text.slice(at, from)), html`<mark ref=${parts.length ? null : first}>${seen(text.slice(from, end))}</mark>`);
    at = end;
  }
  return [...parts, seen(text.slice(at))];
}
