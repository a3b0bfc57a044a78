// Signing in with a key or a token.
import { html } from "../html.js";
import { keepKey } from "../kept.js";
import { signIn } from "../session.js";
import { t } from "../strings.js";
import { useEffect, useRef, useState } from "../vendor/hooks.mjs";

export function Login({ refusal }) {
  const [text, setText] = useState("");
  const [always, setAlways] = useState(false);
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [empty, setEmpty] = useState(false);
  const box = useRef(null);
  useEffect(() => box.current.focus(), [refusal]);
  const submit = async (event) => {
    event.preventDefault();
    setEmpty(!text.trim());
    if (!text.trim() || busy) return;
    setBusy(true);
    keepKey(text.trim(), always);
    await signIn();
    setBusy(false);
    box.current?.select();
  };
  const problem = empty ? t("no_key") : refusal && !busy ? t(refusal) : "";
  return html`<main class="login">
    <form onSubmit=${submit} novalidate>
      <h1>${t("sign_in_title")}</h1>
      <p id="login-text">${t("sign_in_text")}</p>
      <p class="problem" role="alert" id="login-problem">${problem}</p>
      <label for="key">${t("key")}</label>
      <div class="row">
        <input id="key" ref=${box} type=${shown ? "text" : "password"} autocomplete="current-password"
          spellcheck="false" autocapitalize="off" aria-describedby="login-text login-problem"
          aria-invalid=${problem ? "true" : "false"} value=${text} onInput=${(e) => setText(e.target.value)} />
        <button type="button" class="quiet" aria-pressed=${shown} onClick=${() => setShown(!shown)}>${t("show_key")}</button>
      </div>
      <label class="check"><input type="checkbox" checked=${always} onChange=${(e) => setAlways(e.target.checked)} />
        <span>${t("keep")}</span></label>
      <button type="submit" class="main" aria-disabled=${busy}>${t(busy ? "signing_in" : "sign_in")}</button>
    </form>
  </main>`;
}
