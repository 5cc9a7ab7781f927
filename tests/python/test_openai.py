"""The public `openai` client's chat completions against rolecall, in front of a model server that misbehaves.

Run by tests/public_clients.rs, which starts both servers and names them in the environment.
"""

import json
import unittest

import openai
from common import CITY, DISGUISES, GOOD, ROLES, TERMS, Failing, calling, leaked, posted, seen, splits, told
from common import URL as SERVER

PATH = "/v1/chat/completions"
ROUNDS_OF_NOISE = [
    {},
    {"line_end": "cr_lf"},
    {"line_end": "cr"},
    {"escape": True},
    {"noise": True},
    {"end": "no_done"},
]


def client(**settings):
    # No retries: each error must be the answer to one call.
    return openai.OpenAI(base_url=SERVER + "/v1", api_key="unused", max_retries=0, timeout=60, **settings)


def ask(role, message, stream):
    return client().chat.completions.create(
        model=role, stream=stream, messages=[{"role": "user", "content": message}]
    )


def heard(role, message):
    """The text and the finish reason of a streamed reply; an API error ends it."""
    text, finish, error = "", None, None
    try:
        for chunk in ask(role, message, stream=True):
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finish = choice.finish_reason or finish
    except openai.APIError as failure:
        error = failure
    return text, finish, error


class Models(unittest.TestCase):
    def test_lists_roles_as_models(self):
        ids = [model.id for model in client().models.list()]
        for role in ROLES:
            self.assertIn(role, ids)
        self.assertEqual(client().models.retrieve(ROLES[0]).id, ROLES[0])

    def test_an_unknown_role_is_not_found(self):
        with self.assertRaises(openai.NotFoundError):
            ask("nobody", "hello", stream=False)
        with self.assertRaises(openai.NotFoundError):
            ask("nobody", "hello", stream=True)


class Replies(unittest.TestCase):
    def test_streams_and_answers_whole(self):
        for noise in ROUNDS_OF_NOISE:
            for write in [0, 1, 7]:
                message = told({"pieces": GOOD, "write_bytes": write, **noise})
                with self.subTest(noise=noise, write=write):
                    text, finish, error = heard("zhanguoce_scholar", message)
                    self.assertEqual((text, finish, error), ("".join(GOOD), "stop", None))
        whole = ask("zhanguoce_scholar", told({"pieces": GOOD}), stream=False)
        self.assertEqual(whole.choices[0].message.content, "".join(GOOD))
        self.assertEqual(whole.choices[0].finish_reason, "stop")
        self.assertEqual(whole.model, "zhanguoce_scholar")
        self.assertEqual(whole.usage.completion_tokens, 11)

    def test_an_open_role_streams_more_than_one_chunk(self):
        pieces = [f"第{n}回。" for n in range(8)]
        message = told({"pieces": pieces, "gap_ms": 20})
        chunks = [c for c in ask("storyteller", message, stream=True) if c.choices and c.choices[0].delta.content]
        self.assertGreater(len(chunks), 1, "nothing was streamed before the end")

    def test_usage_comes_last_when_asked_for(self):
        said = [{"role": "user", "content": told({"pieces": ["第一回。"]})}]
        options = {"include_usage": True}
        chunks = list(
            client().chat.completions.create(model="storyteller", messages=said, stream=True, stream_options=options)
        )
        usage = chunks[-1].usage
        self.assertEqual((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (7, 11, 18))
        self.assertTrue(all(chunk.usage is None for chunk in chunks[:-1]))

    def test_a_conversation_of_several_turns(self):
        first, second = told({"pieces": ["第一回。"]}), told({"pieces": ["第二回。"]})
        said = [{"role": "system", "content": "说慢些"}, {"role": "user", "content": first}]
        said.append(client().chat.completions.create(model="storyteller", messages=said).choices[0].message)
        said.append({"role": "user", "content": second})
        reply = client().chat.completions.create(model="storyteller", messages=said)
        self.assertEqual(reply.choices[0].message.content, "第二回。")
        sent = seen()["last"]["messages"]
        self.assertEqual([m["role"] for m in sent], ["system", "user", "assistant", "user"])
        self.assertEqual([m["content"] for m in sent[1:]], [f"说慢些\n\n{first}", "第一回。", second])

    def test_finish_reasons_say_why(self):
        for role, script, reason in [
            ("storyteller", {"pieces": ["从前有座山，"], "finish": "length"}, "length"),
            ("storyteller", {"pieces": ["从前有座山，"], "finish": "content_filter"}, "content_filter"),
            ("guard", {"pieces": ["口令是"]}, "content_filter"),
            ("storyteller", {"pieces": ["2024"]}, "content_filter"),
        ]:
            with self.subTest(role=role, script=script):
                self.assertEqual(ask(role, told(script), stream=False).choices[0].finish_reason, reason)
                self.assertEqual(heard(role, told(script))[1:], (reason, None))

    def test_five_sentences_are_cut_to_three(self):
        said = ["One is here. Two", " is here. Three is", " here. Four is here. ", "Five is here."]
        for stream in [True, False]:
            with self.subTest(stream=stream):
                message = told({"pieces": said, "gap_ms": 5})
                if stream:
                    text, finish, error = heard("brief", message)
                    self.assertIsNone(error)
                else:
                    choice = ask("brief", message, stream=False).choices[0]
                    text, finish = choice.message.content, choice.finish_reason
                self.assertEqual(text.rstrip(), "One is here. Two is here. Three is here.")
                self.assertIn(finish, ["stop", "length", "content_filter"])

    def test_a_redacted_term_is_replaced_wherever_it_is_split(self):
        for parts in splits("password"):
            with self.subTest(parts=parts):
                text, _, error = heard("redactor", told({"pieces": ["The ", *parts, " is kept."]}))
                self.assertIsNone(error)
                self.assertEqual(text, "The [removed] is kept.")


class Forbidden(unittest.TestCase):
    """No byte of a forbidden match reaches the client."""

    def check(self, role, term, script):
        text, finish, error = heard(role, told(script))
        self.assertEqual(leaked(term, text), [], f"leaked in {text!r}")
        self.assertTrue(error is not None or finish is not None, "the stream ended without a word")
        self.assertTrue(error is not None or finish != "stop" or text, "an empty reply that claims to be whole")

    def test_split_over_deltas_at_every_point(self):
        for role in ROLES:
            for term in TERMS + DISGUISES:
                for parts in splits(term):
                    with self.subTest(role=role, term=term, parts=parts):
                        self.check(role, term, {"pieces": ["难道用", *parts, "就能治国？", "岂不可笑？"]})

    def test_split_over_writes_at_every_byte(self):
        for role in ROLES:
            for write in range(1, 12):
                for escape in [False, True]:
                    script = {"pieces": ["难道用算", "法就能治国？"], "write_bytes": write, "escape": escape}
                    with self.subTest(role=role, write=write, escape=escape):
                        self.check(role, "算法", script)

    def test_at_the_end_where_only_the_finish_decides(self):
        for role in ROLES:
            for end in ["done", "no_done", "cut", "error_event", "garbage"]:
                for parts in splits("AI"):
                    with self.subTest(role=role, end=end, parts=parts):
                        text, _, _ = heard(role, told({"pieces": ["难道用", *parts], "end": end}))
                        self.assertNotIn("I", text)
                        if role == "zhanguoce_scholar" or end == "done":
                            self.assertNotIn("A", text)

    def test_unstreamed(self):
        for role in ROLES:
            for term in TERMS + DISGUISES:
                with self.subTest(role=role, term=term):
                    try:
                        reply = ask(role, told({"pieces": ["难道用", term, "？"]}), stream=False)
                        text = reply.choices[0].message.content or ""
                    except openai.APIError as error:
                        text = str(error.body)
                    self.assertEqual(leaked(term, text), [])

    def test_the_raw_bytes(self):
        """Below the client: no chunk, alone or joined, escaped or not, holds a part of a match."""
        for role in ROLES:
            for term in ["算法", "2024"]:
                for parts in splits(term):
                    body = {
                        "model": role,
                        "stream": True,
                        "messages": [{"role": "user", "content": told({"pieces": ["难道用", *parts, "？"], "gap_ms": 5})}],
                    }
                    connection, answer = posted(PATH, body)
                    raw = answer.read()
                    connection.close()
                    content = "".join(
                        choice["delta"].get("content") or ""
                        for line in raw.decode().splitlines()
                        if line.startswith("data: {")
                        for choice in json.loads(line[6:]).get("choices", [])
                    )
                    with self.subTest(role=role, parts=parts):
                        self.assertEqual(leaked(term, content), [])
                        if not term.isascii():
                            for c in term:
                                self.assertNotIn(c.encode(), raw)
                                self.assertNotIn(json.dumps(c)[1:-1].encode(), raw.lower())

    def test_a_repaired_reply_takes_the_place_of_a_bad_one(self):
        bad = {"pieces": ["用算法。"]}
        good = {"pieces": ["难道不知唇亡齿寒？", "岂可坐视？"]}
        reply = ask("zhanguoce_scholar", told(bad, good), stream=False)
        self.assertEqual(reply.choices[0].message.content, "".join(good["pieces"]))
        self.assertEqual(reply.choices[0].finish_reason, "stop")


class Choices(unittest.TestCase):
    def texts(self, role, n, message):
        """The texts and finish reasons of several choices, streamed and whole."""
        said = [{"role": "user", "content": message}]
        streamed = [["", None] for _ in range(n)]
        for chunk in client().chat.completions.create(model=role, messages=said, n=n, stream=True):
            for choice in chunk.choices:
                streamed[choice.index][0] += choice.delta.content or ""
                streamed[choice.index][1] = choice.finish_reason or streamed[choice.index][1]
        whole = client().chat.completions.create(model=role, messages=said, n=n)
        self.assertEqual([choice.index for choice in whole.choices], list(range(n)))
        return streamed, [[choice.message.content, choice.finish_reason] for choice in whole.choices]

    def test_each_choice_is_judged_by_itself(self):
        # The choices race for the scripts, so each set of answers comes in an order of its own.
        scripts = [{"pieces": [f"第{n}回，", *parts, "。"]} for n, parts in enumerate([["甲"], ["算", "法"], ["乙"]])]
        for answers in self.texts("storyteller", 3, told(*scripts, *scripts)):
            self.assertEqual(
                sorted(answers),
                [["第0回，甲。", "stop"], ["第1回，", "content_filter"], ["第2回，乙。", "stop"]],
            )


class Tools(unittest.TestCase):
    TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": CITY}}]

    def ask(self, said, stream=False):
        return client().chat.completions.create(model="storyteller", messages=said, tools=self.TOOLS, stream=stream)

    def test_a_call_and_its_result(self):
        message = told(calling('{"ci', 'ty":"西安"}'), {"pieces": ["西安天晴。"]})
        said = [{"role": "user", "content": message}]
        choice = self.ask(said).choices[0]
        self.assertEqual((choice.finish_reason, choice.message.content), ("tool_calls", None))
        call = choice.message.tool_calls[0]
        self.assertEqual((call.function.name, json.loads(call.function.arguments)), ("weather", {"city": "西安"}))
        said += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "晴"}]
        self.assertEqual(self.ask(said).choices[0].message.content, "西安天晴。")
        sent = seen()["last"]
        self.assertEqual([m["role"] for m in sent["messages"]], ["system", "user", "assistant", "tool"])
        self.assertEqual(sent["tools"][0]["function"]["name"], "weather")

    def test_a_streamed_call(self):
        said = [{"role": "user", "content": told(calling('{"ci', 'ty":"西安"}'))}]
        calls, finish = [], None
        for chunk in self.ask(said, stream=True):
            calls += chunk.choices[0].delta.tool_calls or []
            finish = chunk.choices[0].finish_reason or finish
        self.assertEqual([json.loads(call.function.arguments) for call in calls], [{"city": "西安"}])
        self.assertEqual(finish, "tool_calls")

    def test_a_forbidden_argument_never_shows(self):
        for pieces in [['{"city":"算', '法"}'], ['{"city":"\\u7b97', '\\u6cd5"}']]:
            said = [{"role": "user", "content": told(calling(*pieces))}]
            body = {"model": "storyteller", "stream": True, "messages": said, "tools": self.TOOLS}
            connection, answer = posted(PATH, body)
            raw = answer.read().decode()
            connection.close()
            with self.subTest(pieces=pieces):
                self.assertEqual(leaked("算法", raw), [])
                self.assertNotIn("u7b97", raw)
                self.assertIn("content_filter", raw)


class Failures(Failing, unittest.TestCase):
    """What goes wrong upstream arrives as an API error of the right class."""

    library = openai
    ask = staticmethod(ask)

    @staticmethod
    def is_text(event):
        return bool(event.choices and event.choices[0].delta.content)

    def test_a_stream_that_breaks(self):
        for end in ["cut", "error_event", "garbage"]:
            self.expect(openai.APIError, {"pieces": ["从前有座山，"], "end": end})
            self.expect(openai.APIError, {"pieces": [], "end": end})

    def test_a_stall(self):
        self.expect(openai.APIError, {"pieces": ["从前"], "end": "stall"})
        self.expect(openai.APIError, {"pieces": [], "end": "stall"})

    def test_bad_requests(self):
        with self.assertRaises(openai.BadRequestError):
            client().chat.completions.create(model="storyteller", messages=[])
        with self.assertRaises(openai.BadRequestError):
            client().chat.completions.create(
                model="storyteller", messages=[{"role": "user", "content": "hi"}], extra_body={"temperature": "hot"}
            )

    def test_others_are_served_while_one_stalls(self):
        stalled = told({"pieces": ["等"], "end": "stall"})
        connection, answer = posted(
            PATH, {"model": "storyteller", "stream": True, "messages": [{"role": "user", "content": stalled}]}
        )
        self.assertEqual(answer.status, 200)
        text, finish, error = heard("storyteller", told({"pieces": ["从前有座山。"]}))
        connection.close()
        self.assertEqual((text, finish, error), ("从前有座山。", "stop", None))


if __name__ == "__main__":
    unittest.main()
