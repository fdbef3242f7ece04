/*
 * api.h - a sync process's HTTP API, as far as a lap needs it.
 */
#ifndef TESTS_SIM_API_H
#define TESTS_SIM_API_H

#include <stdbool.h>
#include <stddef.h>

/* The "state" of /progress; "?" if nobody answers within two seconds. */
void api_state(unsigned port, char *ret_state, size_t size);
/* POST /api/v1/<verb>: true if it says success. */
bool api_post(unsigned port, const char *verb, const char *body);

#endif
