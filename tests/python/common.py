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
