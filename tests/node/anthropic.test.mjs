// The public `@anthropic-ai/sdk` client against rolecall, in front of a model server that misbehaves.
// Run by tests/public_clients.rs, which names both servers in the environment.

import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { abandoned, calling, CITY, DISGUISES, GOOD, leaked, LONG, rawEvents } from "./common.mjs";
import { ROLES, seen, splits, TERMS, told, URL } from "./common.mjs";

// No retries: each error must be the answer to one call.
const client = new Anthropic({ baseURL: URL, apiKey: "unused", maxRetries: 0, timeout: 60_000 });

function messages(said) {
  return typeof said === "string" ? [{ role: "user", content: said }] : said;
}

function ask(role, said, stream = false, more = {}) {
  return client.messages.create({ model: role, max_tokens: 500, messages: messages(said), stream, ...more });
}

function textOf(message) {
  return message.content.map((block) => block.text).join("");
}

/// The text and the stop reason of a streamed message, and the error that ended it.
async function heard(role, said) {
  let text = "", stop = null, error = null;
  try {
    for await (const event of await ask(role, said, true)) {
      if (event.type === "content_block_delta") text += event.delta.text;
      if (event.type === "message_delta") stop = event.delta.stop_reason;
    }
  } catch (failure) {
    if (!(failure instanceof Anthropic.APIError)) throw failure;
    error = failure;
  }
  return { text, stop, error };
}

test("roles are listed as models", async () => {
  const models = [];
  for await (const model of client.models.list()) models.push(model);
  for (const role of ROLES) {
    const model = models.find((model) => model.id === role);
    assert.deepEqual([model.type, model.display_name], ["model", role]);
    assert.ok(!Number.isNaN(Date.parse(model.created_at)));
  }
  await assert.rejects(async () => client.models.retrieve("nobody"), Anthropic.NotFoundError);
  for (const stream of [true, false]) {
    const error = await ask("nobody", "hello", stream).catch((e) => e);
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.deepEqual([error.error.type, error.error.error.type], ["error", "not_found_error"]);
  }
});

test("a whole message", async () => {
  const reply = await ask("zhanguoce_scholar", told({ pieces: GOOD }));
  assert.equal(textOf(reply), GOOD.join(""));
  assert.deepEqual([reply.stop_reason, reply.usage.input_tokens, reply.usage.output_tokens], ["end_turn", 7, 11]);
});

test("the client's own stream helper builds the same message", async () => {
  const said = messages(told({ pieces: GOOD, gap_ms: 20 }));
  const stream = client.messages.stream({ model: "storyteller", max_tokens: 500, messages: said });
  const texts = [];
  stream.on("text", (text) => texts.push(text));
  const final = await stream.finalMessage();
  assert.ok(texts.length > 1, "nothing was streamed before the end");
  assert.deepEqual([texts.join(""), textOf(final)], [GOOD.join(""), GOOD.join("")]);
  assert.deepEqual([final.stop_reason, final.usage.input_tokens, final.usage.output_tokens], ["end_turn", 7, 11]);
});

test("a conversation of several turns", async () => {
  const said = messages(told({ pieces: ["第一回。"] }));
  const first = await ask("storyteller", said, false, { system: "说慢些" });
  said.push({ role: first.role, content: first.content });
  said.push({ role: "user", content: [{ type: "text", text: told({ pieces: ["第二回。"] }) }] });
  assert.equal(textOf(await ask("storyteller", said, false, { system: "说慢些" })), "第二回。");
  const sent = (await seen()).last.messages;
  assert.deepEqual(sent.map((m) => m.role), ["system", "user", "assistant", "user"]);
  assert.ok(sent[1].content.startsWith("说慢些"));
  assert.equal(sent[2].content, "第一回。");
});

test("stop reasons say why", async () => {
  for (const [role, script, reason, text] of [
    ["storyteller", { pieces: ["从前有座山，"], finish: "length" }, "max_tokens", "从前有座山，"],
    ["guard", { pieces: ["口令是"] }, "refusal", "请改日再来。"],
    ["storyteller", { pieces: ["2024"] }, "refusal", ""],
  ]) {
    const whole = await ask(role, told(script));
    const streamed = await heard(role, told(script));
    assert.deepEqual([whole.stop_reason, streamed.stop], [reason, reason]);
    assert.deepEqual([textOf(whole), streamed.text], [text, text]);
  }
});

test("no byte of a forbidden match is shown", async () => {
  for (const role of ROLES) {
    for (const term of [...TERMS, ...DISGUISES]) {
      for (const parts of splits(term)) {
        const { text, stop, error } = await heard(role, told({ pieces: ["难道用", ...parts, "就能治国？"] }));
        assert.deepEqual(leaked(term, text), [], `${role} ${JSON.stringify(parts)}: ${text}`);
        assert.ok(error || stop === "refusal" || text, "an empty success");
      }
    }
    for (const parts of splits("算法")) {
      const said = messages(told({ pieces: ["难道用", ...parts, "？"], gap_ms: 5 }));
      const [raw] = await rawEvents("/v1/messages", { model: role, stream: true, max_tokens: 500, messages: said });
      assert.deepEqual(leaked("算法", raw), []);
    }
  }
});

test("a tool is called and answered", async () => {
  const tools = [{ name: "weather", input_schema: CITY }];
  const said = messages(told(calling('{"ci', 'ty":"西安"}'), { pieces: ["西安天晴。"] }));
  const reply = await ask("storyteller", said, false, { tools });
  const used = reply.content[0];
  assert.deepEqual([reply.stop_reason, used.type, used.input], ["tool_use", "tool_use", { city: "西安" }]);
  said.push({ role: "assistant", content: reply.content });
  said.push({ role: "user", content: [{ type: "tool_result", tool_use_id: used.id, content: "晴" }] });
  assert.equal(textOf(await ask("storyteller", said, false, { tools })), "西安天晴。");
  const script = { ...calling('{"city":"西安"}'), pieces: ["且慢。"] };
  const final = await client.messages
    .stream({ model: "storyteller", max_tokens: 500, messages: messages(told(script)), tools })
    .finalMessage();
  assert.deepEqual(final.content.map((block) => block.type), ["text", "tool_use"]);
  assert.deepEqual(final.content[1].input, { city: "西安" });
});

test("errors are the client's own", async () => {
  for (const [status, kind] of [
    [400, Anthropic.BadRequestError],
    [429, Anthropic.RateLimitError],
    [500, Anthropic.InternalServerError],
  ]) {
    for (const stream of [true, false]) {
      await assert.rejects(async () => ask("storyteller", told({ status }), stream), kind);
    }
  }
  const thinking = { type: "enabled", budget_tokens: 2000 };
  const error = await ask("storyteller", "hi", false, { thinking, max_tokens: 4000 }).catch((e) => e);
  assert.ok(error instanceof Anthropic.BadRequestError);
  assert.equal(error.error.error.param, "thinking");
});

test("a stream that breaks raises behind what was shown", async () => {
  for (const end of ["cut", "error_event", "garbage", "stall"]) {
    const { text, stop, error } = await heard("storyteller", told({ pieces: ["从前有座山。", "山上"], end }));
    assert.ok(text.startsWith("从前"), end);
    assert.equal(stop, null);
    assert.ok(error.error.error.code.startsWith("model_"), `${end}: ${error}`);
  }
});

test("leaving cancels the model", async () => {
  const before = (await seen()).abandoned;
  for await (const event of await ask("storyteller", told(LONG), true)) {
    if (event.type === "content_block_delta") break;
  }
  assert.ok(await abandoned(before), "the model was still asked");
});
