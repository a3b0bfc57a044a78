// Signs that nobody sees, as the server finds them (agent/answering/shown.py): they could only mislead.
const UNSEEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;

// A text of a document without them; answers come without them.
export const seen = (text) => text.replace(UNSEEN, "");

// JSON in which they are written out.
export function exactly(value) {
  return JSON.stringify(value, null, 1).replace(UNSEEN, (sign) =>
    [...Array(sign.length).keys()].map((at) => `\\u${sign.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  );
}
