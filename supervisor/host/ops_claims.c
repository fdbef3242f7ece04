/*
 * ops_claims.c - claims, asked for in JSON; see ops_install.h.
 */
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/host/ops_install.h"
#include "supervisor/memory.h"

bool op_text(const json_t *ask, const char *key, const char **ret_text,
	struct err *err)
{
	*ret_text = json_string_value(json_object_get(ask, key));
	return *ret_text ||
	       err_set(err, ERR_BUG, "a host was asked without \"%s\"", key);
}

json_t *op_err_json(const struct err *err)
{
	return json_pack("{s:i, s:i, s:s}", "code", (int)err->code, "sys",
		err->sys, "msg", err->msg);
}

void op_err_read(const json_t *json, struct err *ret_err)
{
	const char *msg = json_string_value(json_object_get(json, "msg"));

	if (!msg)
		return;
	(void)err_set(ret_err,
		(enum err_code)json_integer_value(
			json_object_get(json, "code")),
		"%s", msg);
	ret_err->sys = (int)json_integer_value(json_object_get(json, "sys"));
}

json_t *op_claim_json(const struct claim *claim)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:s, s:s, s:i}", "run",
		claim->run, "host", claim->host, "state_dir", claim->state_dir,
		"fleet", claim->fleet, "pid", claim->pid, "since",
		(json_int_t)claim->since_ms, "from", claim->from, "to",
		claim->to, "port", claim->port);
}

static void take(
	const json_t *json, const char *key, char *ret_text, size_t size)
{
	const char *text = json_string_value(json_object_get(json, key));

	(void)snprintf(ret_text, size, "%s", text ? text : "");
	err_mend_text(ret_text); /* it may have been cut */
}

void op_claim_read(const json_t *json, struct claim *ret_claim)
{
	struct claim *claim = ret_claim;

	memset(claim, 0, sizeof(*claim));
	take(json, "run", claim->run, sizeof(claim->run));
	take(json, "host", claim->host, sizeof(claim->host));
	take(json, "state_dir", claim->state_dir, sizeof(claim->state_dir));
	take(json, "fleet", claim->fleet, sizeof(claim->fleet));
	take(json, "from", claim->from, sizeof(claim->from));
	take(json, "to", claim->to, sizeof(claim->to));
	claim->pid = (int)json_integer_value(json_object_get(json, "pid"));
	claim->since_ms = json_integer_value(json_object_get(json, "since"));
	claim->port = (int)json_integer_value(json_object_get(json, "port"));
}

static bool is_ours(
	const char *root, const char *name, const char *run, struct err *err)
{
	struct err why = {0};

	if (claim_check(root, name, run, &why))
		return true;
	if (why.code == ERR_MISSING)
		return err_set(err, ERR_DECIDE,
			"its claim is gone: somebody removed it from %s/"
			".syncup/claims",
			root);
	if (err)
		*err = why;
	return false;
}

bool op_is_ours(const json_t *ask, struct err *err)
{
	const json_t *ours = json_object_get(ask, "ours");
	const char *root, *name, *run;

	return !ours || (op_text(ours, "root", &root, err) &&
				op_text(ours, "name", &name, err) &&
				op_text(ours, "run", &run, err) &&
				is_ours(root, name, run, err));
}

bool op_process_is_ours(const struct process_spec *spec, struct err *err)
{
	return !spec->run || is_ours(spec->root, spec->name, spec->run, err);
}

static bool root_and_run(const json_t *ask, const char **ret_root,
	const char **ret_run, struct err *err)
{
	return op_text(ask, "root", ret_root, err) &&
	       op_text(ask, "run", ret_run, err);
}

static int port_of(const json_t *json)
{
	return (int)json_integer_value(json_object_get(json, "port"));
}

bool op_claim_see(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *root, *name, *run;
	struct claim other;

	if (!root_and_run(ask, &root, &run, err) ||
		!op_text(ask, "name", &name, err))
		return false;
	if (claim_check(root, name, run, err)) {
		if (!claim_sync(root, err))
			return false;
		*ret_result = json_pack("{s:b}", "ours", 1);
		return true;
	}
	if (err->code != ERR_MISSING && err->code != ERR_HELD)
		return false;
	if (claim_find(root, name, port_of(ask), run, &other, err)) {
		*ret_result =
			json_pack("{s:o}", "owner", op_claim_json(&other));
		return true;
	}
	if (err->code != ERR_MISSING)
		return false;
	*ret_result = json_object();
	return true;
}

bool op_claim_check(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *root, *name, *run;

	if (!root_and_run(ask, &root, &run, err) ||
		!op_text(ask, "name", &name, err) ||
		!claim_check(root, name, run, err))
		return false;
	*ret_result = json_object();
	return true;
}

/* Freed by the caller; its names are borrowed. */
static struct claim_thing *things_of(const json_t *list)
{
	size_t count = json_array_size(list);
	struct claim_thing *things =
		memory_must(calloc(count + 1, sizeof(*things)));

	for (size_t i = 0, at = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);
		const char *name =
			json_string_value(json_object_get(item, "name"));

		if (name)
			things[at++] =
				(struct claim_thing){name, port_of(item)};
	}
	return things;
}

bool op_claim_create(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *from = json_string_value(json_object_get(ask, "from"));
	_cleanup_free_ struct claim_thing *lane =
		things_of(json_object_get(ask, "lane"));
	const char *root, *name;
	struct claim claim;

	if (!op_text(ask, "root", &root, err) ||
		!op_text(ask, "name", &name, err))
		return false;
	op_claim_read(json_object_get(ask, "claim"), &claim);
	if (from ? !claim_take_over(root, name, &claim, from, lane, err)
		 : !claim_create(root, name, &claim, lane, err))
		return false;
	*ret_result = json_object();
	return true;
}

bool op_claims_left(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *root, *run, *name;
	size_t i;
	json_t *item;

	if (!root_and_run(ask, &root, &run, err))
		return false;
	json_array_foreach (json_object_get(ask, "names"), i, item) {
		name = json_string_value(item);
		if (claim_check(root, name ? name : "", run, err)) {
			*ret_result = json_pack("{s:O}", "left", item);
			return true;
		}
		if (err->code != ERR_MISSING && err->code != ERR_HELD)
			return false;
	}
	if (!claim_sync(root, err))
		return false;
	*ret_result = json_object();
	return true;
}

bool op_claims_remove(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *root, *run, *name;
	size_t i;
	json_t *item;

	if (!root_and_run(ask, &root, &run, err))
		return false;
	json_array_foreach (json_object_get(ask, "names"), i, item) {
		name = json_string_value(item);
		/* One that was taken over is not ours to remove. */
		if (!claim_remove(root, name ? name : "", run, err) &&
			err->code != ERR_HELD)
			return false;
	}
	/* With the last claim goes the hold; one that stays is in the way of
	 * nobody. */
	if (!link_hold_release(root, run, err) && err->code == ERR_STORAGE)
		return false;
	*ret_result = json_object();
	return true;
}

bool op_claims_look(const json_t *ask, json_t **ret_result, struct err *err)
{
	_cleanup_free_ struct claim_thing *things =
		things_of(json_object_get(ask, "things"));
	json_t *list = json_array();
	const char *root;

	if (!op_text(ask, "root", &root, err)) {
		json_decref(list);
		return false;
	}
	for (const struct claim_thing *thing = things; thing->name; thing++) {
		struct claim claim;
		struct err why = {0};
		json_t *seen;

		if (claim_find(
			    root, thing->name, thing->port, NULL, &claim, &why))
			seen = op_claim_json(&claim);
		else if (why.code == ERR_MISSING)
			seen = json_object();
		else
			seen = json_pack("{s:o}", "err", op_err_json(&why));
		(void)json_array_append_new(list, seen);
	}
	*ret_result = json_pack("{s:o}", "claims", list);
	return true;
}
