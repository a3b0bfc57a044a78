// Markdown as elements: `marked` only finds its parts, and every text in them stays a text.
//
// Raw HTML is shown to the letter, links lead only to web pages and mail addresses, images are not loaded.
import { html } from "./html.js";
import { Link, MARKER, marked, safe } from "./plain.js";
import { t } from "./strings.js";
import { lexer } from "./vendor/marked.mjs";
import { Code } from "./views/code.js";

const DEEP = 24; // levels of lists and quotations; what is deeper is shown as it was written
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", nbsp: "\u00a0" };

// cite(number) returns what is shown for the marker of a source, or null for one that there is not.
export function markdown(text, cite) {
  let tokens;
  try {
    tokens = lexer(text, { gfm: true });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // nested so deeply that nobody means it
    return html`<div class="plain">${marked(text, cite)}</div>`;
  }
  return blocks(tokens, { cite, depth: 0 });
}

const deeper = (context) => ({ ...context, depth: context.depth + 1 });

function blocks(tokens, context) {
  if (context.depth > DEEP) return tokens.map((token) => token.raw);
  return tokens.map((token) => block(token, context));
}

function block(token, context) {
  const inner = () => inline(token.tokens ?? [], context);
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading": {
      const Tag = `h${Math.min(token.depth + 2, 6)}`; // the page has the first two
      return html`<${Tag}>${inner()}</${Tag}>`;
    }
    case "paragraph":
      return html`<p>${inner()}</p>`;
    case "text":
      return token.tokens ? inner() : decoded(token.text, context);
    case "code":
      return html`<${Code} text=${token.text} language=${token.lang ?? ""} />`;
    case "blockquote":
      return html`<blockquote>${blocks(token.tokens, deeper(context))}</blockquote>`;
    case "list":
      return list(token, context);
    case "table":
      return table(token, context);
    case "hr":
      return html`<hr />`;
    default: // html, and what a later version may bring
      return html`<p class="raw">${token.raw.trimEnd()}</p>`;
  }
}

function list(token, context) {
  const items = token.items.map((item) => html`<li>${blocks(item.tokens, deeper(context))}</li>`);
  if (!token.ordered) return html`<ul>${items}</ul>`;
  return html`<ol start=${token.start === "" ? 1 : token.start}>${items}</ol>`;
}

function table(token, context) {
  const cells = (row, Tag) =>
    row.map((cell, place) => {
      const align = token.align[place];
      return html`<${Tag} class=${align ? `to-${align}` : ""}>${inline(cell.tokens, context)}</${Tag}>`;
    });
  return html`<div class="scroll" role="region" aria-label=${t("table")} tabindex="0">
    <table>
      <thead><tr>${cells(token.header, "th")}</tr></thead>
      <tbody>${token.rows.map((row) => html`<tr>${cells(row, "td")}</tr>`)}</tbody>
    </table>
  </div>`;
}

function inline(tokens, context) {
  if (context.depth > DEEP) return tokens.map((token) => token.raw);
  return tokens.map((token) => span(token, deeper(context)));
}

function span(token, context) {
  const inner = () => inline(token.tokens ?? [], context);
  switch (token.type) {
    case "strong":
      return html`<strong>${inner()}</strong>`;
    case "em":
      return html`<em>${inner()}</em>`;
    case "del":
      return html`<del>${inner()}</del>`;
    case "codespan":
      return html`<code>${token.text}</code>`;
    case "br":
      return html`<br />`;
    case "escape":
      return token.text;
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "link":
    case "image":
      return link(token, context);
    case "text":
      return token.tokens ? inner() : decoded(token.text, context);
    default:
      return token.raw;
  }
}

// A reference whose text is the number of a source is that source's marker, whatever it refers to.
function link(token, context) {
  if (MARKER.test(token.raw) && token.raw.match(MARKER)[0] === token.raw) {
    return marked(token.raw, context.cite);
  }
  const words = token.type === "image" ? token.text || token.href : inline(token.tokens, context);
  const target = safe(token.href);
  return target ? html`<${Link} to=${target}>${words}</${Link}>` : html`<span>${words}</span>`;
}

const decoded = (text, context) =>
  marked(
    text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (_, name) => ENTITIES[name]),
    context.cite,
  );
