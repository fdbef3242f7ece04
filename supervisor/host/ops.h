/*
 * ops.h - what can be asked of a host.
 *
 * A table of names and functions; each blocks, uses no event loop of ours, and
 * may be repeated after a kill at any instant.  The same functions run in this
 * process, in a child of ours and in syncup-host.  Nothing that they print may
 * be longer than HOST_ANSWER_MAX.
 *
 * ops_process.c; "process" is a process_spec in the form of process_json.h
 *   observe {process}                  a process_seen
 *   stop {process, who, kill}          {}; who: a process_seen
 *   start {process, attempt}           {}
 *   see {pid}                          a process_seen of that pid: GONE if
 *                                      there is none
 *   port_taken {process, who}          {pid}, 0: not taken
 *   compare {process, pid}             {differs}
 *   version_of {path} or {pid}         {version}, by --version
 *   unit_look {...}                    a process_seen, see unit_look.h
 *   unit_words {invocation}            {said}, see unit_words.h
 * ops_files.c
 *   read_file {path, max, tail}        {text, size, mtime_ms, ctime_ms,
 *                                      now_ms}; tail true: its last max bytes
 *                                      (what is no UTF-8 becomes '?'), else a
 *                                      longer one is ERR_CONFIG; ERR_MISSING
 *   stat {path, follow}                {there, type: "file", "directory",
 *                                      "link" or "other", mode, uid, gid, size,
 *                                      mtime_ms, dev, ino, executable (by us),
 *                                      writable (by us), target (of a link)}
 *   space {path}                       {free, inodes, dev}: of the file system
 *                                      of path or its nearest parent that is
 *                                      there; what we may use
 *   clock {}                           {wall_ms, boottime_ms, boot_id, machine,
 *                                      host, uid, user, lingers: the user's
 *                                      manager stays without a session}
 *   received {root, sha256}            {size}: of what has come of a file
 *   receive {root, sha256, offset, data}  {size} after it; data is base64, at
 *                                      most HOST_CHUNK_MAX bytes; at another
 *                                      offset nothing is written
 *   receive_end {root, sha256}         {path}; ERR_AGAIN: its digest is wrong,
 *                                      and it is emptied
 * ops_install.c has its own list.
 */
#ifndef SUPERVISOR_HOST_OPS_H
#define SUPERVISOR_HOST_OPS_H

#include <jansson.h>
#include <stddef.h>

#include "state/err.h"

#define HOST_ANSWER_MAX (240u << 10)
#define HOST_FILE_MAX (128u << 10) /* bytes of text that read_file gives */
#define HOST_CHUNK_MAX (720u << 10) /* in base64 a line of 1 MiB has it */

/* ask is borrowed; the caller owns *ret_result, set only on success. */
typedef bool host_op_fn(
	const json_t *ask, json_t **ret_result, struct err *err);

enum host_pace {
	HOST_QUICK,
	HOST_SLOW, /* here: in a child, so that the loop goes on; elsewhere:
		    * never before those that are quick */
};

struct host_op {
	const char *name;
	host_op_fn *fn;
	enum host_pace pace;
};

/* One list a file; each ends with a row without a name. */
extern const struct host_op host_ops_process[];
extern const struct host_op host_ops_files[];
extern const struct host_op host_ops_install[];

const struct host_op *host_op_find(const char *name); /* NULL: unknown */

#endif
