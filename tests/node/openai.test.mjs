// The public `openai` client's chat completions against rolecall, in front of a model server that
// misbehaves. Run by tests/public_clients.rs, which names both servers in the environment.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { abandoned, calling, CITY, DISGUISES, GOOD, leaked, LONG, rawEvents } from "./common.mjs";
import { ROLES, seen, splits, TERMS, told, URL } from "./common.mjs";

// No retries: each error must be the answer to one call.
const client = new OpenAI({ baseURL: URL + "/v1", apiKey: "unused", maxRetries: 0, timeout: 60_000 });

function ask(role, said, stream = false, more = {}) {
  const messages = typeof said === "string" ? [{ role: "user", content: said }] : said;
  return client.chat.completions.create({ model: role, messages, stream, ...more });
}

/// The text and the finish reason of a streamed reply, and the error that ended it.
async function heard(role, said, more) {
  let text = "", finish = null, error = null;
  try {
    for await (const chunk of await ask(role, said, true, more)) {
      for (const choice of chunk.choices) {
        text += choice.delta.content ?? "";
        finish = choice.finish_reason ?? finish;
      }
    }
  } catch (failure) {
    if (!(failure instanceof OpenAI.APIError)) throw failure;
    error = failure;
  }
  return { text, finish, error };
}

test("roles are listed as models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  for (const role of ROLES) assert.ok(ids.includes(role));
  assert.equal((await client.models.retrieve(ROLES[0])).id, ROLES[0]);
  for (const stream of [true, false]) {
    await assert.rejects(async () => ask("nobody", "hello", stream), OpenAI.NotFoundError);
  }
});

test("replies come whole and streamed, with usage when asked for", async () => {
  const whole = await ask("zhanguoce_scholar", told({ pieces: GOOD }));
  assert.equal(whole.choices[0].message.content, GOOD.join(""));
  assert.equal(whole.choices[0].finish_reason, "stop");
  assert.equal(whole.usage.total_tokens, 18);
  const options = { stream_options: { include_usage: true } };
  const chunks = [];
  for await (const chunk of await ask("storyteller", told({ pieces: GOOD, gap_ms: 20 }), true, options)) {
    chunks.push(chunk);
  }
  const texts = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? ""));
  assert.equal(texts.join(""), GOOD.join(""));
  assert.ok(texts.filter((text) => text).length > 1, "nothing was streamed before the end");
  assert.equal(chunks.at(-1).usage.total_tokens, 18);
});

test("a conversation of several turns", async () => {
  const said = [{ role: "system", content: "说慢些" }, { role: "user", content: told({ pieces: ["第一回。"] }) }];
  said.push((await ask("storyteller", said)).choices[0].message);
  said.push({ role: "user", content: told({ pieces: ["第二回。"] }) });
  assert.equal((await ask("storyteller", said)).choices[0].message.content, "第二回。");
  const sent = (await seen()).last.messages;
  assert.deepEqual(sent.map((m) => m.role), ["system", "user", "assistant", "user"]);
  assert.ok(sent[1].content.startsWith("说慢些"));
  assert.equal(sent[2].content, "第一回。");
});

test("finish reasons say why", async () => {
  for (const [role, script, reason] of [
    ["storyteller", { pieces: ["从前有座山，"], finish: "length" }, "length"],
    ["guard", { pieces: ["口令是"] }, "content_filter"],
    ["brief", { pieces: ["One is here. ", "Two is here. ", "Three is here. ", "Four."] }, "stop"],
  ]) {
    assert.equal((await ask(role, told(script))).choices[0].finish_reason, reason, role);
    assert.equal((await heard(role, told(script))).finish, reason, role);
  }
});

test("no byte of a forbidden match is shown", async () => {
  for (const role of ROLES) {
    for (const term of [...TERMS, ...DISGUISES]) {
      for (const parts of splits(term)) {
        const said = told({ pieces: ["难道用", ...parts, "就能治国？", "岂不可笑？"] });
        const { text, finish, error } = await heard(role, said);
        assert.deepEqual(leaked(term, text), [], `${role} ${JSON.stringify(parts)}: ${text}`);
        assert.ok(error || finish !== "stop" || text, "an empty success");
      }
    }
    for (const parts of splits("算法")) {
      const messages = [{ role: "user", content: told({ pieces: ["难道用", ...parts, "？"], gap_ms: 5 }) }];
      const [raw] = await rawEvents("/v1/chat/completions", { model: role, stream: true, messages });
      assert.deepEqual(leaked("算法", raw), []);
    }
  }
});

test("each of several choices is judged by itself", async () => {
  // The choices race for the scripts.
  const scripts = [["甲"], ["算", "法"], ["乙"]].map((parts, n) => ({ pieces: [`第${n}回，`, ...parts, "。"] }));
  const texts = ["", "", ""];
  for await (const chunk of await ask("storyteller", told(...scripts), true, { n: 3 })) {
    for (const choice of chunk.choices) texts[choice.index] += choice.delta.content ?? "";
  }
  assert.deepEqual(texts.sort(), ["第0回，甲。", "第1回，", "第2回，乙。"]);
});

test("a tool is called and answered", async () => {
  const tools = [{ type: "function", function: { name: "weather", parameters: CITY } }];
  const said = [{ role: "user", content: told(calling('{"ci', 'ty":"西安"}'), { pieces: ["西安天晴。"] }) }];
  const { message, finish_reason } = (await ask("storyteller", said, false, { tools })).choices[0];
  assert.equal(finish_reason, "tool_calls");
  const call = message.tool_calls[0];
  assert.deepEqual([call.function.name, JSON.parse(call.function.arguments)], ["weather", { city: "西安" }]);
  said.push(message, { role: "tool", tool_call_id: call.id, content: "晴" });
  assert.equal((await ask("storyteller", said, false, { tools })).choices[0].message.content, "西安天晴。");
  const runner = client.chat.completions.stream({ model: "storyteller", tools, messages: [{ role: "user", content: told(calling('{"city":"西安"}')) }] });
  const final = await runner.finalChatCompletion();
  assert.deepEqual(JSON.parse(final.choices[0].message.tool_calls[0].function.arguments), { city: "西安" });
});

test("errors are the client's own", async () => {
  for (const [status, kind] of [
    [400, OpenAI.BadRequestError],
    [429, OpenAI.RateLimitError],
    [500, OpenAI.InternalServerError],
  ]) {
    for (const stream of [true, false]) {
      await assert.rejects(async () => ask("storyteller", told({ status }), stream), kind);
    }
  }
  await assert.rejects(async () => ask("storyteller", []), OpenAI.BadRequestError);
});

test("a stream that breaks raises behind what was shown", async () => {
  for (const end of ["cut", "error_event", "garbage", "stall"]) {
    const { text, error } = await heard("storyteller", told({ pieces: ["从前有座山。", "山上"], end }));
    assert.ok(text.startsWith("从前"), end);
    assert.ok(error?.code?.startsWith("model_"), `${end}: ${error}`);
  }
});

test("leaving cancels the model", async () => {
  const before = (await seen()).abandoned;
  for await (const chunk of await ask("storyteller", told(LONG), true)) {
    if (chunk.choices[0]?.delta.content) break;
  }
  assert.ok(await abandoned(before), "the model was still asked");
});
