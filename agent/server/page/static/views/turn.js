// One question and what became of it. A turn that does not change is not drawn again.
import { html } from "../html.js";
import { titles } from "../names.js";
import { listed, t } from "../strings.js";
import { ask, goOn } from "../turns.js";
import { Component } from "../vendor/preact.mjs";
import { Answer, Text } from "./answer.js";
import { Approval } from "./approval.js";

const TOLD = new Set(["busy", "413", "422", "403", "404"]);

export class Turn extends Component {
  shouldComponentUpdate(next) {
    return Object.keys(next).some((key) => next[key] !== this.props[key]);
  }

  render({ turn, last, thread, project }) {
    return html`<article class="turn" data-turn=${turn.id} data-status=${turn.status}>
      <h2 class="question"><span class="hidden">${t("you")}: </span>${turn.question}</h2>
      ${body(turn, last, thread, project)}
    </article>`;
  }
}

function body(turn, last, thread, project) {
  switch (turn.status) {
    case "done":
      return html`<${Answer} turn=${turn} last=${last} thread=${thread} project=${project} />`;
    case "waiting":
      return html`<${Approval} key=${turn.decision} turn=${turn} project=${project} />`;
    case "sending":
    case "running":
      return html`<div class="answer">
        ${turn.text ? html`<${Text} text=${turn.text} cited=${[]} />` : null}
        <p class="progress">${progress(turn)}</p>
      </div>`;
    default:
      return html`<${Ended} turn=${turn} last=${last} />`;
  }
}

function progress(turn) {
  if (turn.stopping) return t("stopping");
  if (turn.status === "sending") return t("sending");
  if (turn.text) return t("working");
  if (turn.passages) return t("reading", { count: turn.passages });
  if (turn.route?.action === "act") return t("using", { tools: listed(turn.route.tools) });
  if (turn.route?.indexes.length) {
    return t("searching", { indexes: titles(turn.route.indexes.map((one) => one.name)) });
  }
  return t("working");
}

function Ended({ turn, last }) {
  const again = () => ask(turn.question);
  return html`<div class="answer ended" role=${turn.status === "failed" ? "alert" : null}>
    <p>${t(turn.status)} ${turn.status === "failed" && told(turn.error)}</p>
    ${last && html`<p class="actions">
      ${turn.status !== "failed" && html`<button type="button" onClick=${() => goOn(turn)}>${t("go_on")}</button>`}
      <button type="button" onClick=${again}>${t("ask_again")}</button>
    </p>`}
  </div>`;
}

function told(error) {
  if (TOLD.has(error?.error)) return t(`error_${error.error}`);
  if (!error) return t("error_unknown");
  return t("error_other", { detail: [error.error, error.message].filter(Boolean).join(": ") });
}
