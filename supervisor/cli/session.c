/*
 * session.c - one supervisor's life: carry the run on, show it, say how it
 * ended and what to type next.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "state/sys.h"
#include "supervisor/cli/cli.h"
#include "supervisor/engine/engine.h"
#include "supervisor/install/link.h"
#include "supervisor/report/journald.h"
#include "supervisor/report/notify.h"
#include "supervisor/report/report.h"
#include "supervisor/report/service.h"

enum {
	TICK_MS = 500,
	SECOND_INTERRUPT_MS = 10000,
	LINE_MAX_BYTES = 400,
	NEXT_MAX = 9000, /* two paths, and words */
};

struct life {
	struct engine *engine;
	struct live *live;
	struct notify *notify; /* or NULL */
	bool json, stopped;
	int64_t interrupted_ms;
};

static void say_where(const struct run_state *state)
{
	char line[LINE_MAX_BYTES];

	service_status(report_line(state, sys_wall_ms(), line, sizeof(line)));
}

static void on_record(
	void *arg, const struct run_state *state, const struct record *record)
{
	struct life *life = arg;
	bool told = journald_send_record(state, record->json);

	say_where(state);
	if (life->notify)
		notify_look(life->notify, state);
	if (life->json) {
		(void)json_dumpf(record->json, stdout, JSON_COMPACT);
		(void)putchar('\n');
		(void)fflush(stdout);
	} else if (!told || !journald_is(stdout)) {
		live_record(life->live, state, record);
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct life *life = arg;

	(void)fd, (void)what;
	say_where(engine_state(life->engine));
	if (!life->json)
		live_tick(life->live, engine_state(life->engine));
}

/* The loop turns: what can hang is done by children. */
static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	service_alive();
}

/* The first one on a terminal only tells; people press it to look. */
static void on_interrupt(evutil_socket_t number, short what, void *arg)
{
	struct life *life = arg;
	int64_t now = sys_monotonic_ms();

	(void)number, (void)what;
	if (!isatty(STDIN_FILENO) ||
		(life->interrupted_ms &&
			now - life->interrupted_ms < SECOND_INTERRUPT_MS)) {
		life->stopped = true;
		engine_stop(life->engine, "SIGINT");
		return;
	}
	life->interrupted_ms = now;
	(void)fprintf(stderr, "\nThe run goes on. ");
	report_present(engine_state(life->engine), stderr);
	(void)fprintf(stderr,
		"Press Ctrl-C again within ten seconds to stop it here (it can "
		"be continued),\nor type in another terminal: syncup rollback, "
		"syncup abort, syncup status.\n");
}

static void on_terminate(evutil_socket_t signal_number, short what, void *arg)
{
	struct life *life = arg;

	(void)signal_number, (void)what;
	service_stopping("stopped by SIGTERM; it can be continued");
	life->stopped = true;
	engine_stop(life->engine, "SIGTERM");
}

static const char *operand(const struct cli_session *session)
{
	return session->place->operand;
}

static void say_end(const struct cli_session *session,
	const struct run_state *state, int code, const struct err *err)
{
	FILE *out = session->json ? stderr : stdout;
	char next[NEXT_MAX];

	(void)fprintf(out, "\n");
	report_lanes(state, sys_wall_ms(), out);
	report_table(state, sys_wall_ms(), out);
	(void)fflush(out);
	if (code == 0)
		return;
	if (code == err_exit_code(ERR_STORAGE) && err->code != ERR_STOPPED)
		cli_disk_failed(session->place);
	/* What stopped a lane was told when it did. */
	cli_tell(event_of_error(err->code), code, "%s", err->msg);
	if (err->code == ERR_STORAGE || err->code == ERR_JOURNAL)
		cli_because(err->msg);
	(void)fprintf(stderr, "%s", journald_level(stderr, LOG_WARNING));
	report_present(state, stderr);
	cli_type("%s",
		report_next(state, code, operand(session), next, sizeof(next)));
}

static bool is_asked(const struct run_state *state, const char *question)
{
	for (unsigned i = 0; i < state->lane_count; i++) {
		const struct run_lane *lane = &state->lane[i];

		if (lane->outcome == RUN_UNFINISHED && lane->halt_decide &&
			strcmp(lane->halt_decide, question) == 0)
			return true;
	}
	return false;
}

/* The same line is also the way to recover: what was answered need not be asked
 * any more. */
static bool was_answered(
	const struct run_state *state, const struct cli_answer *answer)
{
	for (unsigned i = 0; i < state->answer_count; i++)
		if (strcmp(state->answer[i].step, answer->step) == 0 &&
			strcmp(state->answer[i].target, answer->target) == 0 &&
			strcmp(state->answer[i].answer, answer->word) == 0)
			return true;
	return false;
}

bool cli_answer_parse(const struct run_state *state, const char *text,
	struct cli_answer *ret_answer, struct err *err)
{
	char *equals, *at;
	bool asked;

	(void)snprintf(ret_answer->text, sizeof(ret_answer->text), "%s", text);
	equals = strrchr(ret_answer->text, '=');
	at = strchr(ret_answer->text, '@');
	if (!equals || !at || at > equals)
		return err_set(err, ERR_USAGE,
			"--answer wants STEP@TARGET=again|done|stop");
	*equals = '\0';
	ret_answer->word = equals + 1;
	if (strcmp(ret_answer->word, "again") != 0 &&
		strcmp(ret_answer->word, "done") != 0 &&
		strcmp(ret_answer->word, "stop") != 0)
		return err_set(err, ERR_USAGE,
			"--answer wants again, done or stop, not \"%.40s\"",
			ret_answer->word);
	asked = is_asked(state, ret_answer->text);
	*at = '\0';
	ret_answer->step = ret_answer->text;
	ret_answer->target = at + 1;
	ret_answer->given = !asked && was_answered(state, ret_answer);
	/* One that comes before its question would be believed later. */
	return asked || ret_answer->given ||
	       err_set(err, ERR_USAGE,
		       "--answer: the run did not stop with a question about "
		       "%.100s@%.100s",
		       ret_answer->step, ret_answer->target);
}

static struct event *listen_for(struct engine *engine, int signal_number,
	event_callback_fn fn, struct life *life)
{
	struct event *event =
		evsignal_new(engine_base(engine), signal_number, fn, life);

	if (event)
		(void)event_add(event, NULL);
	return event;
}

static int live_with(struct life *life, struct err *err)
{
	const struct timeval tick = {.tv_usec = TICK_MS * 1000};
	const int64_t alive_ms = service_watchdog_ms() / 2;
	const struct timeval alive = {
		.tv_sec = alive_ms / 1000, .tv_usec = alive_ms % 1000 * 1000};
	struct event *events[] = {
		listen_for(life->engine, SIGINT, on_interrupt, life),
		listen_for(life->engine, SIGTERM, on_terminate, life),
		event_new(engine_base(life->engine), -1, EV_PERSIST, on_tick,
			life),
		event_new(engine_base(life->engine), -1, EV_PERSIST,
			on_watchdog, NULL),
	};
	char line[LINE_MAX_BYTES];
	int code;

	if (events[2])
		(void)event_add(events[2], &tick);
	if (events[3] && alive_ms)
		(void)event_add(events[3], &alive);
	service_ready(report_line(
		engine_state(life->engine), sys_wall_ms(), line, sizeof(line)));
	if (life->notify)
		notify_look(life->notify, engine_state(life->engine));
	code = engine_run(life->engine, err);
	/* What is still being told is told to its end. */
	while (life->notify && notify_is_busy(life->notify) && !life->stopped &&
		event_base_loop(engine_base(life->engine), EVLOOP_ONCE) == 0)
		;
	service_stopping(report_line(
		engine_state(life->engine), sys_wall_ms(), line, sizeof(line)));
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
	return code;
}

/* A leftover is harmless: nothing points to it.  A disk that fails is told all
 * the same. */
bool cli_tidy(const struct run_state *state, struct err *err)
{
	const char *root = json_string_value(json_object_get(
		json_object_get(state->plan, "fleet"), "install_root"));

	return !root || state->outcome == RUN_UNFINISHED ||
	       link_hold_remove(root, state->run, err) ||
	       err->code != ERR_STORAGE;
}

int cli_session(const struct cli_session *session)
{
	struct life life = {.json = session->json};
	struct engine_config config = {
		.journal = session->place->journal,
		.request = session->place->request,
		.take_over = session->take_over,
		.view = on_record,
		.view_arg = &life,
	};
	const struct run_state *state;
	struct err err = {0};
	int code;

	cli_disk_tried(session->place);
	life.live = live_new(stdout);
	if (!engine_new(&config, session->plan, &life.engine, &err)) {
		live_free(life.live);
		return cli_fail(&err);
	}
	state = engine_state(life.engine);
	if ((session->answer &&
		    !engine_answer(life.engine, session->answer->step,
			    session->answer->target, session->answer->word,
			    &err)) ||
		(session->request != RUN_REQUEST_NONE &&
			!engine_request(life.engine, session->request,
				session->restore, &err))) {
		code = cli_fail(&err);
	} else {
		life.notify = cli_notify_new(
			session->place, state, engine_base(life.engine));
		code = live_with(&life, &err);
		notify_free(life.notify);
		life.notify = NULL;
		if (!session->json)
			live_end(life.live, state);
		say_end(session, state, code, &err);
		if (!cli_tidy(state, &err))
			code = cli_fail(&err);
	}
	engine_free(life.engine);
	live_free(life.live);
	return code;
}
