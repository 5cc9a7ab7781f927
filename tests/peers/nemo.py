"""NeMo Guardrails: one output rail with a Python action; the model is a stub."""

import asyncio
import logging
import time
import warnings
from importlib.metadata import version

from common import REPLY, WRONG, broken, report

warnings.filterwarnings("ignore")
logging.disable(logging.ERROR)

from nemoguardrails import LLMRails, RailsConfig  # noqa: E402
from nemoguardrails.actions import action  # noqa: E402
from nemoguardrails.actions.rail_outcome import RailOutcome  # noqa: E402
from nemoguardrails.testing.fake_model import FakeLLMModel  # noqa: E402

RAIL = """
define bot refuse
  "refused"

define subflow keep contract
  $kept = execute keep_contract
  if $kept.is_blocked
    bot refuse
    stop
"""
CONFIG = "models: []\nrails:\n  output:\n    flows:\n      - keep contract\n"
ONLY_OUTPUT = {"rails": {"input": False, "dialog": False, "retrieval": False, "output": True}}


@action(name="keep_contract")
async def keep_contract(context=None, **_):
    return RailOutcome.block() if broken(context["bot_message"]) else RailOutcome.allow()


async def main():
    config = RailsConfig.from_content(colang_content=RAIL, yaml_content=CONFIG)
    rails = LLMRails(config, llm=FakeLLMModel(responses=[REPLY]))
    rails.register_action(keep_contract, "keep_contract")

    async def check(text):
        said = [{"role": "user", "content": "x"}, {"role": "assistant", "content": text}]
        return (await rails.generate_async(messages=said, options=ONLY_OUTPUT)).response[-1]["content"]

    assert await check(REPLY) == REPLY and await check(WRONG) == "refused"
    batches = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(40):
            await check(REPLY)
        batches.append((time.process_time() - start) * 1e6 / 40)
    report("NeMo Guardrails", version("nemoguardrails"), sorted(batches)[2])


asyncio.run(main())
