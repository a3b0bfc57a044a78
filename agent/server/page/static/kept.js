// What this browser keeps: the key, while the tab is open or on this device; and how the page looks.

const PLACE = new URL("../", import.meta.url).pathname; // several servers may share a host
const name = (key) => `waypost${PLACE}${key}`;

// Storage can be switched off; then nothing is kept, and the page works on.
function attempt(action) {
  try {
    return action();
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

const session = {
  get: (key) => attempt(() => sessionStorage.getItem(name(key))),
  set: (key, value) => attempt(() => sessionStorage.setItem(name(key), value)),
  drop: (key) => attempt(() => sessionStorage.removeItem(name(key))),
};
const device = {
  get: (key) => attempt(() => localStorage.getItem(name(key))),
  set: (key, value) => attempt(() => localStorage.setItem(name(key), value)),
  drop: (key) => attempt(() => localStorage.removeItem(name(key))),
};

let current = session.get("key") ?? device.get("key");

export const key = () => current;

export function keepKey(value, always) {
  forgetKey();
  current = value;
  (always ? device : session).set("key", value);
}

export function forgetKey() {
  current = null;
  session.drop("key");
  device.drop("key");
}

export const look = {
  get: (which) => device.get(which),
  set: (which, value) => (value ? device.set(which, value) : device.drop(which)),
};

// Text that was typed, and a question whose run is not known to exist yet, outlive a reload.
export const draft = {
  get: () => session.get("draft") ?? "",
  set: (text) => (text ? session.set("draft", text) : session.drop("draft")),
};
export const asked = {
  get: () => JSON.parse(session.get("asked") ?? "null"),
  set: (one) => (one ? session.set("asked", JSON.stringify(one)) : session.drop("asked")),
};

// They are of one person: whoever else signs in here does not find them. Returns whether it is another.
export function keptFor(user) {
  const before = session.get("user");
  session.set("user", user);
  const other = before !== null && before !== user;
  if (other) forgetTyped();
  return other;
}

function forgetTyped() {
  draft.set("");
  asked.set(null);
}

export function forgetAll() {
  forgetKey();
  forgetTyped();
  session.drop("user");
}
