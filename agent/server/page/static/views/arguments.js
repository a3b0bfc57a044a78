// The arguments of a call as a form, after their JSON schema.
import { html } from "../html.js";
import { useShown } from "../shown.js";
import { t } from "../strings.js";
import { useLayoutEffect, useState } from "../vendor/hooks.mjs";

const LONG = 60; // characters from which a text has a box of several lines

export function Arguments({ args, schema, done, cancel }) {
  const fields = fieldsOf(args, schema);
  const [texts, setTexts] = useState(Object.fromEntries(fields.map((one) => [one.name, one.text])));
  const [problems, setProblems] = useState({});
  const form = useShown(schema);
  useLayoutEffect(() => form.current.querySelector("input, select, textarea")?.focus(), []);
  const submit = (event) => {
    event.preventDefault();
    const { values, wrong } = read(fields, texts, args);
    setProblems(wrong);
    if (!Object.keys(wrong).length) done(values);
  };
  return html`<form ref=${form} onSubmit=${submit} novalidate>
    ${fields.map((one) => html`<${Field} key=${one.name} field=${one} text=${texts[one.name]} problem=${problems[one.name]}
      change=${(text) => setTexts({ ...texts, [one.name]: text })} />`)}
    <p class="actions"><button type="submit" class="main">${t("approve_changed")}</button>
      <button type="button" onClick=${cancel}>${t("cancel")}</button></p>
  </form>`;
}

function Field({ field, text, problem, change }) {
  const id = `argument-${field.name}`;
  const common = {
    id,
    value: text,
    "aria-invalid": problem ? "true" : "false",
    "aria-describedby": `${id}-problem`,
    onInput: (event) => change(event.target.value),
  };
  let input = html`<input ...${common} inputmode=${field.kind === "integer" ? "numeric" : null} />`;
  if (field.choices) {
    input = html`<select ...${common} onChange=${common.onInput}>
      ${!field.choices.includes(text) && html`<option value=${text}>${text}</option>`}
      ${field.choices.map((one) => html`<option value=${one}>${one}</option>`)}</select>`;
  } else if (field.kind === "json" || text.length > LONG || text.includes("\n")) {
    input = html`<textarea ...${common} rows="4"></textarea>`;
  }
  return html`<div class="field"><label for=${id}>${field.title}</label>${input}
    <p class="problem" id=${`${id}-problem`} role="alert">${problem}</p></div>`;
}

function fieldsOf(args, schema) {
  const names = new Set([...Object.keys(schema.properties ?? {}), ...Object.keys(args)]);
  return [...names].map((name) => {
    const property = schema.properties?.[name] ?? {};
    const value = args[name];
    const kind = kindOf(property, value);
    const shown = value === undefined || value === null ? "" : kind === "json" ? JSON.stringify(value, null, 2) : String(value);
    return {
      name,
      kind,
      text: shown,
      title: property.title && property.title !== name ? `${property.title} (${name})` : name,
      required: schema.required?.includes(name) ?? false,
      choices: kind === "boolean" ? ["true", "false"] : kind === "string" ? property.enum : undefined,
    };
  });
}

function kindOf(property, value) {
  const found = property.type ?? property.anyOf?.map((one) => one.type).find((type) => type && type !== "null");
  if (["string", "integer", "number", "boolean"].includes(found)) return found;
  return found === undefined && typeof value === "string" ? "string" : "json";
}

// Return the arguments that were typed, and by name what is wrong with those that cannot be used.
function read(fields, texts, args) {
  const values = {};
  const wrong = {};
  for (const field of fields) {
    const text = texts[field.name];
    if (text === field.text) {
      if (field.name in args) values[field.name] = args[field.name];
      continue;
    }
    if (!text.trim() && field.kind !== "string") {
      if (field.required) wrong[field.name] = t("required");
      else values[field.name] = null;
      continue;
    }
    try {
      values[field.name] = valueOf(field.kind, text);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      wrong[field.name] = t(error.message);
    }
  }
  return { values, wrong };
}

function valueOf(kind, text) {
  const number = Number(text);
  if (kind === "integer" && !Number.isInteger(number)) throw new TypeError("whole_number");
  if (kind === "number" && !Number.isFinite(number)) throw new TypeError("number");
  if (kind === "integer" || kind === "number") return number;
  if (kind === "boolean") return text === "true";
  if (kind === "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new TypeError("json"); // a SyntaxError of the person's text
  }
}
