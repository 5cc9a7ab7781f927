import json
import sys
import unittest
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "src"))

from policy import MAX_TEXT_BYTES, merge, same  # noqa: E402

GOLDEN = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))


def message(**fields: object) -> SimpleNamespace:
    return SimpleNamespace(**{"role": "clerk", "intent": "order", **fields})


class Policy(unittest.TestCase):
    def test_cases(self) -> None:
        for case in GOLDEN["cases"]:
            with self.subTest(case["name"]):
                merged = merge([message(**fields) for fields in case["window"]])
                self.assertEqual([vars(group) for group in merged], case["groups"])

    def test_a_merged_text_has_an_end(self) -> None:
        groups = merge([message(text="文" * 10_000)] * 3)
        self.assertEqual([group.members for group in groups], [[0, 1], [2]])
        self.assertLessEqual(len(groups[0].text.encode()), MAX_TEXT_BYTES)

    def test_the_same_text_is_the_same(self) -> None:
        self.assertTrue(same(message(text="It left."), message(text=" It left.\n")))
        self.assertFalse(same(message(text="It left."), message(text="It leaves.")))


if __name__ == "__main__":
    unittest.main()
