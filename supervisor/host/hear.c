/*
 * hear.c - what the sessions to a host complain of: ssh's own words, and the
 * standard error of what runs there.  The last of it is kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/host/internal.h"
#include "supervisor/memory.h"

enum {
	HEAR_MOST = 64, /* reads: somebody may never stop */
};

/* False: there was nothing to read. */
static bool hear(struct host *host)
{
	char buf[512];
	ssize_t got = read(host->heard, buf, sizeof(buf));
	size_t len = strlen(host->complaint), drop;

	if (got <= 0)
		return false;
	for (ssize_t i = 0; i < got; i++)
		if (buf[i] == '\0')
			buf[i] = '?';
	if (len + (size_t)got >= sizeof(host->complaint)) {
		drop = len + (size_t)got + 1 - sizeof(host->complaint);
		memmove(host->complaint, host->complaint + drop, len - drop);
		len -= drop;
	}
	memcpy(host->complaint + len, buf, (size_t)got);
	host->complaint[len + (size_t)got] = '\0';
	return true;
}

static void on_complaint(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	(void)hear(arg);
}

void host_last_words(struct host *host, char *ret_line, size_t size)
{
	/* Who asks is told of an end that was explained a moment ago. */
	for (int i = 0; i < HEAR_MOST && host->heard >= 0 && hear(host); i++)
		;
	ret_line[0] = '\0';
	if (host->complaint[0])
		ssh_last_line(host->complaint, ret_line, size);
}

bool hear_begin(struct host *host, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return err_sys(err, ERR_AGAIN, errno, "making a pipe");
	host->heard = ends[0];
	host->errors = ends[1];
	host->complaint[0] = '\0';
	host->hearing = memory_must(event_new(host->hosts->base, host->heard,
		EV_READ | EV_PERSIST, on_complaint, host));
	(void)event_add(host->hearing, NULL);
	return true;
}

void hear_end(struct host *host)
{
	if (host->hearing)
		event_free(host->hearing);
	host->hearing = NULL;
	if (host->heard >= 0)
		(void)close(take_fd(&host->heard));
	if (host->errors >= 0)
		(void)close(take_fd(&host->errors));
}
