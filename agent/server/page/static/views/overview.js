// What is here: the indexes and documents that the person may see.
import { call, post } from "../api.js";
import { html } from "../html.js";
import { Link, safe } from "../plain.js";
import { reach } from "../reach.js";
import { get, set } from "../store.js";
import { day, t } from "../strings.js";
import { useEffect, useState } from "../vendor/hooks.mjs";
import { seen } from "../visible.js";

const PAUSE = 250; // milliseconds after a key until it is searched

export function Overview() {
  const { project } = get();
  useEffect(() => {
    reach(() => call("waypost/project")).then((found) => set({ project: found }));
  }, []);
  return html`<p>${t("about_text")}</p>
    ${project.indexes.map((index) => html`<${Index} key=${index.name} index=${index} />`)}`;
}

function Index({ index }) {
  const [open, setOpen] = useState(false);
  const count = index.documents === 1 ? t("one_document") : t("documents", { count: index.documents });
  return html`<section class="index" data-name=${index.name}>
    <h3>${index.title}</h3>
    <p class="faint">${count}</p>
    <p>${index.description}</p>
    ${index.documents > 0 && html`<button type="button" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      ${t("show_documents")}<span class="hidden"> ${index.title}</span></button>`}
    ${open && html`<${Documents} index=${index} />`}
  </section>`;
}

function Documents({ index }) {
  const [find, setFind] = useState("");
  const [found, setFound] = useState(null);
  const read = (offset, signal) =>
    reach(() => post("waypost/documents", { index: index.name, find, offset }, { signal }), signal);
  useEffect(() => {
    const controller = new AbortController();
    const timer = setTimeout(() => read(0, controller.signal).then(setFound), find ? PAUSE : 0);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [find]);
  const more = async () => {
    const next = await read(found.documents.length);
    setFound({ ...next, documents: [...found.documents, ...next.documents] });
  };
  return html`<div class="documents">
    <input type="search" aria-label=${`${t("find")}: ${index.title}`} placeholder=${t("find")} value=${find}
      onInput=${(event) => setFind(event.target.value)} />
    ${found?.total === 0 && html`<p>${t("none_found")}</p>`}
    <ul>${found?.documents.map((one) => html`<${Document} key=${one.document} document=${one} />`)}</ul>
    ${found && found.documents.length < found.total && html`<button type="button" onClick=${more}>${t("more")}</button>`}
  </div>`;
}

function Document({ document }) {
  const target = safe(document.uri);
  const title = seen(document.title);
  const said = [
    document.date && t("dated", { date: day(document.date) }),
    (document.effective || document.expires) &&
      t("valid", { from: document.effective || "…", to: document.expires || "…" }),
    t("chunks", { count: document.chunks }),
    document.synced && t("synced", { date: day(document.synced) }),
  ];
  return html`<li>
    <span>${target ? html`<${Link} to=${target}>${title}</${Link}>` : title}</span>
    <span class="faint">${said.filter(Boolean).join(" · ")}</span>
    <span class="faint path">${seen(document.document)}</span>
    ${document.warnings.map((one) => html`<span class="doubt">${one}</span>`)}
  </li>`;
}
