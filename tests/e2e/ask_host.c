/*
 * ask_host.c - asks a host as the supervisor does, for tests: each line of
 * standard input is begun at once, each end is a line of JSON.
 *
 *   ask-host [--owner OWNER] HOST
 *   {"tag": any, "op": ...}                      host_ask()
 *   {"tag": any, "place": port}                  host_place(): {"socket"}
 *   {"tag": any, "pipe": [words], "say": text}   host_pipe(): {"heard"}
 *   {"tag": any, "put": path, "sha256": hex, "root": path}
 *   every one: "ms", its deadline
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/host/host.h"

static struct event_base *base;
static struct hosts *hosts;
static struct host *host;
static unsigned under_way;
static bool ended;

struct line {
	json_t *json;
};

static void tell(struct line *line, json_t *answer, const struct err *err)
{
	char *text;

	if (err) {
		json_decref(answer);
		answer = json_pack(
			"{s:i, s:s}", "code", err->code, "error", err->msg);
	}
	(void)json_object_set(
		answer, "tag", json_object_get(line->json, "tag"));
	text = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS);
	(void)printf("%s\n", text);
	(void)fflush(stdout);
	free(text);
	json_decref(answer);
	json_decref(line->json);
	free(line);
	if (--under_way == 0 && ended)
		(void)event_base_loopbreak(base);
}

static void on_result(void *arg, const json_t *result, const struct err *err)
{
	tell(arg, json_pack("{s:O?}", "result", result), err);
}

static void on_place(
	void *arg, const struct http_place *place, const struct err *err)
{
	tell(arg,
		json_pack("{s:s?}", "socket", place ? place->unix_socket : ""),
		err);
}

static void on_pipe(void *arg, int fd, const struct err *err)
{
	struct line *line = arg;
	const char *say = json_string_value(json_object_get(line->json, "say"));
	char heard[100] = "";

	if (!err) {
		(void)!write(fd, say, strlen(say));
		(void)!recv(fd, heard, strlen(say), MSG_WAITALL);
		(void)close(fd);
	}
	tell(line, json_pack("{s:s}", "heard", heard), err);
}

static const char *text_of(const struct line *line, const char *key)
{
	return json_string_value(json_object_get(line->json, key));
}

static void on_pipe_asked(struct line *line, int64_t ms)
{
	const json_t *list = json_object_get(line->json, "pipe");
	const char *words[10] = {0};
	struct err err = {0};

	for (size_t i = 0; i < json_array_size(list) && i < 9; i++)
		words[i] = json_string_value(json_array_get(list, i));
	if (!host_pipe(host, words, ms, on_pipe, line, NULL, &err))
		tell(line, NULL, &err);
}

static void begin(const char *text)
{
	struct line *line = calloc(1, sizeof(*line));
	struct err err = {0};
	int64_t ms;
	json_int_t port;
	bool ok;

	line->json = json_loads(text, 0, NULL);
	ms = json_integer_value(json_object_get(line->json, "ms"));
	ms = ms ? ms : 60000;
	under_way++;
	if (json_object_get(line->json, "pipe")) {
		on_pipe_asked(line, ms);
		return;
	}
	port = json_integer_value(json_object_get(line->json, "place"));
	if (port)
		ok = host_place(
			host, (uint16_t)port, ms, on_place, line, NULL, &err);
	else if (text_of(line, "put"))
		ok = host_put(host, text_of(line, "put"),
			text_of(line, "sha256"), text_of(line, "root"), ms,
			on_result, line, NULL, &err);
	else
		ok = host_ask(
			host, line->json, ms, on_result, line, NULL, &err);
	if (!ok)
		tell(line, NULL, &err);
}

static void on_line(struct bufferevent *io, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(io);
	char *text;

	(void)arg;
	while ((text = evbuffer_readln(input, NULL, EVBUFFER_EOL_LF))) {
		begin(text);
		free(text);
	}
}

static void on_end(struct bufferevent *io, short what, void *arg)
{
	(void)io;
	(void)what;
	(void)arg;
	ended = true;
	if (under_way == 0)
		(void)event_base_loopbreak(base);
}

int main(int argc, char **argv)
{
	bool owned = argc == 4 && strcmp(argv[1], "--owner") == 0;
	struct bufferevent *io;
	struct err err = {0};

	if (argc != 2 && !owned)
		return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	if (!hosts_new(base, owned ? argv[2] : NULL, &hosts, &err))
		return 1;
	host = hosts_get(hosts, argv[argc - 1]);
	io = bufferevent_socket_new(base, STDIN_FILENO, 0);
	bufferevent_setcb(io, on_line, NULL, on_end, NULL);
	(void)bufferevent_enable(io, EV_READ);
	(void)event_base_dispatch(base);
	bufferevent_free(io);
	hosts_free(hosts);
	event_base_free(base);
	return 0;
}
