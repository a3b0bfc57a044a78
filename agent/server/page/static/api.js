// Requests to the server, with the person's key, and what can go wrong with them.
import { key } from "./kept.js";

const BASE = new URL("../", import.meta.url); // the page may stand below a path of a proxy
const AWAY = new Set([502, 503, 504]); // of a proxy before a server that starts, or of one that opens

export class Offline extends Error {}

export class Refused extends Error {}

export class Failed extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function request(path, { method = "GET", body, signal } = {}) {
  const headers = key() ? { "X-Api-Key": key() } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(new URL(path, BASE), {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      keepalive: method === "PATCH" || method === "DELETE", // also if the page is left at once
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Offline(error.message);
  }
  if (response.ok) return response;
  if (response.status === 401) throw new Refused();
  if (AWAY.has(response.status)) throw new Offline(String(response.status));
  throw new Failed(response.status, await detailOf(response));
}

export async function call(path, options) {
  const response = await request(path, options);
  let text;
  try {
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Offline(error.message); // the connection ended within the answer
  }
  return text ? JSON.parse(text) : null;
}

async function detailOf(response) {
  const text = await response.text();
  try {
    const { detail, message } = JSON.parse(text);
    return typeof detail === "string" ? detail : (message ?? text);
  } catch {
    return text.slice(0, 300); // no JSON: from a proxy
  }
}

export const post = (path, body, options) => call(path, { ...options, method: "POST", body });
