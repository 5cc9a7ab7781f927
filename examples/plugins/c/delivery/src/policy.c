// Policy `my_policy`: messages that waited arrive together where they belong together.
//
// Consecutive messages of one role and one intent become one message, a line for each. Of two messages
// with the same text one is enough.
//
// The functions are the interface `delivery` of wit/v1. What comes in is ours to free, what goes out
// is freed by the generated code: so no constant goes out, only copies.

#include <stdlib.h>
#include <string.h>

#include "../bindings/delivery_policy.h"

// Bytes of one merged text: the server takes no longer one.
#define MAX_TEXT_BYTES ((size_t)64 << 10)
// Bytes of all merged texts: the server takes 1 MiB, with everything around the texts.
#define MAX_RESULT_BYTES ((size_t)768 << 10)

typedef exports_rolecall_policy_delivery_offline_message_t message_t;

// There is nothing to keep: the policy has no parameters.
struct exports_rolecall_policy_delivery_policy_t {
    char nothing;
};

// Memory, or the end of the call: the server sees a trap and tells the author where it was.
static void *reserve(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (memory == NULL) {
        __builtin_trap();
    }
    return memory;
}

void exports_rolecall_policy_delivery_describe(exports_rolecall_policy_delivery_manifest_t *ret) {
    delivery_policy_string_dup(&ret->name, "my_policy");
    delivery_policy_string_dup(&ret->version, "0.1.0");
    delivery_policy_string_dup(&ret->doc, "Joins consecutive messages of one intent.");
    delivery_policy_string_dup(&ret->params_schema, "{\"type\": \"object\", \"additionalProperties\": false}");
    ret->streaming = false;
    ret->isolation = ROLECALL_POLICY_TYPES_ISOLATION_CALL;
}

// The server has checked the parameters against the schema, which allows none.
bool exports_rolecall_policy_delivery_static_policy_create(
    delivery_policy_string_t *params,
    exports_rolecall_policy_delivery_own_policy_t *ret,
    exports_rolecall_policy_delivery_policy_error_t *err
) {
    (void)err;
    delivery_policy_string_free(params);
    exports_rolecall_policy_delivery_policy_t *policy = reserve(sizeof *policy);
    policy->nothing = 0;
    *ret = exports_rolecall_policy_delivery_policy_new(policy);
    return true;
}

static bool equal(delivery_policy_string_t a, delivery_policy_string_t b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

// How many messages at the beginning are joined, at least one, and the bytes of them together.
static size_t run(const message_t *messages, size_t count, size_t room, size_t *bytes) {
    *bytes = messages[0].text.len;
    size_t joined = 1;
    for (; joined < count; joined++) {
        const message_t *message = &messages[joined];
        size_t more = 1 + message->text.len;
        bool alike = equal(message->role, messages[0].role) && equal(message->intent, messages[0].intent);
        if (!alike || *bytes + more > room) {
            break;
        }
        *bytes += more;
    }
    return joined;
}

static delivery_policy_string_t join(const message_t *messages, size_t count, size_t bytes) {
    delivery_policy_string_t text = { reserve(bytes), 0 };
    for (size_t at = 0; at < count; at++) {
        if (at > 0) {
            text.ptr[text.len++] = '\n';
        }
        if (messages[at].text.len > 0) {
            memcpy(text.ptr + text.len, messages[at].text.ptr, messages[at].text.len);
        }
        text.len += messages[at].text.len;
    }
    return text;
}

bool exports_rolecall_policy_delivery_method_policy_merge(
    exports_rolecall_policy_delivery_borrow_policy_t self,
    exports_rolecall_policy_delivery_list_offline_message_t *window,
    exports_rolecall_policy_delivery_list_merged_group_t *ret,
    exports_rolecall_policy_delivery_policy_error_t *err
) {
    (void)self, (void)err;
    size_t room = MAX_RESULT_BYTES;
    // There are at most as many groups as messages.
    ret->ptr = window->len > 0 ? reserve(window->len * sizeof *ret->ptr) : NULL;
    ret->len = 0;
    for (size_t at = 0; at < window->len;) {
        size_t bytes;
        size_t limit = room < MAX_TEXT_BYTES ? room : MAX_TEXT_BYTES;
        size_t count = run(window->ptr + at, window->len - at, limit, &bytes);
        exports_rolecall_policy_delivery_merged_group_t *group = &ret->ptr[ret->len++];
        *group = (exports_rolecall_policy_delivery_merged_group_t){ .members.len = count };
        group->members.ptr = reserve(count * sizeof *group->members.ptr);
        for (size_t member = 0; member < count; member++) {
            group->members.ptr[member] = (uint32_t)(at + member);
        }
        if (count > 1) {
            group->text.is_some = true;
            group->text.val = join(window->ptr + at, count, bytes);
            room -= bytes;
        }
        at += count;
    }
    exports_rolecall_policy_delivery_list_offline_message_free(window);
    return true;
}

static delivery_policy_string_t trimmed(delivery_policy_string_t text) {
    static const char blanks[] = " \t\r\n";
    while (text.len > 0 && memchr(blanks, text.ptr[text.len - 1], sizeof blanks - 1) != NULL) {
        text.len--;
    }
    while (text.len > 0 && memchr(blanks, text.ptr[0], sizeof blanks - 1) != NULL) {
        text.ptr++;
        text.len--;
    }
    return text;
}

bool exports_rolecall_policy_delivery_method_policy_same(
    exports_rolecall_policy_delivery_borrow_policy_t self,
    exports_rolecall_policy_delivery_offline_message_t *a,
    exports_rolecall_policy_delivery_offline_message_t *b,
    exports_rolecall_policy_delivery_features_t *features,
    exports_rolecall_policy_delivery_verdict_t *ret,
    exports_rolecall_policy_delivery_policy_error_t *err
) {
    (void)self, (void)err;
    bool same = equal(trimmed(a->text), trimmed(b->text));
    *ret = same ? ROLECALL_POLICY_TYPES_VERDICT_SAME : ROLECALL_POLICY_TYPES_VERDICT_UNSURE;
    exports_rolecall_policy_delivery_offline_message_free(a);
    exports_rolecall_policy_delivery_offline_message_free(b);
    exports_rolecall_policy_delivery_features_free(features);
    return true;
}

void exports_rolecall_policy_delivery_policy_destructor(exports_rolecall_policy_delivery_policy_t *policy) {
    free(policy);
}
