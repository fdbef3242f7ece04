/*
 * clock.c - how long a lane may still stand still, and by when it must be over.
 *
 * Looked at each second, beside the steps, without holding them up: the margin
 * is read again each minute, and more often when little is left.  At
 * turn_back_at: percent of the time the lane turns back by itself, where that
 * is certainly without loss; elsewhere it is said louder and louder, and the
 * lane goes on: to stand there would only cost more of the time.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state/sys.h"
#include "supervisor/engine/internal.h"
#include "supervisor/plan/margin.h"
#include "sync_client/sync_text.h"

enum {
	READ_EVERY_MS = 60000,
	READ_LEAST_MS = 2000,
	PROVE_EVERY_MS = 5000,
	LOUDEST = 4,
};

static void broke_unless(struct lane_run *lane, bool ok)
{
	if (!ok)
		engine_broken(lane->engine);
}

static bool is_at_work(const struct lane_run *lane)
{
	return lane->phase == LANE_WORKING || lane->phase == LANE_RECHECKING;
}

static bool may_turn(const struct lane_run *lane)
{
	enum fleet_failure on_failure = lane->engine->fleet->on_failure;

	return is_at_work(lane) && !lane->past->turned && !lane->closed &&
	       !lane->engine->stopping && !lane->engine->disk_failed &&
	       !lane->engine->procedure->syncs(lane->past) &&
	       (on_failure == FLEET_FAILURE_ROLLBACK ||
		       on_failure == FLEET_FAILURE_RESTORE);
}

static int64_t stood_ms(const struct lane_run *lane)
{
	return run_clock_stood_ms(&lane->past->clock, sys_wall_ms(),
		sys_boottime_ms(), sys_boot_id());
}

/* ---- what is written ---- */

static const char *const loud_words[LOUDEST + 1] = {"",
	"warning: ", "Warning, time runs out: ", "WARNING, HURRY: ",
	"WARNING, IT MAY BE TOO LATE: "};

/* body is stolen: what is particular; what all have is added. */
static void write_clock(struct lane_run *lane, json_t *body, unsigned loud)
{
	const struct run_clock *clock = &lane->past->clock;
	char text[500], still[32], left[32] = "";
	int64_t stood = json_integer_value(json_object_get(body, "stood_ms"));
	int64_t left_ms;

	if (clock->runs)
		stood = stood_ms(lane);
	left_ms = run_clock_left_ms(clock, stood);
	if (json_object_get(body, "margin_s"))
		left_ms =
			json_integer_value(json_object_get(body, "margin_s")) *
			1000 * 1000 / (clock->rate ? clock->rate : 1000);
	if (!clock->runs) /* it was planned, and has been used since */
		left_ms = left_ms > stood ? left_ms - stood : 0;
	(void)snprintf(text, sizeof(text),
		"%slane %s stands still for %s, %s%s%s%.250s", loud_words[loud],
		lane->past->name,
		margin_duration(still, sizeof(still), stood / 1000),
		left_ms < 0
			? "nobody knows how long it may"
			: margin_duration(left, sizeof(left), left_ms / 1000),
		left_ms < 0 ? "" : " left",
		loud && lane->closed_why[0] ? "; it cannot turn back: " : "",
		loud ? lane->closed_why : "");
	sync_text_clean(text, sizeof(text));
	(void)json_object_set_new(body, "lane", json_string(lane->past->name));
	(void)json_object_set_new(
		body, "stood_ms", json_integer((json_int_t)stood));
	(void)json_object_set_new(body, "loud", json_integer((int)loud));
	(void)json_object_set_new(body, "text", book_text(text));
	broke_unless(lane, book_write(lane->engine->book, "clock", body, NULL));
}

/* The time is counted from the INTENT, whenever we come to it. */
static void begin(struct lane_run *lane, const struct procedure_clock *clock)
{
	const json_t *margin = json_object_get(lane->past->json, "margin");
	int64_t by_wall = sys_wall_ms() - clock->since->first_intent_at;
	int64_t by_boot = step_age_ms(clock->since);
	int64_t stood = by_wall > by_boot ? by_wall : by_boot;

	write_clock(lane,
		json_pack("{s:I, s:I, s:O, s:O, s:O}", "since",
			(json_int_t)clock->since->first_intent_at, "stood_ms",
			(json_int_t)stood, "stood", clock->stood, "margin_s",
			json_object_get(margin, "s"), "how",
			json_object_get(margin, "how")),
		0);
}

static void end(struct lane_run *lane)
{
	char text[200], still[32];

	(void)snprintf(text, sizeof(text),
		"lane %s stands still no longer, it "
		"was for %s",
		lane->past->name,
		margin_duration(still, sizeof(still), stood_ms(lane) / 1000));
	broke_unless(
		lane, book_write(lane->engine->book, "clock",
			      json_pack("{s:s, s:b, s:I, s:o}", "lane",
				      lane->past->name, "over", 1, "stood_ms",
				      (json_int_t)stood_ms(lane), "text",
				      book_text(text)),
			      NULL));
}

/* ---- looking ---- */

static struct work *look_beside(
	struct lane_run *lane, const struct procedure_proof *look)
{
	const struct run_stage *stage =
		run_course_stage(&lane->past->forward, look->stage);
	struct work *work = work_new(lane, WORK_BESIDE,
		(unsigned)(stage - lane->past->forward.stage), stage,
		run_stage_step(stage, look->target),
		targets_find(&lane->engine->targets, look->target));

	work->run.kind = step_kind_find(look->kind);
	work_start(work);
	return work;
}

static int64_t read_every_ms(const struct lane_run *lane)
{
	const struct run_clock *clock = &lane->past->clock;
	int64_t stood = stood_ms(lane);
	int64_t left = run_clock_left_ms(clock, stood);
	int64_t turn_at = (stood + left) *
			  (int64_t)lane->engine->fleet->turn_back_at / 100;
	int64_t wait = turn_at > stood ? (turn_at - stood) / 2 : left / 8;

	if (wait > READ_EVERY_MS)
		return READ_EVERY_MS;
	return wait > READ_LEAST_MS ? wait : READ_LEAST_MS;
}

static void read_if_due(
	struct lane_run *lane, const struct procedure_clock *clock)
{
	int64_t now = sys_boottime_ms();

	if (lane->reading ||
		(lane->read_ms && now - lane->read_ms < read_every_ms(lane)))
		return;
	lane->read_ms = now;
	lane->reading = look_beside(lane, &clock->look);
}

static void margin_told(struct lane_run *lane, const struct work *work)
{
	struct procedure_clock clock;
	json_t *body;

	/* Unreadable just now: what was read before stands. */
	if (work->view != VIEW_REACHED || !lane->past->clock.runs ||
		!work->run.saw ||
		!lane->engine->procedure->clock(lane->past, &clock))
		return;
	body = json_copy(work->run.saw);
	(void)json_object_set_new(body, "stood", clock.stood);
	write_clock(lane, body, lane->past->clock.loud);
}

/* ---- turning back ---- */

static void close_way(struct lane_run *lane, const char *why)
{
	lane->closed = true;
	sync_text_copy(lane->closed_why, sizeof(lane->closed_why), why);
	if (lane->past->clock.runs)
		write_clock(lane, json_object(), lane->past->clock.loud);
}

static void proof_told(struct lane_run *lane, const struct work *work)
{
	if (!may_turn(lane))
		return;
	if (work->view == VIEW_REACHED)
		lane_turn_by_clock(lane, lane->clock_why);
	else if (work->view != VIEW_UNKNOWN)
		close_way(lane, work->detail);
}

/* True: it turns, or will be known to be able to. */
static bool turn(struct lane_run *lane, const char *why)
{
	struct procedure_proof proof;
	int64_t now = sys_boottime_ms();

	if (!may_turn(lane))
		return false;
	if (!lane->engine->procedure->proof(lane->past, &proof)) {
		lane_turn_by_clock(lane, why);
		return true;
	}
	if (lane->proving)
		return true;
	if (lane->prove_ms && now - lane->prove_ms < PROVE_EVERY_MS)
		return true;
	lane->prove_ms = now;
	sync_text_copy(lane->clock_why, sizeof(lane->clock_why), why);
	lane->proving = look_beside(lane, &proof);
	return true;
}

/* How urgent it is: 1 from turn_back_at on, 4 when nothing is left. */
static unsigned loudness(unsigned used, unsigned limit)
{
	unsigned rest = 100 - limit;

	if (used >= 100)
		return LOUDEST;
	if (used < limit)
		return 0;
	return used >= limit + rest * 4 / 5 ? 3
	       : used >= limit + rest / 2   ? 2
					    : 1;
}

static void watch_margin(struct lane_run *lane)
{
	const struct run_clock *clock = &lane->past->clock;
	unsigned limit = lane->engine->fleet->turn_back_at;
	int64_t stood = stood_ms(lane);
	unsigned used = run_clock_used(clock, stood);
	unsigned loud = loudness(used, limit);
	char why[200], still[32], left[32];

	if (!clock->how[0] || !loud)
		return;
	if (loud > clock->loud)
		write_clock(lane, json_object(), loud);
	(void)snprintf(why, sizeof(why),
		"it has stood still for %s, and may for %s more (turn_back_at: "
		"%u)",
		margin_duration(still, sizeof(still), stood / 1000),
		margin_duration(left, sizeof(left),
			run_clock_left_ms(clock, stood) / 1000),
		limit);
	(void)turn(lane, why);
}

/* ---- by when it must be over ---- */

static void say_late(struct lane_run *lane, const char *what)
{
	char text[300];

	if (lane->said_late)
		return;
	lane->said_late = true;
	(void)snprintf(
		text, sizeof(text), "lane %s: %s", lane->past->name, what);
	broke_unless(
		lane, book_write(lane->engine->book, "note",
			      json_pack("{s:s, s:o}", "lane", lane->past->name,
				      "text", book_text(text)),
			      NULL));
}

/* To go back takes about as long as the way there: the old version has to
 * start, too. */
static void watch_time(struct lane_run *lane, bool stands)
{
	const struct engine *engine = lane->engine;
	const json_t *time =
		json_object_get(book_state(engine->book)->plan, "time");
	int64_t by = json_integer_value(json_object_get(time, "finish_by"));
	int64_t still =
		json_integer_value(json_object_get(time, "still_s")) * 1000;
	struct procedure_proof proof;
	int64_t now = sys_wall_ms();
	char why[200], when[40] = "";
	time_t seconds = (time_t)(by / 1000);
	struct tm tm;

	if (!by || now + (stands ? still : 0) < by || lane->past->turned)
		return;
	if (localtime_r(&seconds, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	(void)snprintf(why, sizeof(why),
		"it is late, it would not be over by %s", when);
	/* With all of it RUNNING again there is nothing to be gained. */
	if (!stands && engine->procedure->proof(lane->past, &proof))
		say_late(lane, "it was to be over by now, and goes on");
	else if (!turn(lane, why))
		say_late(lane, "it is late, cannot turn back, and goes on");
}

/* ---- what the engine calls ---- */

void clock_end(struct lane_run *lane)
{
	const struct procedure *procedure = lane->engine->procedure;
	struct procedure_clock clock;

	if (!lane->past->clock.runs)
		return;
	if (procedure->clock(lane->past, &clock))
		json_decref(clock.stood);
	else
		end(lane);
}

void clock_drop(struct lane_run *lane)
{
	work_drop(lane->reading);
	work_drop(lane->proving);
	lane->reading = lane->proving = NULL;
}

void clock_told(struct lane_run *lane, struct work *work)
{
	bool reading = work == lane->reading;

	if (reading)
		lane->reading = NULL;
	else
		lane->proving = NULL;
	if (reading)
		margin_told(lane, work);
	else
		proof_told(lane, work);
	work_drop(work);
}

void clock_refused(struct lane_run *lane, const char *why)
{
	close_way(lane, why);
}

void clock_look(struct lane_run *lane)
{
	const struct engine *engine = lane->engine;
	struct procedure_clock clock = {0};
	bool known, stands;

	if (lane->phase == LANE_WAITING || lane->phase == LANE_HALTED ||
		lane->phase == LANE_ENDED || engine->stopping ||
		engine->disk_failed)
		return;
	stands = engine->procedure->clock(lane->past, &clock);
	known = json_is_string(json_object_get(
		json_object_get(lane->past->json, "margin"), "how"));
	if (stands && known && !lane->past->clock.runs)
		begin(lane, &clock);
	if (!stands && lane->past->clock.runs)
		end(lane);
	if (lane->past->clock.runs) {
		read_if_due(lane, &clock);
		watch_margin(lane);
	}
	if (is_at_work(lane))
		watch_time(lane, stands);
	json_decref(clock.stood);
}
