"""What the suites share: how to tell the upstream what to do, and what it saw."""

import http.client
import json
import os
import time

URL = os.environ["ROLECALL_URL"]
UPSTREAM = os.environ["UPSTREAM_URL"]
TERMS = ["AI", "算法", "2024"]
# Ways to write the terms that a plain substring search does not see.
DISGUISES = ["ＡＩ", "A\u200bI", "ai", "算\u200b法", "２０２４"]
# Roles with the same forbidden terms: one streams at once, one holds the whole reply back.
ROLES = ["storyteller", "zhanguoce_scholar"]
# A reply that both roles let through as it is.
GOOD = ["难道", "唇亡齿寒", "之理不明？合纵", "则安。岂可", "坐视？"]
# A tool, as a JSON Schema, and the model's words that call it.
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
# How long anything is waited for, in seconds.
PATIENCE = 30


def told(*scripts):
    """The user message that tells the upstream what to do, call by call."""
    return "@upstream" + json.dumps(list(scripts), ensure_ascii=False)


def calling(*pieces):
    """A script that calls the tool `weather` with arguments in these pieces."""
    return {"pieces": [], "calls": [{"name": "weather", "pieces": list(pieces)}], "finish": "tool_calls"}


def splits(term):
    """Every way to cut a term in two, the term in single characters, and whole."""
    yield [term]
    yield list(term)
    for at in range(1, len(term)):
        yield [term[:at], term[at:]]


def leaked(term, text):
    """Characters of a term in a text that holds none of them otherwise: each is proof of a leak."""
    return [c for c in term if c != "\u200b" and c in text]


def seen():
    """What the upstream saw so far."""
    address, path = UPSTREAM.removeprefix("http://").split("/", 1)
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.request("GET", f"/{path}/seen")
    report = json.loads(connection.getresponse().read())
    connection.close()
    return report


def abandoned(before):
    """Whether the upstream sees one more caller leave before long."""
    for _ in range(PATIENCE * 20):
        if seen()["abandoned"] > before:
            return True
        time.sleep(0.05)
    return False


def posted(path, body):
    """A request without the client library: the connection and the running answer."""
    connection = http.client.HTTPConnection(URL.removeprefix("http://"), timeout=PATIENCE * 2)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    return connection, connection.getresponse()


def raw_events(path, body):
    """The bytes of an event stream, and the JSON values of its events."""
    connection, answer = posted(path, body)
    raw = answer.read()
    connection.close()
    lines = [line for line in raw.decode().splitlines() if line.startswith("data: {")]
    return raw, [json.loads(line.removeprefix("data: ")) for line in lines]


class Failing:
    """What goes wrong upstream, through any client library: mixed into a test case, which names the `library`,
    how to `ask(role, said, stream)` and whether an event of a stream `is_text`."""

    def expect(self, kinds, script, role="storyteller"):
        """What the script does arrives as an error of these kinds, whole and streamed."""
        for stream in [True, False]:
            with self.subTest(script=script, stream=stream):
                with self.assertRaises(kinds) as caught:
                    reply = self.ask(role, told(script), stream)
                    if stream:
                        for _ in reply:
                            pass
                error = caught.exception
                # A proxy's page may name hosts; an API's own message is for people.
                if script.get("body") == "html":
                    self.assertNotIn("secret-host", str(error) + str(error.body))
                # Anthropic's library keeps the whole body, OpenAI's the error within.
                body = error.body and error.body.get("error", error.body)
                self.assertTrue(body and body.get("code") and body.get("message"), f"no code or message: {body}")

    def test_error_answers(self):
        for kind in ["json", "html", "empty"]:
            self.expect(self.library.BadRequestError, {"status": 400, "body": kind})
            # rolecall's own key was refused: the operator's fault, not this caller's.
            self.expect(self.library.InternalServerError, {"status": 401, "body": kind})
            self.expect(self.library.RateLimitError, {"status": 429, "body": kind})
            self.expect(self.library.InternalServerError, {"status": 500, "body": kind})

    def test_leaving_cancels_the_model(self):
        before = seen()["abandoned"]
        stream = self.ask("storyteller", told({"pieces": ["从前有座山。"] * 400, "gap_ms": 50}), True)
        for event in stream:
            if self.is_text(event):
                break
        stream.close()
        self.assertTrue(abandoned(before), "the model was still asked")
