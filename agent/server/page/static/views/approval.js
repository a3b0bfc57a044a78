// Calls that wait for a person: what would run, exactly, and the decision about each.
import { html } from "../html.js";
import { t } from "../strings.js";
import { decide } from "../turns.js";
import { useLayoutEffect, useRef, useState } from "../vendor/hooks.mjs";
import { exactly } from "../visible.js";
import { Arguments } from "./arguments.js";

export function Approval({ turn, project }) {
  const { action_requests: requests, review_configs: configs, error } = turn.request;
  const [decisions, setDecisions] = useState(requests.map(() => null));
  const decided = (place, decision) => {
    const next = decisions.with(place, decision);
    setDecisions(next);
    if (requests.length === 1) decide(turn, next);
  };
  return html`<section class="approval card" aria-label=${t("approval")}>
    <h3>${t("approval")}</h3>
    <p>${t(requests.length > 1 ? "all_decided" : "approval_text")}</p>
    ${error && html`<p class="problem" role="alert">${error}</p>`}
    ${requests.map((one, place) => html`<${Request} key=${place} request=${one}
      config=${configs.find((other) => other.action_name === one.name)}
      tool=${project.tools.find((other) => other.name === one.name)}
      decision=${decisions[place]} decided=${(decision) => decided(place, decision)} />`)}
    ${requests.length > 1 && html`<button type="button" class="main" disabled=${decisions.includes(null)}
      onClick=${() => decide(turn, decisions)}>${t("send_decisions")}</button>`}
  </section>`;
}

function Request({ request, config, tool, decision, decided }) {
  const [doing, setDoing] = useState(""); // "", "edit", "reject"
  const allowed = config?.allowed_decisions ?? ["approve", "reject"];
  const schema = config?.args_schema ?? {};
  const may = (kind) => allowed.includes(kind);
  const edited = (args) => {
    setDoing("");
    decided({ type: "edit", edited_action: { name: request.name, args } });
  };
  const shown = decision?.edited_action?.args ?? request.args;
  return html`<div class="request">
    <p><code class="tool">${request.name}</code> ${tool?.description}</p>
    <${Shown} args=${shown} schema=${schema} />
    ${decision && html`<p role="status"><strong>${t(`decided_${decision.type}`)}</strong></p>`}
    ${doing === "" && html`<p class="actions">
      ${may("approve") && html`<button type="button" class="main" onClick=${() => decided({ type: "approve" })}>${t("approve")}</button>`}
      ${may("edit") && html`<button type="button" onClick=${() => setDoing("edit")}>${t("edit")}</button>`}
      ${may("reject") && html`<button type="button" onClick=${() => setDoing("reject")}>${t("reject")}</button>`}
    </p>`}
    ${doing === "edit" && html`<${Arguments} args=${request.args} schema=${schema} done=${edited} cancel=${() => setDoing("")} />`}
    ${doing === "reject" && html`<${Reject} done=${decided} cancel=${() => setDoing("")} />`}
  </div>`;
}

function Reject({ done, cancel }) {
  const box = useRef(null);
  useLayoutEffect(() => box.current.focus(), []);
  const submit = (event) => {
    event.preventDefault();
    const reason = box.current.value.trim();
    done(reason ? { type: "reject", message: reason } : { type: "reject" });
  };
  return html`<form onSubmit=${submit}>
    <label>${t("reject_reason")}<input ref=${box} /></label>
    <p class="actions"><button type="submit" class="main">${t("reject_send")}</button>
      <button type="button" onClick=${cancel}>${t("cancel")}</button></p>
  </form>`;
}

function Shown({ args, schema }) {
  const names = Object.keys(args);
  if (!names.length) return html`<p class="faint">${t("no_arguments")}</p>`;
  return html`<dl class="arguments" aria-label=${t("arguments")}>${names.map((name) => {
    const title = schema.properties?.[name]?.title;
    return html`<dt>${title && title !== name ? `${title} (${name})` : name}</dt><dd><code>${exactly(args[name])}</code></dd>`;
  })}</dl>`;
}
