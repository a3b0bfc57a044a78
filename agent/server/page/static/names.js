// What people call indexes, as the project does; tools are called by their names.
import { get } from "./store.js";
import { listed, t } from "./strings.js";
import { seen } from "./visible.js";

export function nameOf(target) {
  if (target === "none") return t("candidates_none");
  return get().project?.indexes.find((one) => one.name === target)?.title ?? target;
}

export const titles = (names) => listed(names.map(nameOf));

// A source is a document, or what a tool returned.
export function titleOf(citation) {
  return citation.index ? seen(citation.title) : t("tool_result", { tool: citation.title });
}
