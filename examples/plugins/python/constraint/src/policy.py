"""Policy `my_policy`: replies do not hold certain words.

A word is found whatever the case of its ASCII letters. One that begins or ends with an ASCII letter
or digit is found only where it stands alone: `AI` is not in `said`, but it is in `用AI写`.
"""

import json
from dataclasses import dataclass

NAME = "my_policy"
VERSION = "0.1.0"
DOC = "Finds forbidden words."
PARAMS_SCHEMA = {
    "type": "object",
    "properties": {
        "words": {
            "description": "The words that a reply must not hold.",
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 64},
            "minItems": 1,
            "maxItems": 100,
        }
    },
    "required": ["words"],
    "additionalProperties": False,
}


class BadParam(Exception):
    """A parameter that cannot be used."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param
        self.message = message


@dataclass
class Found:
    """A forbidden word, and its bytes in the reply."""

    rule: str
    message: str
    start: int
    end: int


def read_words(params: str) -> list[str]:
    """The words of the parameters, a JSON text."""
    words = json.loads(params).get("words")
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise BadParam("words", "words that are not empty are needed")
    return words


class Reply:
    """One growing reply.

    It is searched as UTF-8 bytes, which is what spans count; a Python string has code points.
    `bytes.lower` changes ASCII letters only, so every byte keeps its place.
    """

    def __init__(self, words: list[str]) -> None:
        self._words = [(word, word.encode().lower()) for word in words]
        self._longest = max((len(folded) for _, folded in self._words), default=0)
        # The end of the reply, folded: what the next delta may make a word of.
        self._tail = b""
        # Bytes of the reply so far.
        self._length = 0

    def push(self, delta: str) -> list[Found]:
        """The next piece; returns the words that it makes certain."""
        before = self._length
        data = delta.encode().lower()
        self._length += len(data)
        self._tail += data
        found = self._decided(before + 1, self._length)
        # Kept: the longest word that is not yet decided, and the byte before it.
        self._tail = self._tail[-(self._longest + 1) :]
        return found

    def finish(self) -> list[Found]:
        """The end of the reply."""
        return self._decided(self._length + 1, self._length + 1)

    def _decided(self, first: int, last: int) -> list[Found]:
        """The words that are certain once the reply has `first` to `last` bytes, by where they end.

        A word is certain at its own end, or one byte later if more letters could make it another
        word. This depends on the text alone, so every cut of the stream gives the same.
        """
        base = self._length - len(self._tail)
        found = []
        for said, folded in self._words:
            at = self._tail.find(folded)
            while at >= 0:
                start, end = base + at, base + at + len(folded)
                certain = end + folded[-1:].isalnum()
                if first <= certain <= last and self._alone(at, folded):
                    found.append(Found("forbidden_word", f"“{said}” is forbidden", start, end))
                at = self._tail.find(folded, at + 1)
        return sorted(found, key=lambda word: (word.end, word.start))

    def _alone(self, at: int, folded: bytes) -> bool:
        """Whether the word at this place of the tail is no part of a longer one."""
        end = at + len(folded)
        before = folded[:1].isalnum() and at > 0 and self._tail[at - 1 : at].isalnum()
        after = folded[-1:].isalnum() and self._tail[end : end + 1].isalnum()
        return not before and not after
