"""What the server calls: the interface `delivery` of wit/v1, in terms of policy.py.

componentize-py looks for the interface's resources in a module of the interface's name.
"""

import json
from typing import Callable, Self

import policy
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import delivery as abi
from wit_world.imports import types


class Delivery(exports.Delivery):
    def describe(self) -> types.Manifest:
        return types.Manifest(
            name=policy.NAME,
            version=policy.VERSION,
            doc=policy.DOC,
            params_schema=json.dumps(policy.PARAMS_SCHEMA),
            streaming=False,
            isolation=types.Isolation.CALL,
        )


class Policy(abi.Policy):
    # The server has checked the parameters against the schema, which allows none.
    @classmethod
    def create(cls, params: str) -> Self:
        return cls()

    def merge(self, window: list[types.OfflineMessage]) -> list[types.MergedGroup]:
        groups = _told(lambda: policy.merge(window))
        return [types.MergedGroup(group.members, group.text) for group in groups]

    def same(
        self, a: types.OfflineMessage, b: types.OfflineMessage, features: types.Features
    ) -> types.Verdict:
        equal = _told(lambda: policy.same(a, b))
        return types.Verdict.SAME if equal else types.Verdict.UNSURE


def _told[T](work: Callable[[], T]) -> T:
    """Errors as the ABI wants them: anything else that is raised ends the call without its message."""
    try:
        return work()
    except Exception as error:
        raise Err(types.PolicyError_Internal(repr(error))) from error
