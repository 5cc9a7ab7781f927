// The public `openai` client's Responses API against rolecall, in front of a model server that
// misbehaves. Run by tests/public_clients.rs, which names both servers in the environment.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { abandoned, calling, CITY, DISGUISES, GOOD, leaked, LONG, rawEvents } from "./common.mjs";
import { ROLES, seen, splits, TERMS, told, URL } from "./common.mjs";

const DELTA = "response.output_text.delta";

// No retries: each error must be the answer to one call.
const client = new OpenAI({ baseURL: URL + "/v1", apiKey: "unused", maxRetries: 0, timeout: 60_000 });

function ask(role, input, stream = false, more = {}) {
  return client.responses.create({ model: role, input, stream, ...more });
}

/// The text of a streamed response, its last event, and the error that ended it.
async function heard(role, input) {
  let text = "", last = null, error = null;
  try {
    for await (const event of await ask(role, input, true)) {
      last = event;
      if (event.type === DELTA) text += event.delta;
    }
  } catch (failure) {
    if (!(failure instanceof OpenAI.APIError)) throw failure;
    error = failure;
  }
  return { text, last, error };
}

test("a whole response", async () => {
  const reply = await ask("zhanguoce_scholar", told({ pieces: GOOD }));
  assert.equal(reply.output_text, GOOD.join(""));
  assert.deepEqual([reply.status, reply.error, reply.incomplete_details], ["completed", null, null]);
  assert.equal(reply.usage.total_tokens, 18);
});

test("the client's own stream helper builds the same response", async () => {
  const stream = client.responses.stream({ model: "storyteller", input: told({ pieces: GOOD, gap_ms: 20 }) });
  const events = [];
  for await (const event of stream) events.push(event);
  const final = await stream.finalResponse();
  assert.equal(final.output_text, GOOD.join(""));
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
  assert.ok(events.filter((event) => event.type === DELTA).length > 1, "nothing was streamed before the end");
  assert.equal(events.at(-1).type, "response.completed");
  assert.equal(events.at(-1).response.output[0].id, final.output[0].id);
});

test("a conversation of several turns", async () => {
  const said = [{ role: "user", content: told({ pieces: ["第一回。"] }) }];
  said.push(...(await ask("storyteller", said, false, { instructions: "说慢些" })).output);
  said.push({ role: "user", content: told({ pieces: ["第二回。"] }) });
  assert.equal((await ask("storyteller", said, false, { instructions: "说慢些" })).output_text, "第二回。");
  const sent = (await seen()).last.messages;
  assert.deepEqual(sent.map((m) => m.role), ["system", "user", "assistant", "user"]);
  assert.ok(sent[1].content.startsWith("说慢些"));
  assert.equal(sent[2].content, "第一回。");
});

test("incomplete responses say why", async () => {
  for (const [role, script, reason, text] of [
    ["storyteller", { pieces: ["从前有座山，"], finish: "length" }, "max_output_tokens", "从前有座山，"],
    ["guard", { pieces: ["口令是"] }, "content_filter", "请改日再来。"],
    ["storyteller", { pieces: ["2024"] }, "content_filter", ""],
  ]) {
    const whole = await ask(role, told(script));
    const streamed = await heard(role, told(script));
    assert.equal(streamed.last.type, "response.incomplete");
    for (const reply of [whole, streamed.last.response]) {
      assert.deepEqual([reply.status, reply.incomplete_details.reason], ["incomplete", reason]);
    }
    assert.deepEqual([whole.output_text, streamed.text], [text, text]);
  }
});

test("no byte of a forbidden match is shown", async () => {
  for (const role of ROLES) {
    for (const term of [...TERMS, ...DISGUISES]) {
      for (const parts of splits(term)) {
        const { text, last, error } = await heard(role, told({ pieces: ["难道用", ...parts, "就能治国？"] }));
        assert.deepEqual(leaked(term, text), [], `${role} ${JSON.stringify(parts)}: ${text}`);
        assert.ok(error || last.type === "response.incomplete" || text, "an empty success");
      }
    }
    for (const parts of splits("算法")) {
      const input = told({ pieces: ["难道用", ...parts, "？"], gap_ms: 5 });
      const [raw] = await rawEvents("/v1/responses", { model: role, stream: true, input });
      assert.deepEqual(leaked("算法", raw), []);
    }
  }
});

test("a tool is called and answered", async () => {
  const tools = [{ type: "function", name: "weather", parameters: CITY, strict: false }];
  const said = [{ role: "user", content: told(calling('{"ci', 'ty":"西安"}'), { pieces: ["西安天晴。"] }) }];
  const reply = await ask("storyteller", said, false, { tools });
  const call = reply.output[0];
  assert.deepEqual([call.type, call.name, JSON.parse(call.arguments)], ["function_call", "weather", { city: "西安" }]);
  said.push(...reply.output, { type: "function_call_output", call_id: call.call_id, output: "晴" });
  assert.equal((await ask("storyteller", said, false, { tools })).output_text, "西安天晴。");
  const script = { ...calling('{"city":"西安"}'), pieces: ["且慢。"] };
  const final = await client.responses.stream({ model: "storyteller", input: told(script), tools }).finalResponse();
  assert.deepEqual(final.output.map((item) => item.type), ["message", "function_call"]);
  assert.deepEqual([final.output_text, JSON.parse(final.output[1].arguments)], ["且慢。", { city: "西安" }]);
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
  await assert.rejects(async () => ask("nobody", "hello"), OpenAI.NotFoundError);
  const error = await ask("storyteller", "hi", false, { previous_response_id: "resp_1" }).catch((e) => e);
  assert.ok(error instanceof OpenAI.BadRequestError);
  assert.equal(error.param, "previous_response_id");
});

test("a stream that breaks raises behind what was shown", async () => {
  for (const end of ["cut", "error_event", "garbage", "stall"]) {
    const { text, last, error } = await heard("storyteller", told({ pieces: ["从前有座山。", "山上"], end }));
    assert.ok(text.startsWith("从前"), end);
    assert.ok(error?.code?.startsWith("model_"), `${end}: ${error}`);
    assert.equal(last.type, "response.failed");
  }
});

test("leaving cancels the model", async () => {
  const before = (await seen()).abandoned;
  for await (const event of await ask("storyteller", told(LONG), true)) {
    if (event.type === DELTA) break;
  }
  assert.ok(await abandoned(before), "the model was still asked");
});
