/*
 * host.h - where processes and files are: this machine, or another one.
 *
 * What is done on a host is asked of it in JSON and done by the same code
 * everywhere (ops.h): here at once, or in a child of ours if it takes long;
 * on another host by syncup-host, which is streamed there over ssh, leaves
 * no file, and ends with the connection.
 *
 * Another host is reached by one OpenSSH master connection, made when first
 * needed and made again when it broke.  Whatever was under way then is
 * ERR_AGAIN: it may or may not have been done, and is observed again, never
 * assumed.  Before anything new is asked on a new connection, what the broken
 * one left behind there is ended, so that it cannot act late.
 */
#ifndef SUPERVISOR_HOST_HOST_H
#define SUPERVISOR_HOST_HOST_H

#include <event2/event.h>
#include <jansson.h>
#include <stdint.h>

#include "state/err.h"
#include "sync_client/http.h"

#define HOST_NAME_SIZE 256 /* bytes of a name with its end */

struct hosts;
struct host;
struct host_call; /* under way; gone once done was called or after cancel */

/* Is this an ssh destination that is no option and holds nothing that a shell
 * would take for more than itself?  letters, digits and . _ - : @ % [ ], not
 * beginning with '-'; "" and "local" are no destinations. */
bool host_name_ok(const char *name);

/* owner names who asks, the same after a restart of ours and no other's: what
 * an earlier life of it left on a host is ended.  NULL: only looks. */
bool hosts_new(struct event_base *base, const char *owner,
	struct hosts **ret_hosts, struct err *err) WARN_UNUSED;
/* Ends all connections; callbacks are not called. */
void hosts_free(struct hosts *hosts);
/* An ssh destination as in ssh_config(5), host_name_ok(); NULL or "local": this
 * machine.  Borrowed from hosts; the same for the same name. */
struct host *hosts_get(struct hosts *hosts, const char *name);

bool host_is_local(const struct host *host);
const char *host_name(const struct host *host); /* "local" for this one */
/* Why it is not reached just now, in a sentence with what to type, "" if it is
 * or if nothing was asked yet. */
const char *host_trouble(const struct host *host);
/* The last line that the programs there, or ssh, complained with, cleaned; ""
 * if none did since the connection was made. */
void host_last_words(struct host *host, char *ret_line, size_t size);

/* result is borrowed, NULL with err set.  ERR_AGAIN: the host cannot be
 * reached, the connection broke before the answer came, or the time is over
 * (then what was asked is ended there before anything else is done). */
typedef void host_fn(void *arg, const json_t *result, const struct err *err);

/* ask is borrowed: "op" and what it takes, see ops.h.  done is called once,
 * perhaps before this returns (*ret_call is NULL then); false means that it
 * will not be.  ret_call may be NULL. */
bool host_ask(struct host *host, const json_t *ask, int64_t timeout_ms,
	host_fn *done, void *arg, struct host_call **ret_call,
	struct err *err) WARN_UNUSED;
void host_call_cancel(struct host_call *call); /* NULL is fine */

/* Where the API that listens on 127.0.0.1:port of that host answers us: the
 * port itself, or a forwarded Unix socket.  place is borrowed for the call and
 * good for one request, which http_request() may be given at once. */
typedef void host_place_fn(
	void *arg, const struct http_place *place, const struct err *err);
bool host_place(struct host *host, uint16_t port, int64_t timeout_ms,
	host_place_fn *done, void *arg, struct host_call **ret_call,
	struct err *err) WARN_UNUSED;

/* A program on another host whose standard input and output are fd, a socket
 * that the caller owns; it ends when fd is closed.  words: fixed, or checked
 * to hold nothing that a shell would take for more than itself. */
typedef void host_pipe_fn(void *arg, int fd, const struct err *err);
bool host_pipe(struct host *host, const char *const words[], int64_t timeout_ms,
	host_pipe_fn *done, void *arg, struct host_call **ret_call,
	struct err *err) WARN_UNUSED;

/* Brings the file at path, of this digest (lower-case hex), to
 * <root>/versions/.partial-<sha256>.tgz of another host; what broke off is gone
 * on with, and the whole is read again there before it is called done.  result
 * is {"path": where it is}; on this machine that is the file itself. */
bool host_put(struct host *host, const char *path, const char *sha256,
	const char *root, int64_t timeout_ms, host_fn *done, void *arg,
	struct host_call **ret_call, struct err *err) WARN_UNUSED;

#endif
