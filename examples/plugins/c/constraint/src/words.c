#include "words.h"

#include <stdlib.h>
#include <string.h>

void *reserve(void *old, size_t bytes) {
    void *memory = realloc(old, bytes ? bytes : 1);
    if (memory == NULL) {
        __builtin_trap();
    }
    return memory;
}

static bool is_letter(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void fold(char *to, const char *from, size_t length) {
    for (size_t at = 0; at < length; at++) {
        char c = from[at];
        to[at] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
}

struct words *words_new(void) {
    struct words *words = reserve(NULL, sizeof *words);
    *words = (struct words){ .holders = 1 };
    return words;
}

bool words_add(struct words *words, struct text said) {
    if (said.length == 0) {
        free(said.bytes);
        return false;
    }
    struct text folded = { reserve(NULL, said.length), said.length };
    fold(folded.bytes, said.bytes, said.length);
    words->list = reserve(words->list, (words->count + 1) * sizeof *words->list);
    words->list[words->count++] = (struct word){ said, folded };
    words->longest = said.length > words->longest ? said.length : words->longest;
    return true;
}

struct words *words_hold(struct words *words) {
    words->holders++;
    return words;
}

void words_release(struct words *words) {
    if (--words->holders > 0) {
        return;
    }
    for (size_t at = 0; at < words->count; at++) {
        free(words->list[at].said.bytes);
        free(words->list[at].folded.bytes);
    }
    free(words->list);
    free(words);
}

struct reply *reply_new(struct words *words) {
    struct reply *reply = reserve(NULL, sizeof *reply);
    *reply = (struct reply){ .words = words_hold(words) };
    return reply;
}

void reply_free(struct reply *reply) {
    words_release(reply->words);
    free(reply->tail.bytes);
    free(reply);
}

// Whether the word at this place of the tail is no part of a longer one.
static bool alone(struct text tail, size_t at, struct text word) {
    size_t end = at + word.length;
    bool before = is_letter(word.bytes[0]) && at > 0 && is_letter(tail.bytes[at - 1]);
    bool after = is_letter(word.bytes[word.length - 1]) && end < tail.length && is_letter(tail.bytes[end]);
    return !before && !after;
}

// Puts a finding into its place: by the end, then by the start.
static void insert(struct findings *findings, struct found found) {
    findings->list = reserve(findings->list, (findings->count + 1) * sizeof found);
    struct found *list = findings->list;
    size_t at = findings->count++;
    for (; at > 0; at--) {
        struct found before = list[at - 1];
        if (before.end < found.end || (before.end == found.end && before.start <= found.start)) {
            break;
        }
        list[at] = before;
    }
    list[at] = found;
}

// The words that are certain once the reply has `first` to `last` bytes.
//
// A word is certain at its own end, or one byte later if more letters could make it another word.
// This depends on the text alone, so every cut of the stream gives the same.
static struct findings decided(const struct reply *reply, size_t first, size_t last) {
    struct findings findings = { NULL, 0 };
    struct text tail = reply->tail;
    size_t base = reply->length - tail.length;
    for (size_t number = 0; number < reply->words->count; number++) {
        const struct word *word = &reply->words->list[number];
        struct text folded = word->folded;
        for (size_t at = 0; at + folded.length <= tail.length; at++) {
            size_t end = base + at + folded.length;
            size_t certain = end + (is_letter(folded.bytes[folded.length - 1]) ? 1 : 0);
            bool here = memcmp(tail.bytes + at, folded.bytes, folded.length) == 0;
            if (here && first <= certain && certain <= last && alone(tail, at, folded)) {
                insert(&findings, (struct found){ word, base + at, end });
            }
        }
    }
    return findings;
}

struct findings reply_push(struct reply *reply, const char *piece, size_t length) {
    size_t before = reply->length;
    struct text *tail = &reply->tail;
    tail->bytes = reserve(tail->bytes, tail->length + length);
    fold(tail->bytes + tail->length, piece, length);
    tail->length += length;
    reply->length += length;
    struct findings findings = decided(reply, before + 1, reply->length);
    // Kept: the longest word that is not yet decided, and the byte before it.
    size_t keep = reply->words->longest + 1;
    if (tail->length > keep) {
        memmove(tail->bytes, tail->bytes + tail->length - keep, keep);
        tail->length = keep;
    }
    return findings;
}

struct findings reply_finish(struct reply *reply) {
    return decided(reply, reply->length + 1, reply->length + 1);
}
