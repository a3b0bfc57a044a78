// The conversations, and what belongs to the whole page.
import { html } from "../html.js";
import { look } from "../kept.js";
import { route, signOut } from "../session.js";
import { get, set } from "../store.js";
import { language, speak, t } from "../strings.js";
import { paint } from "../theme.js";
import { listOlder, remove, rename } from "../threads.js";
import { useLayoutEffect, useRef, useState } from "../vendor/hooks.mjs";
import { openPanel } from "./panel.js";

const THEMES = ["", "light", "dark"];

export function Side({ state, covered }) {
  return html`<header class="bar" inert=${covered || state.menu}>
      <button type="button" class="quiet" aria-expanded=${state.menu} aria-controls="side" onClick=${() => set({ menu: true })}>
        <span aria-hidden="true">☰</span><span class="hidden">${t("menu")}</span></button>
      <span class="name">${titleOf(state) || state.project.name}</span>
      <button type="button" class="quiet" onClick=${begin}><span aria-hidden="true">＋</span>
        <span class="hidden">${t("new_conversation")}</span></button>
    </header>
    <div class="shade" onClick=${() => set({ menu: false })}></div>
    <nav id="side" aria-label=${t("conversations")} inert=${covered}>
      <h1>${state.project.name}</h1>
      <button type="button" class="new" onClick=${begin}>${t("new_conversation")}</button>
      <${Threads} threads=${state.threads} shown=${state.thread?.id} more=${state.more} />
      <${Foot} project=${state.project} />
    </nav>`;
}

const titleOf = ({ thread, threads }) =>
  thread && (threads?.find((one) => one.id === thread.id)?.title || thread.title);

function begin() {
  history.pushState(null, "", location.pathname);
  route();
  document.getElementById("question")?.focus();
}

function Threads({ threads, shown, more }) {
  if (!threads) return html`<div class="threads"></div>`;
  if (!threads.length) return html`<p class="threads faint">${t("no_conversations")}</p>`;
  return html`<div class="threads">
    <ul>${threads.map((one) => html`<${Thread} key=${one.id} thread=${one} shown=${one.id === shown} />`)}</ul>
    ${more && html`<button type="button" class="quiet" onClick=${listOlder}>${t("older")}</button>`}
  </div>`;
}

function Thread({ thread, shown }) {
  const [doing, setDoing] = useState(""); // "", "menu", "rename", "delete"
  const options = useRef(null);
  const done = () => {
    setDoing("");
    options.current?.focus();
  };
  const title = thread.title || t("untitled");
  const go = (event) => {
    event.preventDefault();
    history.pushState(null, "", `#${thread.id}`);
    set({ menu: false });
    route();
  };
  const escape = (event) => {
    if (event.key !== "Escape" || !doing) return;
    event.preventDefault();
    done();
  };
  const deleted = async () => {
    await remove(thread.id);
    if (get().thread?.id === thread.id) begin();
  };
  return html`<li class=${shown ? "shown" : ""} onKeyDown=${escape}>
    ${doing === "rename"
      ? html`<${Rename} thread=${thread} done=${done} />`
      : html`<a href=${`#${thread.id}`} aria-current=${shown ? "page" : null} onClick=${go}>${title}</a>`}
    <button type="button" class="quiet more" ref=${options} aria-label=${t("options", { title })}
      aria-expanded=${doing === "menu"} onClick=${() => setDoing(doing ? "" : "menu")}>⋯</button>
    ${doing === "menu" && html`<div class="choices">
      <button type="button" class="quiet" onClick=${() => setDoing("rename")}>${t("rename")}</button>
      <button type="button" class="quiet" onClick=${() => setDoing("delete")}>${t("delete")}</button>
    </div>`}
    ${doing === "delete" && html`<div class="choices" role="group" aria-label=${t("delete_sure")}>
      <span>${t("delete_sure")}</span>
      <${Focused} onClick=${deleted}>${t("delete")}</${Focused}>
      <button type="button" class="quiet" onClick=${done}>${t("cancel")}</button>
    </div>`}
  </li>`;
}

function Focused({ onClick, children }) {
  const button = useRef(null);
  useLayoutEffect(() => button.current.focus(), []);
  return html`<button type="button" class="quiet strong" ref=${button} onClick=${onClick}>${children}</button>`;
}

function Rename({ thread, done }) {
  const box = useRef(null);
  useLayoutEffect(() => box.current.select(), []);
  const save = async (event) => {
    event.preventDefault();
    const title = box.current.value.trim();
    done();
    if (title && title !== thread.title) await rename(thread.id, title.slice(0, 200));
  };
  return html`<form class="rename" onSubmit=${save}>
    <input ref=${box} aria-label=${t("rename_label")} defaultValue=${thread.title} maxlength="200" />
    <button type="submit" class="quiet">${t("save")}</button>
  </form>`;
}

function Foot({ project }) {
  const [theme, setTheme] = useState(look.get("theme") ?? "");
  const painted = () => {
    const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    look.set("theme", next);
    paint(next);
    setTheme(next);
  };
  const other = () => {
    const next = language() === "zh" ? "en" : "zh";
    look.set("language", next);
    speak(next);
    set({ menu: get().menu, said: next }); // everything is told anew
  };
  const about = (event) => openPanel({ kind: "overview" }, event.currentTarget);
  return html`<div class="foot">
    <button type="button" class="quiet" onClick=${about}>${t("about")}</button>
    <button type="button" class="quiet" onClick=${painted}>${t(`theme_${theme || "auto"}`)}</button>
    <button type="button" class="quiet" lang=${language() === "zh" ? "en" : "zh-CN"} onClick=${other}>${t("language")}</button>
    <p class="faint">${project.signed_in ? t("as_user", { user: project.user }) : t("as_anyone")}</p>
    ${project.signed_in && html`<button type="button" class="quiet" onClick=${signOut}>${t("sign_out")}</button>`}
  </div>`;
}
