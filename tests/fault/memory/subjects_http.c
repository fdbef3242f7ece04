/*
 * subjects_http.c - answers read, and requests to a server in a process of its
 * own, which has memory.
 */
#include "subjects.h"

#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../unit/scratch.h"
#include "sync_client/mongosync.h"

#define PROGRESS                                                               \
	"{\"success\":true,\"progress\":{\"state\":\"RUNNING\",\"canCommit\":" \
	"false,\"canWrite\":false,\"info\":\"initial "                         \
	"sync\",\"lagTimeSeconds\""                                            \
	":3,\"totalEventsApplied\":17,\"collectionCopy\":"                     \
	"{\"estimatedTotalBytes\":100,\"estimatedCopiedBytes\":50},"           \
	"\"mongosyncID\":\"a\",\"coordinatorID\":\"a\"}}"

static struct http_place place = {.host = "127.0.0.1"};
static pid_t server;

static bool read_progress(struct err *err)
{
	struct sync_progress progress;

	if (!mongosync_parse_progress(
		    PROGRESS, strlen(PROGRESS), &progress, err))
		return false;
	return (progress.phase == SYNC_PHASE_RUNNING && progress.lag_s == 3 &&
		       progress.copied_bytes == 50) ||
	       err_set(err, ERR_BUG, "it read something else");
}

static bool read_reply(struct err *err)
{
	struct err no = {0};
	static const char refused[] = "{\"success\":false,\"error\":\"X\","
				      "\"errorDescription\":\"y\"}";

	if (mongosync_parse_reply(refused, strlen(refused), &no))
		return err_set(err, ERR_BUG, "no was taken for yes");
	if (no.code != ERR_STEP) { /* not a no that nobody said */
		*err = no;
		return false;
	}
	return mongosync_parse_reply(
		"{\"success\":true}", strlen("{\"success\":true}"), err);
}

/* ---- requests ---- */

struct told {
	struct event_base *base;
	struct err *err;
	bool ok;
	unsigned times;
};

static void over(struct told *told, const struct err *err)
{
	told->times++;
	told->ok = !err;
	if (err)
		*told->err = *err;
	(void)event_base_loopexit(told->base, NULL);
}

static void on_progress(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct told *told = arg;

	over(told, err);
	if (progress && progress->phase != SYNC_PHASE_RUNNING)
		told->ok = err_set(told->err, ERR_BUG, "it is not RUNNING");
}

static void on_reply(void *arg, enum sync_reply reply, const struct err *err)
{
	/* Refused before it was sent is known; that it is lost, not. */
	(void)reply;
	over(arg, err);
}

static bool ask(bool post, struct err *err)
{
	struct told told = {.base = event_base_new(), .err = err};
	struct http *http = NULL;
	bool ok = http_new(told.base, &http, err);

	if (ok)
		ok = post ? mongosync_api.pause(http, &place, 10000, on_reply,
				    &told, NULL, err)
			  : mongosync_api.progress(http, &place, 10000,
				    on_progress, &told, NULL, err);
	if (ok) {
		(void)event_base_dispatch(told.base);
		ok = told.ok;
		if (told.times != 1)
			ok = err_set(err, ERR_BUG, "it was told %u times",
				told.times);
	}
	http_free(http);
	event_base_free(told.base);
	return ok;
}

static bool get(struct err *err)
{
	return ask(false, err);
}

static bool post(struct err *err)
{
	return ask(true, err);
}

const struct subject subjects_http[] = {
	{.name = "answer: progress",
		.act = read_progress,
		.may_say_again = true},
	{.name = "answer: reply", .act = read_reply, .may_say_again = true},
	{.name = "request: GET", .act = get, .may_say_again = true},
	{.name = "request: POST", .act = post, .may_say_again = true},
	{0},
};

/* One connection after the other; what is asked does not matter to it. */
static _Noreturn void serve(int listener)
{
	char asked[4096], answer[1000];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(answer, sizeof(answer),
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		"Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(PROGRESS), PROGRESS);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		size_t len = 0;
		ssize_t got = 1;

		asked[0] = '\0';
		while (got > 0 && !strstr(asked, "\r\n\r\n")) {
			got = read(fd, asked + len, sizeof(asked) - 1 - len);
			len += got > 0 ? (size_t)got : 0;
			asked[len] = '\0';
		}
		(void)!write(fd, answer, strlen(answer));
		(void)shutdown(fd, SHUT_WR);
		while (read(fd, asked, sizeof(asked)) > 0)
			;
		(void)close(fd);
	}
}

void subjects_http_begin(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(listener >= 0);
	assert_int_equal(
		bind(listener, (struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(
		getsockname(listener, (struct sockaddr *)&address, &len), 0);
	place.port = ntohs(address.sin_port);
	server = fork();
	assert_true(server >= 0);
	if (server == 0)
		serve(listener);
	(void)close(listener);
}

void subjects_http_end(void)
{
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
}
