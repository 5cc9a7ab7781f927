// Policy `my_policy`: replies do not hold certain words.
//
// A word is found whatever the case of its ASCII letters. One that begins or ends with an ASCII letter
// or digit is found only where it stands alone: `AI` is not in `said`, but it is in `用AI写`.
//
// Here is what the server calls, the interface `constraint` of wit/v1. What comes in is ours to free,
// what goes out is freed by the generated code: so no constant goes out, only copies.

#include <stdlib.h>
#include <string.h>

#include "../bindings/constraint_policy.h"
#include "params.h"
#include "words.h"

static const char SCHEMA[] =
    "{\"type\": \"object\","
    " \"properties\": {\"words\": {"
    "\"description\": \"The words that a reply must not hold.\","
    " \"type\": \"array\","
    " \"items\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 64},"
    " \"minItems\": 1, \"maxItems\": 100}},"
    " \"required\": [\"words\"],"
    " \"additionalProperties\": false}";

struct exports_rolecall_policy_constraint_policy_t {
    struct words *words;
};

struct exports_rolecall_policy_constraint_stream_check_t {
    struct reply *reply;
};

void exports_rolecall_policy_constraint_describe(exports_rolecall_policy_constraint_manifest_t *ret) {
    constraint_policy_string_dup(&ret->name, "my_policy");
    constraint_policy_string_dup(&ret->version, "0.1.0");
    constraint_policy_string_dup(&ret->doc, "Finds forbidden words.");
    constraint_policy_string_dup(&ret->params_schema, SCHEMA);
    ret->streaming = true;
    ret->isolation = ROLECALL_POLICY_TYPES_ISOLATION_CALL;
}

bool exports_rolecall_policy_constraint_static_policy_create(
    constraint_policy_string_t *params,
    exports_rolecall_policy_constraint_own_policy_t *ret,
    exports_rolecall_policy_constraint_policy_error_t *err
) {
    const char *reason;
    struct words *words = params_read((const char *)params->ptr, params->len, &reason);
    constraint_policy_string_free(params);
    if (words == NULL) {
        err->tag = ROLECALL_POLICY_TYPES_POLICY_ERROR_BAD_PARAMS;
        constraint_policy_string_dup(&err->val.bad_params.param, "words");
        constraint_policy_string_dup(&err->val.bad_params.message, reason);
        return false;
    }
    exports_rolecall_policy_constraint_policy_t *policy = reserve(NULL, sizeof *policy);
    policy->words = words;
    *ret = exports_rolecall_policy_constraint_policy_new(policy);
    return true;
}

static void message(constraint_policy_string_t *to, struct text said) {
    static const char before[] = "“", after[] = "” is forbidden";
    size_t first = sizeof before - 1, last = sizeof after - 1;
    to->len = first + said.length + last;
    to->ptr = reserve(NULL, to->len);
    memcpy(to->ptr, before, first);
    memcpy(to->ptr + first, said.bytes, said.length);
    memcpy(to->ptr + first + said.length, after, last);
}

// Adds findings to a list of violations.
static void add(exports_rolecall_policy_constraint_list_violation_t *to, struct findings findings) {
    if (findings.count > 0) {
        to->ptr = reserve(to->ptr, (to->len + findings.count) * sizeof *to->ptr);
    }
    for (size_t at = 0; at < findings.count; at++) {
        struct found found = findings.list[at];
        rolecall_policy_types_violation_t *violation = &to->ptr[to->len++];
        *violation = (rolecall_policy_types_violation_t){ .severity = ROLECALL_POLICY_TYPES_SEVERITY_ERROR };
        constraint_policy_string_dup(&violation->rule, "forbidden_word");
        message(&violation->message, found.word->said);
        violation->spans.ptr = reserve(NULL, sizeof *violation->spans.ptr);
        violation->spans.ptr[0] = (rolecall_policy_types_span_t){ (uint32_t)found.start, (uint32_t)found.end };
        violation->spans.len = 1;
    }
    free(findings.list);
}

// Judging the whole by the stream makes both agree by construction.
bool exports_rolecall_policy_constraint_method_policy_check(
    exports_rolecall_policy_constraint_borrow_policy_t self,
    constraint_policy_string_t *reply,
    exports_rolecall_policy_constraint_context_t *context,
    exports_rolecall_policy_constraint_list_violation_t *ret,
    exports_rolecall_policy_constraint_policy_error_t *err
) {
    (void)err;
    struct reply *stream = reply_new(self->words);
    *ret = (exports_rolecall_policy_constraint_list_violation_t){ NULL, 0 };
    add(ret, reply_push(stream, (const char *)reply->ptr, reply->len));
    add(ret, reply_finish(stream));
    reply_free(stream);
    constraint_policy_string_free(reply);
    exports_rolecall_policy_constraint_context_free(context);
    return true;
}

bool exports_rolecall_policy_constraint_method_policy_open_stream(
    exports_rolecall_policy_constraint_borrow_policy_t self,
    exports_rolecall_policy_constraint_context_t *context,
    exports_rolecall_policy_constraint_own_stream_check_t *ret
) {
    exports_rolecall_policy_constraint_context_free(context);
    exports_rolecall_policy_constraint_stream_check_t *stream = reserve(NULL, sizeof *stream);
    stream->reply = reply_new(self->words);
    *ret = exports_rolecall_policy_constraint_stream_check_new(stream);
    return true;
}

bool exports_rolecall_policy_constraint_method_stream_check_push(
    exports_rolecall_policy_constraint_borrow_stream_check_t self,
    constraint_policy_string_t *delta,
    exports_rolecall_policy_constraint_list_violation_t *ret,
    exports_rolecall_policy_constraint_policy_error_t *err
) {
    (void)err;
    *ret = (exports_rolecall_policy_constraint_list_violation_t){ NULL, 0 };
    add(ret, reply_push(self->reply, (const char *)delta->ptr, delta->len));
    constraint_policy_string_free(delta);
    return true;
}

bool exports_rolecall_policy_constraint_method_stream_check_finish(
    exports_rolecall_policy_constraint_borrow_stream_check_t self,
    exports_rolecall_policy_constraint_list_violation_t *ret,
    exports_rolecall_policy_constraint_policy_error_t *err
) {
    (void)err;
    *ret = (exports_rolecall_policy_constraint_list_violation_t){ NULL, 0 };
    add(ret, reply_finish(self->reply));
    return true;
}

void exports_rolecall_policy_constraint_policy_destructor(exports_rolecall_policy_constraint_policy_t *policy) {
    words_release(policy->words);
    free(policy);
}

void exports_rolecall_policy_constraint_stream_check_destructor(
    exports_rolecall_policy_constraint_stream_check_t *stream
) {
    reply_free(stream->reply);
    free(stream);
}
