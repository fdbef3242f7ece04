/*
 * steps.h - the functions behind the table of kinds; see kinds.c.
 *
 * One file per subject.  Steps never call each other: what two of them need
 * is down here, or belongs to the library that they use.
 */
#ifndef SUPERVISOR_STEPS_STEPS_H
#define SUPERVISOR_STEPS_STEPS_H

#include "supervisor/engine/step.h"

/* sync.c: what the sync process's API says and does */
step_fn see_ready, see_paused, do_pause, see_resumed, do_resume, see_movement;
step_fn can_ask;
/* process.c */
step_fn see_gone, can_stop, do_stop;
/* start.c */
step_fn see_up, do_start;
/* install.c */
step_fn see_delivered, do_deliver, see_adopted, do_adopt, see_held, do_hold;
step_fn see_linked, do_link, see_unadopted, do_unadopt, see_settled, do_settle;
/* claims.c */
step_fn see_claimed, can_claim, do_claim, see_released, do_release, can_touch;
/* metadata.c */
step_fn see_saved, can_save, do_save, see_verified, see_unchanged;
step_fn see_put_back, can_put_back, do_put_back;

/* margin.c: beside the steps, while the lane stands still */
step_fn see_margin;

/* claims.c: goes on with `then` if the step's instance or link is still ours;
 * answers the guard otherwise. */
bool if_claimed(struct step_run *run, step_fn *then, struct err *err);
/* config.c: goes on with `then` when the process's own file has been read;
 * answers the look otherwise. */
bool after_config(struct step_run *run, const struct target *target,
	step_fn *then, struct err *err);
/* words_elsewhere.c: goes on with `then` when step_last_words() knows what a
 * process on another host said. */
bool after_words(struct step_run *run, step_fn *then, struct err *err);
/* api.c: asks /progress; done gets the answer with the step as its arg. */
bool ask_progress(
	struct step_run *run, sync_progress_fn *done, struct err *err);
bool ask_progress_of(struct step_run *run, const struct target *target,
	sync_progress_fn *done, struct err *err);
/* api.c: pause, or resume; answers the act if it cannot be asked for. */
bool post_to_sync(struct step_run *run, bool resumes, sync_reply_fn *done,
	struct err *err);
/* api.c: the host cannot be reached just now, which is the answer to a look. */
bool is_cut_off(struct step_run *run);
/* api.c: an API did not answer; goes on with `then` if its host does, answers
 * the look or guard otherwise. */
void if_reached(
	struct step_run *run, const struct target *target, step_fn *then);
/* api.c: what the last start that is done saw, or else what was planned. */
const json_t *last_known(
	const struct step_run *run, const struct target *target);
/* api.c: true, with ERR_DECIDE, if what answers on the target's port is not
 * the process that was planned.  fresh: it was just started, so that what it
 * told before does not bind it. */
bool is_another(const struct step_run *run, const struct target *target,
	const struct sync_progress *progress, bool fresh, struct err *err);
/* process.c: into saw, which process this is. */
void see_process(struct step_run *run, const struct process_seen *seen);
/* process.c: it may still answer, and is about to end. */
bool is_ending(const struct step_run *run, const struct process_seen *seen);
/* process.c: {"pid"} of who has its port instead of it, or 0. */
bool ask_port_taken(struct step_run *run, const struct process_seen *seen,
	host_fn *done, struct err *err);
/* process.c: are all processes of the step's lane gone?  Answers the step
 * with REACHED, UNDONE or UNKNOWN. */
bool see_all_gone(struct step_run *run, struct err *err);

#endif
