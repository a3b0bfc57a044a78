// What should have happened with a question: routing learns it, for everybody.
import { Failed, post } from "../api.js";
import { useDetails } from "../details.js";
import { html } from "../html.js";
import { reach } from "../reach.js";
import { useShown } from "../shown.js";
import { t } from "../strings.js";
import { useLayoutEffect, useRef, useState } from "../vendor/hooks.mjs";

const ACTIONS = ["search", "act", "clarify", "answer"];

export function Correct({ turn, thread, project, close }) {
  const details = useDetails(turn, thread);
  const [action, setAction] = useState("search");
  const [target, setTarget] = useState("");
  const [problem, setProblem] = useState("");
  const [done, setDone] = useState(false);
  const first = useRef(null);
  const box = useShown(details);
  useLayoutEffect(() => first.current?.focus(), [details === null]);
  if (done) return html`<p role="status" class="taught">${t("corrected")}</p>`;
  if (details === null) return html`<p role="status" class="faint">${t("working")}</p>`;
  const targets = { search: project.indexes, act: project.tools }[action];
  const submit = async (event) => {
    event.preventDefault();
    if (targets && !target) return setProblem(t("choose"));
    const body = { question: details ? details.route.question : turn.question, action };
    if (action === "search") body.indexes = [target];
    if (action === "act") body.tool = target;
    try {
      await reach(() => post("waypost/correct", body)); // of several the last counts
      return setDone(true);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      return setProblem(error.message);
    }
  };
  const chosen = (event) => {
    setAction(event.target.value);
    setTarget("");
  };
  return html`<form class="correct card" ref=${box} onSubmit=${submit}>
    <fieldset>
      <legend>${t("correct_title")}</legend>
      <p class="faint">${t("correct_text")}</p>
      ${ACTIONS.map((one, place) => html`<label class="check"><input type="radio" name="action" value=${one}
        ref=${place ? null : first} checked=${action === one} onChange=${chosen} /><span>${t(`correct_${one}`)}</span></label>`)}
    </fieldset>
    ${targets && html`<label>${t(action === "act" ? "correct_tool" : "correct_index")}
      <select value=${target} onChange=${(event) => setTarget(event.target.value)}>
        <option value=""></option>
        ${targets.map((one) => html`<option value=${one.name}>${one.title ?? one.name}</option>`)}
      </select></label>`}
    <p class="problem" role="alert">${problem}</p>
    <p class="actions"><button type="submit" class="main">${t("correct_save")}</button>
      <button type="button" onClick=${close}>${t("cancel")}</button></p>
  </form>`;
}
