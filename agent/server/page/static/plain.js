// Texts to the letter, in which the markers of sources can be pressed, and addresses that may be followed.
import { html } from "./html.js";

export const MARKER = /\[(\d{1,3})\]/;
const SAFE = new Set(["http:", "https:", "mailto:"]);

// cite(number) returns what is shown for the marker of a source, or null for one that there is not.
export function marked(text, cite) {
  return text.split(/(\[\d{1,3}\])/).map((part) => {
    const found = part.match(MARKER);
    return (found && found[0] === part && cite(Number(found[1]))) || part;
  });
}

export function Link({ to, children }) {
  return html`<a href=${to} target="_blank" rel="noopener noreferrer nofollow">${children}</a>`;
}

// An address that may be followed, else null; one without a scheme would lead into this server.
export function safe(address) {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(address)) return null;
  try {
    return SAFE.has(new URL(address).protocol) ? address : null;
  } catch {
    return null; // no address
  }
}
