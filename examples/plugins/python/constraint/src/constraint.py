"""What the server calls: the interface `constraint` of wit/v1, in terms of policy.py.

componentize-py looks for the interface's resources in a module of the interface's name.
"""

import json
from typing import Callable, Optional, Self

from componentize_py_types import Err
from policy import DOC, NAME, PARAMS_SCHEMA, VERSION, BadParam, Found, Reply, read_words
from wit_world import exports
from wit_world.exports import constraint as abi
from wit_world.imports import types


class Constraint(exports.Constraint):
    def describe(self) -> types.Manifest:
        return types.Manifest(
            name=NAME,
            version=VERSION,
            doc=DOC,
            params_schema=json.dumps(PARAMS_SCHEMA),
            streaming=True,
            isolation=types.Isolation.CALL,
        )


class Policy(abi.Policy):
    def __init__(self, words: list[str]) -> None:
        self._words = words

    @classmethod
    def create(cls, params: str) -> Self:
        return _told(lambda: cls(read_words(params)))

    # Judging the whole by the stream makes both agree by construction.
    def check(self, reply: str, context: abi.Context) -> list[types.Violation]:
        stream = StreamCheck(self._words)
        return stream.push(reply) + stream.finish()

    def open_stream(self, context: abi.Context) -> Optional["StreamCheck"]:
        return StreamCheck(self._words)


class StreamCheck(abi.StreamCheck):
    def __init__(self, words: list[str]) -> None:
        self._reply = Reply(words)

    def push(self, delta: str) -> list[types.Violation]:
        return _told(lambda: [_violation(found) for found in self._reply.push(delta)])

    def finish(self) -> list[types.Violation]:
        return _told(lambda: [_violation(found) for found in self._reply.finish()])


def _violation(found: Found) -> types.Violation:
    span = types.Span(found.start, found.end)
    return types.Violation(found.rule, found.message, types.Severity.ERROR, [span], None)


def _told[T](work: Callable[[], T]) -> T:
    """Errors as the ABI wants them: anything else that is raised ends the call without its message."""
    try:
        return work()
    except BadParam as bad:
        raise Err(types.PolicyError_BadParams(types.BadParam(bad.param, bad.message))) from bad
    except Exception as error:
        raise Err(types.PolicyError_Internal(repr(error))) from error
