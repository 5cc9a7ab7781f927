// What the suites share: how to tell the upstream what to do, and what it saw.

export const URL = process.env.ROLECALL_URL;
export const TERMS = ["AI", "算法", "2024"];
// Ways to write the terms that a plain substring search does not see.
export const DISGUISES = ["ＡＩ", "A\u200bI", "ai", "算\u200b法", "２０２４"];
// Roles with the same forbidden terms: one streams at once, one holds the whole reply back.
export const ROLES = ["storyteller", "zhanguoce_scholar"];
// A reply that both roles let through as it is.
export const GOOD = ["难道", "唇亡齿寒", "之理不明？合纵", "则安。岂可", "坐视？"];
// A tool, as a JSON Schema.
export const CITY = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
// A story that nobody hears to its end.
export const LONG = { pieces: Array(400).fill("从前有座山。"), gap_ms: 50 };

/// The user message that tells the upstream what to do, call by call.
export function told(...scripts) {
  return "@upstream" + JSON.stringify(scripts);
}

/// A script that calls the tool `weather` with arguments in these pieces.
export function calling(...pieces) {
  return { pieces: [], calls: [{ name: "weather", pieces }], finish: "tool_calls" };
}

/// Every way to cut a term in two, the term in single characters, and whole.
export function* splits(term) {
  yield [term];
  yield [...term];
  for (let at = 1; at < term.length; at++) yield [term.slice(0, at), term.slice(at)];
}

/// Characters of a term in a text that holds none of them otherwise: each is proof of a leak.
export function leaked(term, text) {
  return [...term].filter((c) => c !== "\u200b" && text.includes(c));
}

/// What the upstream saw so far.
export async function seen() {
  return (await fetch(process.env.UPSTREAM_URL + "/seen")).json();
}

/// Whether the upstream sees one more caller leave before long.
export async function abandoned(before) {
  for (let tries = 0; tries < 600; tries++) {
    if ((await seen()).abandoned > before) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

/// The bytes of an event stream as text, and the JSON values of its events.
export async function rawEvents(path, body) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(URL + path, { method: "POST", headers, body: JSON.stringify(body) });
  const raw = await answer.text();
  const lines = raw.split("\n").filter((line) => line.startsWith("data: {"));
  return [raw, lines.map((line) => JSON.parse(line.slice("data: ".length)))];
}
