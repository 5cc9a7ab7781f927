// Policy `my_policy`: messages that waited arrive together where they belong together.
//
// Consecutive messages of one role and one intent become one message, a line for each. Of two
// messages with the same text one is enough.

/** Bytes of one merged text: the server takes no longer one. */
export const MAX_TEXT_BYTES = 64 * 1024;
/** Bytes of all merged texts: the server takes 1 MiB, with everything around the texts. */
const MAX_RESULT_BYTES = 768 * 1024;

export const manifest = {
  name: 'my_policy',
  version: '0.1.0',
  doc: 'Joins consecutive messages of one intent.',
  paramsSchema: JSON.stringify({ type: 'object', additionalProperties: false }),
  streaming: false,
  isolation: 'call',
};

const encoder = new TextEncoder();

/** Groups that every position of the window is in once; a message alone stays as it is. */
export function merge(window) {
  const groups = [];
  let room = MAX_RESULT_BYTES;
  for (let at = 0; at < window.length; ) {
    const { end, bytes } = run(window, at, Math.min(room, MAX_TEXT_BYTES));
    const texts = window.slice(at, end).map((message) => message.text);
    const members = texts.map((_, number) => at + number);
    if (texts.length === 1) {
      groups.push({ members, text: undefined });
    } else {
      groups.push({ members, text: texts.join('\n') });
      room -= bytes;
    }
    at = end;
  }
  return groups;
}

/** Where the messages end that are joined to the one at `at`, and the bytes of them together. */
function run(window, at, room) {
  const first = window[at];
  let bytes = byteLength(first.text);
  let end = at + 1;
  for (; end < window.length; end += 1) {
    const { role, intent, text } = window[end];
    const more = 1 + byteLength(text);
    if (role !== first.role || intent !== first.intent || bytes + more > room) {
      break;
    }
    bytes += more;
  }
  return { end, bytes };
}

/** How two messages relate; `unsure` leaves the decision to the server. */
export function same(a, b) {
  return a.text.trim() === b.text.trim() ? 'same' : 'unsure';
}

/** Bytes of a text in UTF-8: a JavaScript string has UTF-16 units. */
function byteLength(text) {
  return encoder.encode(text).length;
}
