// Reads the parameters.
#ifndef PARAMS_H
#define PARAMS_H

#include "words.h"

// The words of a JSON text `{"words": ["…", …]}`. NULL when it is anything else, with the reason,
// which is not to be freed.
struct words *params_read(const char *json, size_t length, const char **reason);

#endif
