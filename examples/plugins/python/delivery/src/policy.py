"""Policy `my_policy`: messages that waited arrive together where they belong together.

Consecutive messages of one role and one intent become one message, a line for each. Of two messages
with the same text one is enough.
"""

from dataclasses import dataclass
from typing import Optional, Protocol

NAME = "my_policy"
VERSION = "0.1.0"
DOC = "Joins consecutive messages of one intent."
PARAMS_SCHEMA = {"type": "object", "additionalProperties": False}

# Bytes of one merged text: the server takes no longer one.
MAX_TEXT_BYTES = 64 << 10
# Bytes of all merged texts: the server takes 1 MiB, with everything around the texts.
MAX_RESULT_BYTES = 768 << 10


class Message(Protocol):
    """What is looked at of a message."""

    role: str
    intent: str
    text: str


@dataclass
class Group:
    """Positions in the window, and the text that stands for them; a message alone stays as it is."""

    members: list[int]
    text: Optional[str]


def merge(window: list[Message]) -> list[Group]:
    """Groups that every position of the window is in once."""
    groups = []
    room = MAX_RESULT_BYTES
    at = 0
    while at < len(window):
        end = _run(window, at, min(room, MAX_TEXT_BYTES))
        text = None
        if end - at > 1:
            text = "\n".join(message.text for message in window[at:end])
            room -= len(text.encode())
        groups.append(Group(list(range(at, end)), text))
        at = end
    return groups


def _run(window: list[Message], at: int, room: int) -> int:
    """Where the messages end that are joined to the one at `at`."""
    first = window[at]
    size = len(first.text.encode())
    end = at + 1
    while end < len(window):
        message = window[end]
        size += 1 + len(message.text.encode())
        if (message.role, message.intent) != (first.role, first.intent) or size > room:
            break
        end += 1
    return end


def same(a: Message, b: Message) -> bool:
    """Whether the messages say the same. If not, the server decides."""
    return a.text.strip() == b.text.strip()
