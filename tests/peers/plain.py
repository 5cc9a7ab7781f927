"""The rule in plain Python, without any product."""

import platform

from common import REPLY, WRONG, broken, report, timed

assert not broken(REPLY) and broken(WRONG)
report("the rule in plain Python", platform.python_version(), timed(lambda: broken(REPLY), 2000))
