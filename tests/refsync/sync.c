/*
 * sync.c - see sync.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/refsync/effects.h"
#include "tests/refsync/settings.h"
#include "tests/refsync/sync.h"
#include "tests/refsync/version.h"

#define STACK_SIZE (1 << 20)

static const char *const state_names[SYNC_STATES] = {"INITIALIZING", "IDLE",
	"RUNNING", "PAUSED", "COMMITTING", "COMMITTED", "REVERSING"};

static const struct refusal wrong_state = {"InvalidStateTransition",
	"the current state does not permit this operation"};

const char *sync_state_name(enum sync_state state)
{
	return state_names[state];
}

enum sync_state sync_state_find(const char *name)
{
	for (int i = SYNC_RUNNING; i < SYNC_STATES; i++)
		if (!strcmp(state_names[i], name))
			return (enum sync_state)i;
	return SYNC_INITIALIZING;
}

int64_t sync_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool sync_open(
	struct sync *sync, const struct options *options, struct err *err)
{
	pthread_condattr_t attr;

	*sync = (struct sync){.options = options};
	sync->view.lag_s = -1;
	(void)pthread_mutex_init(&sync->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&sync->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (pipe2(sync->done_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, ERR_BUG, errno, "making a pipe");
	return true;
}

bool sync_run(struct sync *sync, struct err *err)
{
	pthread_attr_t attr;
	int failed;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	failed = pthread_create(&sync->thread, &attr, worker_main, sync);
	(void)pthread_attr_destroy(&attr);
	if (failed)
		return err_sys(err, ERR_BUG, failed, "starting the worker");
	return true;
}

static void lock(struct sync *sync)
{
	(void)pthread_mutex_lock(&sync->lock);
}

static void unlock(struct sync *sync)
{
	(void)pthread_cond_signal(&sync->wake);
	(void)pthread_mutex_unlock(&sync->lock);
}

void sync_stop(struct sync *sync)
{
	lock(sync);
	sync->stopping = true;
	unlock(sync);
}

void sync_close(struct sync *sync)
{
	if (sync->thread)
		(void)pthread_join(sync->thread, NULL);
	(void)close(sync->done_pipe[0]);
	(void)close(sync->done_pipe[1]);
	json_decref(sync->start_body);
	(void)pthread_cond_destroy(&sync->wake);
	(void)pthread_mutex_destroy(&sync->lock);
}

struct sync_view sync_look(struct sync *sync)
{
	struct sync_view view;

	lock(sync);
	view = sync->view;
	(void)pthread_mutex_unlock(&sync->lock);
	return view;
}

bool sync_sleep(struct sync *sync, int64_t ms)
{
	struct timespec until;
	bool go_on;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	lock(sync);
	if (!sync->stopping)
		(void)pthread_cond_timedwait(&sync->wake, &sync->lock, &until);
	go_on = !sync->stopping;
	(void)pthread_mutex_unlock(&sync->lock);
	return go_on;
}

bool sync_is_stopping(struct sync *sync)
{
	bool stopping;

	lock(sync);
	stopping = sync->stopping;
	(void)pthread_mutex_unlock(&sync->lock);
	return stopping;
}

/* Opens the lock when the state is the wanted one; else says no. */
static bool enter(
	struct sync *sync, enum sync_state wanted, struct refusal *ret)
{
	lock(sync);
	if (sync->view.state == wanted && !sync->stopping)
		return true;
	unlock(sync);
	*ret = wrong_state;
	return false;
}

bool sync_ask_start(struct sync *sync, json_t *body, struct refusal *ret)
{
	if (!enter(sync, SYNC_IDLE, ret)) {
		json_decref(body);
		return false;
	}
	json_decref(sync->start_body);
	sync->start_body = body;
	unlock(sync);
	return true;
}

bool sync_ask_pause(struct sync *sync, struct refusal *ret)
{
	if (!enter(sync, SYNC_RUNNING, ret))
		return false;
	if (!sync->pausing) {
		sync->pausing = true;
		sync->pause_at_ms = sync_now_ms() + setting(SET_PAUSE_MS);
	}
	unlock(sync);
	return true;
}

bool sync_ask_resume(struct sync *sync, struct refusal *ret)
{
	bool early;

	lock(sync);
	early = sync->view.state == SYNC_RUNNING && sync->pausing;
	unlock(sync);
	if (early && !version_has(21))
		effects_die("crash", 2,
			"panic: runtime error: resume before the pause ended");
	if (!enter(sync, SYNC_PAUSED, ret))
		return false;
	if (!sync->resuming) {
		sync->resuming = true;
		sync->resume_at_ms = sync_now_ms() + setting(SET_RESUME_MS);
	}
	unlock(sync);
	return true;
}

bool sync_ask_commit(struct sync *sync, struct refusal *ret)
{
	bool can;

	if (!enter(sync, SYNC_RUNNING, ret))
		return false;
	can = sync->view.can_commit && !sync->pausing;
	sync->committing = sync->committing || can;
	unlock(sync);
	if (!can)
		*ret = (struct refusal){"CannotCommit", "canCommit is false"};
	return can;
}

bool sync_ask_reverse(struct sync *sync, struct refusal *ret)
{
	bool can;

	if (!enter(sync, SYNC_COMMITTED, ret))
		return false;
	can = sync->view.reversible;
	sync->reversing = can;
	unlock(sync);
	if (!can)
		*ret = (struct refusal){"NotReversible",
			"the sync was not started with reversible: true"};
	return can;
}
