// Why a question was treated as it was: what was decided, by whom, how sure that is, and how long it took.
import { useDetails } from "../details.js";
import { html } from "../html.js";
import { nameOf, titles } from "../names.js";
import { useShown } from "../shown.js";
import { listed, t } from "../strings.js";

const percent = (share) => `${(share * 100).toFixed(share > 0 && share < 0.01 ? 1 : 0)}%`;

export function Why({ turn, thread }) {
  const details = useDetails(turn, thread);
  const box = useShown(details);
  if (details === null) return html`<p role="status" class="faint">${t("working")}</p>`;
  if (!details) return html`<p class="faint">${t("no_details")}</p>`;
  const { route } = details;
  return html`<section class="why" ref=${box} aria-label=${t("why_title")}>
    <dl>
      <dt>${t("question_read")}</dt><dd data-is="question">${route.question}</dd>
      <dt>${t("decision")}</dt>
      <dd data-is="decision" data-action=${route.action} data-indexes=${JSON.stringify(route.indexes.map((one) => one.name))}
        data-tools=${JSON.stringify(route.tools)}>${decision(route)}</dd>
      <dt>${t("decided_by")}</dt><dd data-is="decided_by" data-value=${route.decided_by}>${t(`by_${route.decided_by}`)}</dd>
      <dt>${t("reason")}</dt><dd data-is="reason">${route.reason}</dd>
      <dt>${t("confidence")}</dt><dd data-is="confidence" data-value=${route.confidence}>${percent(route.confidence)}</dd>
      <dt>${t("checked")}</dt><dd data-is="checked" data-value=${details.grounded}>${checked(details)}</dd>
      ${details.usage.model_calls > 0 && html`<dt>${t("model_calls")}</dt><dd>${t("model_calls_text", {
        calls: details.usage.model_calls, input: details.usage.input_tokens, output: details.usage.output_tokens,
      })}</dd>`}
    </dl>
    <${Chart} title=${t("candidates")} rows=${route.candidates.map((one) => ({
      key: one.name, name: nameOf(one.name), share: one.confidence, text: percent(one.confidence), value: one.confidence,
    }))} />
    ${details.tool_calls.length > 0 && html`<${Calls} calls=${details.tool_calls} />`}
    <${Timings} timings=${details.timings_ms} />
  </section>`;
}

function decision(route) {
  const targets = [...route.tools, ...route.indexes.map((one) => one.name)];
  return t(`action_${route.action}`, { targets: route.action === "search" ? titles(targets) : listed(targets) });
}

function checked(details) {
  if (!details.citations.length && !details.grounded) return t("checked_none");
  return t(details.grounded ? "checked_good" : "checked_bad");
}

// Bars with their figures as text; who does not see the bars reads the same.
function Chart({ title, rows }) {
  if (!rows.length) return null;
  return html`<h4>${title}</h4>
    <ul class="chart">${rows.map((one) => html`<li key=${one.key} data-name=${one.key} data-value=${one.value}>
      <span class="name">${one.name}</span>
      <span class="track" aria-hidden="true"><span class="fill" style=${{ width: `${one.share * 100}%` }}></span></span>
      <span class="figure">${one.text}</span>
    </li>`)}</ul>`;
}

function Calls({ calls }) {
  return html`<h4>${t("calls")}</h4>
    <ul class="calls">${calls.map((one) => html`<li data-call=${one.name}>
      <code>${one.name}</code> <code data-is="args">${JSON.stringify(one.args)}</code>
      <pre tabindex="0" role="region" aria-label=${t("tool_result", { tool: one.name })}>${JSON.stringify(one.result, null, 2)}</pre>
    </li>`)}</ul>`;
}

function Timings({ timings }) {
  const parts = Object.entries(timings).filter(([name]) => name !== "total").sort((a, b) => b[1] - a[1]);
  const total = parts.reduce((sum, [, ms]) => sum + ms, 0);
  const told = (ms) => t("milliseconds", { ms: ms < 10 ? ms.toFixed(1) : Math.round(ms) });
  const rows = parts.map(([name, ms]) => ({ key: name, name: t.has(`stage_${name}`) ? t(`stage_${name}`) : name, share: ms / (total || 1), text: told(ms), value: ms }));
  return html`<${Chart} title=${`${t("timings")} (${t("total")} ${told(total)})`} rows=${rows} />`;
}
