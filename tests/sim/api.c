/*
 * api.c - libcurl's easy interface: a lap waits anyway.
 */
#include "tests/sim/api.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "state/cleanup.h"

struct body {
	char text[65536];
	size_t len;
};

static size_t take(char *data, size_t size, size_t count, void *arg)
{
	struct body *body = arg;
	size_t len = size * count;

	if (len >= sizeof(body->text) - body->len)
		return 0;
	memcpy(body->text + body->len, data, len);
	body->len += len;
	return len;
}

/* The caller owns the answer; NULL if there was none. */
static json_t *ask(unsigned port, const char *verb, const char *post)
{
	struct body body = {.len = 0};
	json_t *json = NULL;
	char url[80];
	CURL *curl = curl_easy_init();

	if (!curl)
		return NULL;
	(void)snprintf(
		url, sizeof(url), "http://127.0.0.1:%u/api/v1/%s", port, verb);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 2000L);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	if (post)
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post);
	if (curl_easy_perform(curl) == CURLE_OK)
		json = json_loadb(body.text, body.len, 0, NULL);
	curl_easy_cleanup(curl);
	return json;
}

void api_state(unsigned port, char *ret_state, size_t size)
{
	_cleanup_json_ json_t *answer = ask(port, "progress", NULL);
	const char *state = json_string_value(
		json_object_get(json_object_get(answer, "progress"), "state"));

	(void)snprintf(ret_state, size, "%s", state ? state : "?");
}

bool api_post(unsigned port, const char *verb, const char *body)
{
	_cleanup_json_ json_t *answer = ask(port, verb, body);

	return json_is_true(json_object_get(answer, "success"));
}
