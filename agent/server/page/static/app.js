// The page: starts, follows the address and the keyboard, and shows a login or the conversation.
import { Refused } from "./api.js";
import { html } from "./html.js";
import { look } from "./kept.js";
import { describe, ended, route, signIn } from "./session.js";
import { get, set, useStore } from "./store.js";
import { language, speak, t } from "./strings.js";
import { paint } from "./theme.js";
import { refresh } from "./turns.js";
import { render } from "./vendor/preact.mjs";
import { Composer } from "./views/composer.js";
import { Log } from "./views/log.js";
import { Login } from "./views/login.js";
import { Panel } from "./views/panel.js";
import { Side } from "./views/side.js";

function App() {
  const state = useStore();
  if (state.phase === "starting") {
    return html`<main class="login"><p role="status">${t(state.online ? "opening" : "offline")}</p></main>`;
  }
  if (state.phase === "login") {
    return html`<${Banner} state=${state} /><${Login} refusal=${state.refusal} />`;
  }
  const covered = (state.panel !== null || state.menu) && !matchMedia("(min-width: 60rem)").matches;
  return html`<a class="skip" href="#question" onClick=${toQuestion}>${t("skip")}</a>
    <div class=${`shell ${state.panel ? "with-panel" : ""} ${state.menu ? "with-menu" : ""}`}>
      <${Side} state=${state} covered=${covered && !state.menu} />
      <main inert=${covered}>
        <${Banner} state=${state} />
        <${Log} state=${state} />
        <${Composer} state=${state} />
      </main>
      <${Panel} panel=${state.panel} />
    </div>
    <div class="hidden" role="status" aria-live="polite">${state.notice}</div>`;
}

function Banner({ state }) {
  return html`<div class="banners" role="status">
    ${!state.online && html`<p class="banner">${t("offline")}</p>`}
    ${state.trouble && html`<p class="banner">${t("trouble", { detail: state.trouble })}
      <button type="button" class="quiet" onClick=${() => set({ trouble: "" })}>${t("dismiss")}</button></p>`}
  </div>`;
}

function toQuestion(event) {
  event?.preventDefault();
  document.getElementById("question")?.focus();
}

const writing = (element) =>
  element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement ||
  (element instanceof HTMLInputElement && element.type !== "checkbox");

addEventListener("keydown", (event) => {
  if (get().phase !== "ready" || event.isComposing) return;
  const wanted = (event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !writing(event.target));
  if (wanted) {
    set({ menu: false });
    toQuestion(event);
  } else if (event.key === "Escape" && !event.defaultPrevented) {
    if (get().panel) get().panel.close();
    else if (get().menu) set({ menu: false });
  }
});
addEventListener("popstate", () => get().phase === "ready" && route());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && get().phase === "ready") refresh();
});
addEventListener("unhandledrejection", (event) => {
  if (event.reason?.name === "AbortError") event.preventDefault();
  else if (event.reason instanceof Refused) {
    event.preventDefault();
    ended();
  } else set({ trouble: describe(event.reason) });
});

paint(look.get("theme"));
speak(language());
render(html`<${App} />`, document.getElementById("app"));
signIn();
