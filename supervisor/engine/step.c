/*
 * step.c - what the functions of a step say to the engine.
 *
 * An answer is only stored and wakes the work: a step may give it before its
 * function has returned.
 */
#include "supervisor/engine/step.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "state/sys.h"
#include "supervisor/engine/internal.h"
#include "supervisor/fleet/secret.h"
#include "sync_client/sync_text.h"

static struct work *work_of(struct step_run *run)
{
	return (struct work *)run; /* its first member */
}

void step_saw(struct step_run *run, enum step_view view, const char *fmt, ...)
{
	struct work *work = work_of(run);
	va_list args;

	assert(work->waiting && !work->answered);
	if (work->mode != WORK_BESIDE) /* whose moments nobody can tell */
		work_crash_point("saw", work);
	work->view = view;
	work->blocked_code = ERR_DECIDE;
	va_start(args, fmt);
	(void)vsnprintf(work->detail, sizeof(work->detail), fmt, args);
	va_end(args);
	scrub_in_place(work->detail, sizeof(work->detail));
	/* Cut anywhere, and foreign words: the journal takes only UTF-8. */
	sync_text_clean(work->detail, sizeof(work->detail));
	work->answered = true;
	work_wake(work);
}

void step_blocked(struct step_run *run, const struct err *err)
{
	step_saw(run, VIEW_BLOCKED, "%s", err->msg);
	work_of(run)->blocked_code = err->code;
}

void step_saw_err(struct step_run *run, const struct err *err)
{
	/* Without a descriptor we are blind, whatever it was to be opened. */
	bool blind = err->sys == EMFILE || err->sys == ENFILE;

	if (err->code == ERR_AGAIN || blind) {
		step_saw(run, VIEW_UNKNOWN, "%s", err->msg);
		return;
	}
	/* Who saw it ends the run; until then nobody looks or acts.  What looks
	 * beside the steps ends nothing. */
	if (err->code == ERR_STORAGE && work_of(run)->mode != WORK_BESIDE)
		work_of(run)->lane->engine->disk_failed = true;
	if (err->code == ERR_STEP)
		step_saw(run, VIEW_FAILED, "%s", err->msg);
	else
		step_blocked(run, err);
}

void step_cannot_look(struct step_run *run, const struct err *err)
{
	struct err look = *err;

	if (look.code == ERR_STEP)
		look.code = ERR_AGAIN;
	step_saw_err(run, &look);
}

void step_acted(struct step_run *run, const struct err *err)
{
	struct work *work = work_of(run);

	assert(work->waiting && !work->answered);
	work_crash_point("answer", work);
	work->acted_ok = !err;
	if (err && err->code == ERR_STORAGE)
		work->lane->engine->disk_failed = true;
	if (err) {
		work->acted_err = *err;
		scrub_in_place(
			work->acted_err.msg, sizeof(work->acted_err.msg));
		sync_text_clean(
			work->acted_err.msg, sizeof(work->acted_err.msg));
	}
	work->answered = true;
	work_wake(work);
}

void step_see(struct step_run *run, const char *key, json_t *value)
{
	if (!run->saw)
		run->saw = json_object();
	(void)json_object_set_new(run->saw, key, value);
}

const char *step_param(const struct step_run *run, const char *key)
{
	const char *text =
		json_string_value(json_object_get(run->stage->json, key));

	return text ? text : "";
}

int64_t step_age_ms(const struct run_step *past)
{
	int64_t now = sys_boottime_ms();

	if (!past->intents)
		return -1;
	if (strcmp(past->intent_boot, sys_boot_id()) != 0)
		return now; /* at least since this boot */
	return now - past->intent_up;
}

int64_t step_intent_age_ms(const struct step_run *run)
{
	return step_age_ms(run->past);
}
