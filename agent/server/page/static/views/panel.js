// The panel beside the conversation: a source in its document, or what is here. Esc closes it.
import { html } from "../html.js";
import { get, set } from "../store.js";
import { t } from "../strings.js";
import { useLayoutEffect, useRef } from "../vendor/hooks.mjs";
import { Overview } from "./overview.js";
import { Source } from "./source.js";

export function openPanel(panel, opener) {
  const back = get().panel?.back ?? opener;
  const close = () => {
    set({ panel: null });
    (opener.isConnected ? opener : back).focus();
  };
  set({ panel: { ...panel, back, close }, menu: false });
}

export function Panel({ panel }) {
  const heading = useRef(null);
  useLayoutEffect(() => heading.current?.focus(), [panel]);
  if (!panel) return null;
  const title = panel.kind === "source" ? t("source_title", { number: panel.number }) : t("about");
  return html`<aside class="panel" aria-labelledby="panel-title">
    <header>
      <h2 id="panel-title" ref=${heading} tabindex="-1">${title}</h2>
      <button type="button" class="quiet" onClick=${panel.close}>${t("close")}</button>
    </header>
    <div class="body" tabindex="0" role="region" aria-labelledby="panel-title">
      ${panel.kind === "source" ? html`<${Source} panel=${panel} />` : html`<${Overview} />`}
    </div>
  </aside>`;
}
