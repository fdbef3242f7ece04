/*
 * internal.h - what the files of host/ share.
 *
 * host.c has the hosts and the calls; local.c what is done on this machine;
 * link.c one host's connection, from the first ssh to its end; ssh.c the words
 * that ssh is given; program.c what is sent there; place.c and pipe.c what else
 * goes over the connection; put.c a file.
 */
#ifndef SUPERVISOR_HOST_INTERNAL_H
#define SUPERVISOR_HOST_INTERNAL_H

#include <limits.h>
#include <sys/queue.h>

#include "supervisor/engine/child.h"
#include "supervisor/engine/helper.h"
#include "supervisor/host/host.h"
#include "supervisor/host/ops.h"

#define SOCKET_MAX 108 /* bytes of a Unix socket's path, unix(7) */
#define CONNECT_MS 30000 /* until a host that does not refuse is given up */
#define PIPE_WORDS_MAX 16
#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 30000

enum link_state {
	LINK_DOWN,
	LINK_REACHING, /* ssh has not logged in yet */
	LINK_LOOKING, /* which machine is that? */
	LINK_BEGINNING, /* the first syncup-host is on its way */
	LINK_UP,
};

struct forward { /* a port there, a socket here */
	LIST_ENTRY(forward) next;
	struct host *host;
	uint16_t port;
	char path[SOCKET_MAX];
	struct child *asking; /* NULL: it is there */
};

struct pipe { /* a program there whose descriptor was given away */
	LIST_ENTRY(pipe) next;
	struct event *ended;
	pid_t pid;
	int pidfd;
};

struct host {
	LIST_ENTRY(host) next;
	struct hosts *hosts;
	char name[HOST_NAME_SIZE];
	unsigned number; /* 0: this machine */
	TAILQ_HEAD(host_calls, host_call) calls;

	enum link_state state;
	char control[SOCKET_MAX]; /* the master's */
	struct child *master, *looking;
	struct event *patience, *pump;
	char connection[33]; /* names this one, in hello */
	struct helpers *quick, *slow;
	struct program *program; /* borrowed by the helpers */
	int errors, heard; /* the two ends of what its sessions complain into */
	struct event *hearing;
	char complaint[1024]; /* the last of it */
	LIST_HEAD(forward_list, forward) forwards;
	LIST_HEAD(pipe_list, pipe) pipes;
	int64_t backoff_ms, not_before; /* monotonic */
	char trouble[sizeof(((struct err *)NULL)->msg)];
};

struct hosts {
	struct event_base *base;
	LIST_HEAD(payload_list, payload) payloads; /* program.c */
	char owner[128]; /* "": only looks */
	LIST_HEAD(host_list, host) list;
	unsigned last_number;
	char directory[80]; /* "" until another host is asked for */
	struct event *watching; /* sockets that come to be in there */
	int watch, lock;
};

struct call_kind {
	/* The host is reached: go on, and end the call if that fails. */
	void (*begin)(struct host_call *call);
	/* Tells that it ended so; the call is gone already. */
	void (*failed)(const struct host_call *call, const struct err *err);
	void (*forget)(struct host_call *call); /* its own parts; or NULL */
};

struct host_call {
	TAILQ_ENTRY(host_call) next;
	struct host *host;
	const struct call_kind *kind;
	struct event *timer;
	int64_t timeout_ms, deadline; /* monotonic */
	bool begun, cut;
	json_t *ask;
	struct helpers *asked; /* they will call back */
	struct child *child; /* this machine's */
	struct put *put;
	char **words;
	uint16_t port;
	host_fn *done;
	host_place_fn *placed;
	host_pipe_fn *piped;
	void *arg;
};

/* host.c.  A new call is not begun yet: call_go() hands it to its host.  After
 * false it is freed, and done will not be called. */
struct host_call *call_new(
	struct host *host, const struct call_kind *kind, int64_t timeout_ms);
bool call_go(struct host_call *call, struct host_call **ret_call,
	struct err *err) WARN_UNUSED;
int64_t call_left_ms(const struct host_call *call); /* at least 1 */
/* Each ends it and calls back last: nothing of the call may be touched. */
void call_fail(struct host_call *call, const struct err *err);
void call_result(struct host_call *call, const json_t *result);
/* Frees it without a word; for what has its own way to call back. */
void call_free(struct host_call *call);
/* All that waits, and all that is under way if it is cut, ends so. */
void host_fail_calls(struct host *host, const struct err *err);
void host_begin_calls(struct host *host);

/* local.c */
bool local_ask(struct host_call *call, struct host_call **ret_call,
	struct err *err) WARN_UNUSED;

/* link.c.  Makes the connection if it is not there; false: not now. */
bool link_want(struct host *host, struct err *err) WARN_UNUSED;
/* It broke, or has to be broken; what was under way is told so. */
void link_break(struct host *host, const struct err *why);
void link_end(struct host *host); /* without a word */
void link_socket_seen(struct host *host);
/* Asks through the connection, which is broken if no answer comes. */
bool link_ask(struct host_call *call, const json_t *ask, bool slow,
	helper_fn *done, struct err *err) WARN_UNUSED;
/* In such a done: true if the connection had to be broken (then the call is
 * gone). */
bool link_lost(struct host_call *call, const struct err *err);

/* ssh.c */
bool ssh_directory(struct hosts *hosts, struct err *err) WARN_UNUSED;
void ssh_directory_remove(struct hosts *hosts);
enum { SSH_WORDS_MAX = 40 };
struct ssh_words {
	char *word[SSH_WORDS_MAX];
	unsigned count;
	char text[512]; /* those that are made up */
};
void ssh_master_words(const struct host *host, struct ssh_words *ret_words);
/* Through the master or not at all.  words: NULL-terminated, borrowed. */
void ssh_session_words(const struct host *host, const char *const words[],
	struct ssh_words *ret_words);
void ssh_forward_words(const struct host *host, const struct forward *forward,
	struct ssh_words *ret_words);
/* The last line of what ssh said, fit to be shown. */
void ssh_last_line(const char *output, char *ret_line, size_t size);

/* hear.c */
bool hear_begin(struct host *host, struct err *err) WARN_UNUSED;
void hear_end(struct host *host);

/* program.c */
struct program;
extern const char *const program_look[]; /* words: which machine is that? */
/* From what program_look says.  ERR_CONFIG: there is none for that machine. */
bool program_new(const struct host *host, const char *said,
	struct program **ret_program, struct err *err) WARN_UNUSED;
void program_free(struct program *program);
void payloads_free(struct hosts *hosts);
const struct helper_program *program_of(
	const struct program *program, bool slow);

/* place.c, pipe.c, put.c */
void forwards_end(struct host *host);
void pipes_end(struct host *host);

#endif
