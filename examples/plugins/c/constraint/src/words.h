// Finds forbidden words in a text that grows. Nothing here knows of the ABI.
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>

// UTF-8 bytes, without an end mark.
struct text {
    char *bytes;
    size_t length;
};

struct word {
    // As the contract says it.
    struct text said;
    // With small ASCII letters. Folding no others keeps every byte in its place.
    struct text folded;
};

// The words of a policy, which its streams share.
struct words {
    struct word *list;
    size_t count;
    // Bytes of the longest word.
    size_t longest;
    // Who holds them; the last one frees them.
    size_t holders;
};

// One growing reply.
struct reply {
    struct words *words;
    // The end of the reply, folded: what the next piece may make a word of.
    struct text tail;
    // Bytes of the reply so far.
    size_t length;
};

// A forbidden word, and its bytes in the reply.
struct found {
    const struct word *word;
    size_t start, end;
};

// Made by `reply_push` and `reply_finish`; the caller frees `list`.
struct findings {
    struct found *list;
    size_t count;
};

// Memory, or the end of the call: the server sees a trap and tells the author where it was.
void *reserve(void *old, size_t bytes);

struct words *words_new(void);
// Takes the text over. False when it is empty, which no word may be.
bool words_add(struct words *words, struct text said);
struct words *words_hold(struct words *words);
void words_release(struct words *words);

struct reply *reply_new(struct words *words);
// The next piece, and the end; both give the words that have become certain, by where they end.
struct findings reply_push(struct reply *reply, const char *piece, size_t length);
struct findings reply_finish(struct reply *reply);
void reply_free(struct reply *reply);

#endif
