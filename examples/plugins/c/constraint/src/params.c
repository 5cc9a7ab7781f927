#include "params.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// What is left to read.
struct rest {
    const char *at;
    const char *end;
};

static void skip_blanks(struct rest *rest) {
    while (rest->at < rest->end && memchr(" \t\r\n", *rest->at, 4) != NULL) {
        rest->at++;
    }
}

// Whether this sign comes next; it is read then.
static bool sign(struct rest *rest, char wanted) {
    skip_blanks(rest);
    bool there = rest->at < rest->end && *rest->at == wanted;
    rest->at += there;
    return there;
}

// The four digits of a `\u` escape; -1 when they are none.
static int32_t hex(struct rest *rest) {
    int32_t value = 0;
    for (int digit = 0; digit < 4; digit++) {
        char c = rest->at < rest->end ? *rest->at++ : ' ';
        if (c >= '0' && c <= '9') {
            value = value * 16 + (c - '0');
        } else if ((c | 32) >= 'a' && (c | 32) <= 'f') {
            value = value * 16 + ((c | 32) - 'a' + 10);
        } else {
            return -1;
        }
    }
    return value;
}

// The character of a `\u` escape, which is two of them beyond U+FFFF; -1 when it is none.
static int32_t escaped(struct rest *rest) {
    int32_t high = hex(rest);
    if (high < 0xd800 || high > 0xdfff) {
        return high;
    }
    bool pair = high < 0xdc00 && rest->end - rest->at >= 2 && memcmp(rest->at, "\\u", 2) == 0;
    if (!pair) {
        return -1;
    }
    rest->at += 2;
    int32_t low = hex(rest);
    return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static void put(struct text *text, int32_t c) {
    char *to = text->bytes + text->length;
    if (c < 0x80) {
        to[0] = (char)c;
        text->length += 1;
    } else if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        text->length += 2;
    } else if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        text->length += 3;
    } else {
        to[0] = (char)(0xf0 | c >> 18);
        to[1] = (char)(0x80 | (c >> 12 & 0x3f));
        to[2] = (char)(0x80 | (c >> 6 & 0x3f));
        to[3] = (char)(0x80 | (c & 0x3f));
        text->length += 4;
    }
}

static int32_t escape(struct rest *rest) {
    static const char signs[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char c = rest->at < rest->end ? *rest->at++ : ' ';
    const char *known = memchr(signs, c, sizeof signs - 1);
    return known != NULL ? meanings[known - signs] : c == 'u' ? escaped(rest) : -1;
}

// A JSON string, to be freed; false when there is none.
static bool string(struct rest *rest, struct text *text) {
    if (!sign(rest, '"')) {
        return false;
    }
    // No escape is shorter than what it stands for.
    *text = (struct text){ reserve(NULL, (size_t)(rest->end - rest->at)), 0 };
    while (rest->at < rest->end && *rest->at != '"') {
        char c = *rest->at++;
        if (c != '\\') {
            text->bytes[text->length++] = c;
            continue;
        }
        int32_t meant = escape(rest);
        if (meant < 0) {
            break;
        }
        put(text, meant);
    }
    if (rest->at < rest->end && *rest->at == '"') {
        rest->at++;
        return true;
    }
    free(text->bytes);
    return false;
}

static bool key(struct rest *rest, const char *wanted) {
    struct text name;
    if (!string(rest, &name)) {
        return false;
    }
    bool same = name.length == strlen(wanted) && memcmp(name.bytes, wanted, name.length) == 0;
    free(name.bytes);
    return same;
}

static const char *list(struct rest *rest, struct words *words) {
    do {
        struct text word;
        if (!string(rest, &word)) {
            return "a list of words is needed";
        }
        if (!words_add(words, word)) {
            return "a word is empty";
        }
    } while (sign(rest, ','));
    return NULL;
}

struct words *params_read(const char *json, size_t length, const char **reason) {
    struct rest rest = { json, json + length };
    struct words *words = words_new();
    *reason = "a list of words is needed";
    if (sign(&rest, '{') && key(&rest, "words") && sign(&rest, ':') && sign(&rest, '[')) {
        *reason = list(&rest, words);
    }
    if (*reason == NULL && !(sign(&rest, ']') && sign(&rest, '}'))) {
        *reason = "there is more than a list of words";
    }
    if (*reason != NULL) {
        words_release(words);
        return NULL;
    }
    return words;
}
