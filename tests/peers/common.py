"""The rule that every product is given, as a team would write it in plain Python, and how a check is timed.

The terms and the reply come on standard input, so that all measure the same: at most three sentences, none of
the terms, at least 40 % questions."""

import json
import re
import resource
import sys
import time

GIVEN = json.load(sys.stdin)
REPLY, TERMS = GIVEN["reply"], GIVEN["terms"]
WRONG = REPLY + TERMS[0]
ENDS = re.compile(r"[^。！？!?]+[。！？!?]*")


def too_long(text):
    return sum(1 for part in ENDS.findall(text) if part.strip()) > 3


def forbidden(text):
    return any(term in text for term in TERMS)


def too_few_questions(text):
    parts = [part.strip() for part in ENDS.findall(text) if part.strip()]
    return not parts or sum(part[-1] in "？?" for part in parts) < 0.4 * len(parts)


def broken(text):
    return too_long(text) or forbidden(text) or too_few_questions(text)


def report(product, version, micros):
    """One JSON line: microseconds of CPU per check, and the memory that the product takes."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"product": product, "version": version, "us": micros, "rss_mib": memory}), flush=True)


def timed(call, times):
    """Microseconds of CPU per call: the median of five batches."""
    batches = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(times):
            call()
        batches.append((time.process_time() - start) * 1e6 / times)
    return sorted(batches)[2]
