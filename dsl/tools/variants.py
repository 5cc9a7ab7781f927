#!/usr/bin/env python3
"""Writes dsl/src/text/variants.txt: which Han characters are forms of one another.

    npm pack opencc@1.4.2 && tar xzf opencc-1.4.2.tgz            # Apache-2.0
    # EquivalentUnifiedIdeograph.txt of the Unicode Character Database 15.0, licence Unicode-3.0
    dsl/tools/variants.py package/data/dictionary EquivalentUnifiedIdeograph.txt > dsl/src/text/variants.txt

Forms are joined to classes, whatever the direction of a conversion: 发 stands for 發 and for 髮, so all
three are one. Traditional to Simplified and the regional forms of Taiwan and Hong Kong are joined without
a condition, because each such pair is one word of one text written in two ways. Simplified to Traditional
and the Japanese new forms are joined only where that does not put two characters together that both are
in use in Simplified (GB 2312): 弁 would make 辨, 辯 and 瓣 one, and 欠 is not 缺.
"""

import sys
import unicodedata

# Old and rare forms that the tables lack, and katakana that nobody can tell from a Han character.
OTHERS = ["你妳", "它牠", "麻蔴", "清淸", "青靑", "法灋", "算筭", "国囯圀", "尔尒"]
KATAKANA = ["工エ", "口ロ", "二ニ", "力カ", "卜ト", "夕タ", "八ハ"]
WIDTH = 100

HEADER = """\
# Han characters that are forms of one another: Traditional, Simplified and variant ones. One class between
# two spaces, the form that stands for all of them first. Written by dsl/tools/variants.py, which says how.
#
# Sources: TSCharacters, STCharacters, TWVariants, HKVariants and JPShinjitaiCharacters of OpenCC 1.4.2
# (https://github.com/BYVoid/OpenCC, Apache License 2.0, as LICENSE-APACHE); EquivalentUnifiedIdeograph of the
# Unicode Character Database 15.0 (https://www.unicode.org/license.txt, Unicode License v3).
"""


def simplified(c):
    """Whether a character is in use in Simplified Chinese: 2 for the commonest, 1 for the others."""
    try:
        first = c.encode("gb2312")[0]
    except UnicodeEncodeError:
        return 0
    return (2 if first <= 0xD7 else 1) if first >= 0xB0 else 0


class Classes:
    def __init__(self):
        self.of = {}

    def get(self, c):
        return self.of.get(c, {c})

    def join(self, a, b):
        together = self.get(a) | self.get(b)
        for c in together:
            self.of[c] = together

    def join_if_clear(self, a, b):
        both = all(any(map(simplified, self.get(c))) for c in (a, b))
        if b in self.get(a) or not both:
            self.join(a, b)


def rows(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                key, values = line.rstrip("\n").split("\t")[:2]
                for value in values.split():
                    yield key, value


def radicals(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            written = line.split("#")[0].strip()
            if written:
                span, character = (part.strip() for part in written.split(";"))
                first, last = (span.split("..") * 2)[:2]
                for code in range(int(first, 16), int(last, 16) + 1):
                    if len(unicodedata.normalize("NFKC", chr(code))) == 1:
                        yield unicodedata.normalize("NFKC", chr(code)), chr(int(character, 16))


def main(folder, unified):
    classes = Classes()
    for name in ["TSCharacters", "TWVariants", "HKVariants"]:
        for a, b in rows(f"{folder}/{name}.txt"):
            classes.join(a, b)
    for name in ["STCharacters", "JPShinjitaiCharacters"]:
        for a, b in rows(f"{folder}/{name}.txt"):
            classes.join_if_clear(a, b)
    for a, b in radicals(unified):
        classes.join(a, b)
    for forms in OTHERS + KATAKANA:
        for form in forms[1:]:
            classes.join(forms[0], form)
    print(HEADER, end="")
    # A form of the first plane stands for a class that has one: the table keeps two bytes for it.
    order = lambda c: (ord(c) > 0xFFFF, -simplified(c), not "\u4E00" <= c <= "\u9FFF", c)
    found = {tuple(sorted(forms, key=order)) for forms in classes.of.values() if len(forms) > 1}
    line = ""
    for forms in sorted(found, key=lambda forms: order(forms[0])):
        if len(line) + len(forms) > WIDTH // 2:
            print(line.strip())
            line = ""
        line += " " + "".join(forms)
    print(line.strip())


main(*sys.argv[1:])
