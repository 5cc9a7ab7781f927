import json
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "src"))

from policy import BadParam, Reply, read_words  # noqa: E402

GOLDEN = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))


def judged(words: list[str], pieces: list[str]) -> list[dict]:
    reply = Reply(words)
    found = [word for piece in pieces for word in reply.push(piece)] + reply.finish()
    return [{"rule": word.rule, "spans": [[word.start, word.end]]} for word in found]


class Policy(unittest.TestCase):
    def test_cases(self) -> None:
        for case in GOLDEN["cases"]:
            words = read_words(json.dumps(case.get("params", GOLDEN["params"])))
            reply = case["reply"]
            # However it is cut.
            cuts = [[reply], list(reply), *([reply[:at], reply[at:]] for at in range(len(reply)))]
            for pieces in cuts:
                with self.subTest(case["name"], pieces=pieces):
                    self.assertEqual(judged(words, pieces), case["violations"])

    def test_an_empty_word_is_refused(self) -> None:
        with self.assertRaises(BadParam):
            read_words('{"words": ["AI", ""]}')


if __name__ == "__main__":
    unittest.main()
