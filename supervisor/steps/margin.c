/*
 * margin.c - how much of the source's oplog is left before the sync's place in
 * it is gone.  Only looks; saw has how, margin_s and resume_s.
 *
 * While everything stands still the resume point stays where it is: it is read
 * once, so that a metadata that is being migrated is not in the way, and then
 * only the oplog.
 */
#include "supervisor/plan/margin.h"
#include "state/cleanup.h"
#include "supervisor/steps/steps.h"

enum {
	LOOK_MS = 20000,
};

static bool ask(struct step_run *run, const char *op, const struct secret *uri,
	helper_fn *done, struct err *err)
{
	_cleanup_json_ json_t *question =
		json_pack("{s:s, s:s}", "op", op, "uri", secret_reveal(uri));

	return helpers_ask(
		run->env->clock_helpers, question, LOOK_MS, done, run, err);
}

static void oplog_told(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	int64_t margin, resume = json_integer_value(
				json_object_get(run->memory, "resume_s"));
	char why[250];

	if (err) {
		step_saw(run, VIEW_UNKNOWN, "%s", err->msg);
		return;
	}
	if (!margin_by_oplog(resume, result, &margin, why, sizeof(why))) {
		step_saw(run, VIEW_UNKNOWN, "%s", why);
		return;
	}
	step_see(run, "how", json_string(MARGIN_OPLOG));
	step_see(run, "margin_s", json_integer((json_int_t)margin));
	step_see(run, "resume_s", json_integer((json_int_t)resume));
	step_saw(run, VIEW_REACHED, "%lld s", (long long)margin);
}

/* The plan says whether the sync goes the other way. */
static const struct secret *source_of(const struct step_run *run)
{
	const struct instance_config *config = &run->target->via->config;
	const json_t *margin = json_object_get(run->lane->json, "margin");

	return json_is_true(json_object_get(margin, "turned"))
		       ? &config->destination
		       : &config->source;
}

static bool look_at_oplog(
	struct step_run *run, int64_t resume_s, struct err *err)
{
	json_decref(run->memory);
	run->memory = json_pack("{s:I}", "resume_s", (json_int_t)resume_s);
	return ask(run, "oplog", source_of(run), oplog_told, err);
}

static int64_t planned_resume_s(const struct step_run *run)
{
	return json_integer_value(json_object_get(
		json_object_get(run->lane->json, "margin"), "resume_s"));
}

static void summed_up(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	int64_t resume = err ? 0 : margin_resume_point(result);
	struct err look = {0};

	/* As it was planned: that is further back, so it is safe. */
	if (!resume)
		resume = planned_resume_s(run);
	if (!look_at_oplog(run, resume, &look))
		step_saw(run, VIEW_UNKNOWN, "%s", look.msg);
}

static bool look_at_margin(struct step_run *run, struct err *err)
{
	int64_t resume = run->lane->clock.resume_s;

	if (resume)
		return look_at_oplog(run, resume, err);
	return ask(run, "summary", &run->target->via->config.destination,
		summed_up, err);
}

bool see_margin(struct step_run *run, struct err *err)
{
	return after_config(run, run->target->via, look_at_margin, err);
}
