// Where a citation stands in its document, in words.
import { t } from "./strings.js";

export function place(location) {
  const parts = [];
  for (const key of ["page", "slide", "sheet", "row"]) {
    if (location[key] !== undefined) parts.push(t(key, { [key]: location[key] }));
  }
  if (location.article) parts.push(location.article);
  else if (location.heading && !location.symbol) parts.push(location.heading);
  if (location.symbol) parts.push(location.symbol);
  if (location.lines) parts.push(t("lines", { first: location.lines[0], last: location.lines[1] }));
  if (location.time) parts.push(location.time);
  return parts.join(" · ");
}
