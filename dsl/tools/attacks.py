#!/usr/bin/env python3
"""Writes the generated part of dsl/tests/terms/attack.tsv: behind the line `# generated` of that file.

    dsl/tools/attacks.py dsl/tests/terms/attack.tsv dsl/src/text/variants.txt EquivalentUnifiedIdeograph.txt

What stands before that line is written by hand and kept. Python's unicodedata says what is a letter, a
digit or a compatibility character, so the cases do not come from the code that they test.
"""

import sys
import unicodedata as ud

NATO = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey xray yankee zulu"
).split()
WORDS = {word[0]: word for word in NATO}

# Letters of other alphabets, and of Latin itself, that are taken for these (UTS #39 and common practice).
CONFUSABLES = {
    "a": "аΑАɑᎪꓮᴀ", "b": "ΒВᏴꓐʙЬ", "c": "сϲСᏟꓚⲤᴄⅽ", "d": "ԁᎠꓓᴅⅾ", "e": "еΕЕᎬꓰᴇҽ", "f": "ꓝϜꜰ", "g": "ցԌᏀꓖɢɡ",
    "h": "һΗНᎻꓧʜհ", "i": "іΙІӀᎥꓲɪı", "j": "јЈᎫꓙᴊϳ", "k": "ΚКᏦꓗᴋⲔ", "l": "ᏞꓡⅬʟ", "m": "ΜМᎷꓟᴍⲘ", "n": "ΝꓠɴոⲚ",
    "o": "оοОΟօꓳᴏⲞ", "p": "рΡРᏢꓑᴘⲢρ", "q": "ԛզԚ", "r": "Ꮢꓣʀгᴦ", "s": "ѕЅᏚꓢꜱՏ", "t": "ΤТᎢꓔᴛⲦ", "u": "ՍꓴᴜʋυՍ",
    "v": "ѵνᏙꓦᴠⅴ", "w": "ԝᎳꓪᴡԜ", "x": "хΧХꓫⲬⅹ", "y": "уΥУҮꓬʏγ", "z": "ΖᏃꓜᴢ",
}
# Characters that show nothing (Default_Ignorable_Code_Point), without the longest runs of one kind.
INVISIBLE = (
    [0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010)]
    + [*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFF9)]
    + [*range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), 0xE0001, *range(0xE0020, 0xE0080), *range(0xE0100, 0xE0120)]
    + [*range(0x01, 0x09), *range(0x0E, 0x1C), 0x7F, *range(0x80, 0x85), *range(0x86, 0xA0)]
)
SEPARATORS = [" ", "  ", "\n", "\u3000", "*", "-", "_", ".", "·", "•", "/", "|", "~", "+", "=", "#", "—", "😀", "\u200B \u200B", ". ", " * "]


def escaped(text):
    def shown(c):
        hidden = ud.category(c) in ("Cc", "Cf", "Cn", "Co", "Mn", "Me", "Zl", "Zp") or ord(c) in INVISIBLE
        if c == "\\":
            return "\\\\"
        return f"\\u{{{ord(c):X}}}" if hidden or (c != " " and ud.category(c) == "Zs") else c

    return "".join(map(shown, text))


def hexed(text):
    return "+".join(f"{ord(c):04X}" for c in text)


def letters():
    """Every code point that is one ASCII letter by NFKC, or by UTS #46's mapping of symbols that Unicode left out."""
    for code in range(0x80, 0x110000):
        form = ud.normalize("NFKC", chr(code))
        if len(form) == 1 and form.isascii() and form.isalpha():
            word = WORDS[form.lower()]
            yield f"letter/{code:04X}", f'"{word}"', f"用⟦{chr(code)}{word[1:]}⟧做"
    for first in (0x1F150, 0x1F170):
        for index in range(26):
            word = NATO[index]
            yield f"letter/{first + index:04X}", f'"{word}"', f"用⟦{chr(first + index)}{word[1:]}⟧做"


def confusables():
    for letter, twins in CONFUSABLES.items():
        word = WORDS[letter]
        for twin in dict.fromkeys(twins):
            yield f"confusable/{ord(twin):04X}", f'"{word}"', f"the ⟦{twin}{word[1:]}⟧ file"


def invisible():
    for code in INVISIBLE:
        yield f"invisible/{code:04X}-latin", '"openai"', f"ask ⟦Open{chr(code)}AI⟧ now"
        yield f"invisible/{code:04X}-han", '"算法"', f"推荐⟦算{chr(code)}法⟧说"


def digits():
    for code in range(0x80, 0x110000):
        if ud.category(chr(code)) == "Nd" and ud.digit(chr(code)) == 0:
            year = "".join(chr(code + d) for d in (2, 0, 2, 4))
            yield f"digit/{code:04X}", '"2024"', f"到⟦{year}⟧年"


def variants(path):
    for line in open(path, encoding="utf-8"):
        if line.startswith("#"):
            continue
        for forms in line.split():
            try:
                common = 0xB0 <= forms[0].encode("gb2312")[0] <= 0xD7
            except UnicodeEncodeError:
                common = False
            if common:
                for form in forms[1:]:
                    yield f"variant/{ord(form):04X}", f'"{forms[0]}某"', f"说⟦{form}某⟧呢"
                    if ord(form) % 4 == 0:
                        yield f"variant/{ord(form):04X}-back", f'"{form}某"', f"说⟦{forms[0]}某⟧呢"


def compatibility():
    for code in [*range(0x2F00, 0x2FD6), *range(0xF900, 0xFADA), *range(0x2F800, 0x2FA1E, 4)]:
        form = ud.normalize("NFKC", chr(code))
        if form != chr(code) and len(form) == 1:
            yield f"compatibility/{code:04X}", f'"{form}某"', f"说⟦{chr(code)}某⟧呢"


def radicals(path):
    for line in open(path, encoding="utf-8"):
        written = line.split("#")[0].strip()
        if written.startswith(("2E", "2FD")) or written.startswith("31"):
            span, character = (part.strip() for part in written.split(";"))
            first, last = (span.split("..") * 2)[:2]
            for code in range(int(first, 16), int(last, 16) + 1):
                yield f"radical/{code:04X}", f'"{chr(int(character, 16))}某"', f"说⟦{chr(code)}某⟧呢"


def overlays():
    marks = [0x0305, 0x0332, 0x0333, 0x0334, 0x0335, 0x0336, 0x0337, 0x033F, 0x035F, 0x0353, 0x033D, 0x0489, 0x20DD, 0x20DE, 0x20E0, 0x20E3, 0x20D2, 0x1AB0, 0x1DC4, 0xFE20]
    for code in marks:
        mark = chr(code)
        yield f"overlay/{code:04X}-latin", '"openai"', "ask ⟦" + "".join(c + mark for c in "OpenAI") + "⟧ now"
        yield f"overlay/{code:04X}-han", '"算法"', f"推荐⟦算{mark}法{mark}⟧说"
        yield f"overlay/{code:04X}-digit", '"2024"', "到⟦" + "".join(c + mark for c in "2024") + "⟧年"
    for count in (8, 13, 40):
        zalgo = [chr(0x300 + (7 * i) % 0x30) for i in range(count)]
        yield f"overlay/zalgo-{count}", '"AI"', "用⟦A" + "".join(zalgo) + "I" + "".join(reversed(zalgo)) + "⟧做"


def gaps():
    for separator in dict.fromkeys(SEPARATORS):
        for term, text in [("人工智能", "人工智能"), ("openai", "OpenAI"), ("算法", "算法")]:
            spread = separator.join(text)
            name = f"{hexed(separator)}-{hexed(text[0])}"
            yield f"gap/{name}", f'"{term}" {{ gaps on }}', f"说 ⟦{spread}⟧ 吧"
            yield f"spread/{name}", f'"{term}"', f"说 ⟦{spread}⟧ 吧"


def main(path, forms, unified):
    kept = []
    for line in open(path, encoding="utf-8"):
        kept.append(line)
        if line.startswith("# generated"):
            break
    found = [letters(), confusables(), invisible(), digits(), variants(forms), compatibility(), radicals(unified), overlays(), gaps()]
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(kept)
        for name, rule, text in (case for cases in found for case in cases):
            out.write(f"{name}\t{escaped(rule)}\t{escaped(text)}\n")


main(*sys.argv[1:])
