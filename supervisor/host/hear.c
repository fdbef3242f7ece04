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

static void on_complaint(evutil_socket_t fd, short what, void *arg)
{
	struct host *host = arg;
	char buf[512];
	ssize_t got = read(fd, buf, sizeof(buf));
	size_t len = strlen(host->complaint), drop;

	(void)what;
	if (got <= 0)
		return;
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
