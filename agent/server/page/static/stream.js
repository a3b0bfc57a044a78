// Events of a run as they come; a connection that is silent for too long counts as lost.
import { Offline } from "./api.js";
import { createParser } from "./vendor/eventsource-parser.mjs";

const SILENCE = 20_000; // milliseconds; the server says something every five seconds

export async function* eventsOf(response) {
  const found = [];
  const parser = createParser({ onEvent: (event) => found.push(event) });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await next(reader);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      while (found.length) {
        const { event, data } = found.shift();
        yield { event, data: data ? JSON.parse(data) : null };
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // it may have failed already
  }
}

async function next(reader) {
  let timer;
  const silent = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Offline("silence")), SILENCE);
  });
  try {
    return await Promise.race([reader.read(), silent]);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Offline(error.message);
  } finally {
    clearTimeout(timer);
  }
}
