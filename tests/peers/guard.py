"""Guardrails AI: a guard with one validator for each rule."""

import warnings
from importlib.metadata import version

from common import REPLY, WRONG, forbidden, report, timed, too_few_questions, too_long

warnings.filterwarnings("ignore")

from guardrails import Guard, OnFailAction  # noqa: E402
from guardrails.validators import FailResult, PassResult, Validator, register_validator  # noqa: E402


def validator(name, is_broken):
    @register_validator(name=f"bench/{name}", data_type="string")
    class Rule(Validator):
        def _validate(self, value, metadata):
            return FailResult(error_message=name) if is_broken(value) else PassResult()

    return Rule(on_fail=OnFailAction.NOOP)


rules = {"sentences": too_long, "terms": forbidden, "questions": too_few_questions}
guard = Guard().use(*[validator(name, is_broken) for name, is_broken in rules.items()])
assert guard.validate(REPLY).validation_passed and not guard.validate(WRONG).validation_passed
report("Guardrails AI", version("guardrails-ai"), timed(lambda: guard.validate(REPLY), 100))
