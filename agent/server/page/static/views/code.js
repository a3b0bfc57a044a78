// A block of code, which can be copied.
import { html } from "../html.js";
import { t } from "../strings.js";
import { useState } from "../vendor/hooks.mjs";

export function Code({ text, language }) {
  return html`<figure class="code">
    <figcaption><span>${language.split(/\s/)[0]}</span><${Copy} text=${text} /></figcaption>
    <pre tabindex="0" role="region" aria-label=${t("code")}><code>${text}</code></pre>
  </figure>`;
}

export function Copy({ text }) {
  const [done, setDone] = useState(false);
  const copied = async () => {
    await copy(text);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return html`<button type="button" class="quiet" onClick=${copied}>${t(done ? "copied" : "copy")}</button>`;
}

// The clipboard is only there on pages with TLS or of this machine.
async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const box = document.createElement("textarea");
  box.value = text;
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}
