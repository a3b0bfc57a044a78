// How answers are written: Markdown where a chat model writes them, else quotations, shown to the letter.
import { Offline } from "./api.js";
import { marked } from "./plain.js";

let markdown = null;

// What Markdown needs is only loaded where there is any.
export async function prepare(wanted) {
  try {
    markdown = wanted ? (await import("./markdown.js")).markdown : null;
  } catch (error) {
    throw new Offline(error.message);
  }
}

export const isMarkdown = () => markdown !== null;

export const written = (text, cite) => (markdown ?? marked)(text, cite);
