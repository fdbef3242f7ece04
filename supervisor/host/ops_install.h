/*
 * ops_install.h - claims, links and versions, asked for in JSON; see ops.h.
 *
 * "link" is {"path", "root", "name", "binary"}.  What changes a link or starts
 * and stops a process takes "ours" {"root", "name", "run"}: the claim under
 * which that is done.  It is checked on the host itself, just before the act,
 * so that a question that comes late, after somebody else took the thing over,
 * does nothing (ERR_HELD).
 */
#ifndef SUPERVISOR_HOST_OPS_INSTALL_H
#define SUPERVISOR_HOST_OPS_INSTALL_H

#include "supervisor/host/ops.h"
#include "supervisor/install/claim.h"
#include "supervisor/install/link.h"
#include "supervisor/process/process.h"

/* Whose is it?  {root, name, port, run} -> {"ours": true}, {"owner": {...}} or
 * {}.  What is ours is synced. */
host_op_fn op_claim_see;
/* {root, name, run} -> {}; ERR_HELD, ERR_MISSING. */
host_op_fn op_claim_check;
/* {root, name, claim, lane: [{name, port}]} -> {}; from: whose it may be. */
host_op_fn op_claim_create;
/* {root, names, run} -> {"left": name} or {}, which is synced. */
host_op_fn op_claims_left;
/* The same -> {}; those that are another's by now stay. */
host_op_fn op_claims_remove;
/* {root, things: [{name, port}]} -> {"claims": [{claim}, {}, {"err"}]}. */
host_op_fn op_claims_look;

/* {link, version | hold | kept | plain} -> {"is", "kind"}: does it lead to the
 * version, is it held by that run, is that version kept and the link one into
 * versions/, is it a plain file?  What is so is synced. */
host_op_fn op_link_see;
/* {link, run, ours} and {link, version, ours} -> {}. */
host_op_fn op_link_hold, op_link_point;
/* {link, version, pid, ours}: what is there, or else what pid executes. */
host_op_fn op_adopt;
/* {link, version, ours} */
host_op_fn op_unadopt;
/* {root, version, binary_sha256} -> {}, synced; ERR_MISSING. */
host_op_fn op_version_see;
/* {path, sha256, binary_sha256, root, version, received}: received is removed
 * when it is unpacked. */
host_op_fn op_unpack;
/* {root, needed, keep} -> {} */
host_op_fn op_prune;
/* {link, from, pid} -> {kind, version, run, kept, kept_version, kept_err, err,
 * adopted_bytes} */
host_op_fn op_link_look;
/* {root, version} -> {root_err, claims_err, delivered, device, free} */
host_op_fn op_root_look;

/* An error as a member of an answer. */
json_t *op_err_json(const struct err *err);
/* ret_err is left alone if json is none. */
void op_err_read(const json_t *json, struct err *ret_err);
json_t *op_claim_json(const struct claim *claim);
void op_claim_read(const json_t *json, struct claim *ret_claim);
json_t *op_link_json(const struct link_spec *link);
const char *op_link_kind(enum link_kind kind);
enum link_kind op_link_kind_parse(const char *word);

/* For those who write ops: a text that must be there. */
bool op_text(const json_t *ask, const char *key, const char **ret_text,
	struct err *err) WARN_UNUSED;
/* Is what ask is about still ours?  True without "ours". */
bool op_is_ours(const json_t *ask, struct err *err) WARN_UNUSED;
/* Is a process that is to be stopped or started?  True without spec->run. */
bool op_process_is_ours(
	const struct process_spec *spec, struct err *err) WARN_UNUSED;

#endif
