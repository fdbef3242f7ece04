/*
 * Is there room for what a run will write?  Made-up surveys, and one real look.
 */
#include "supervisor/plan/room.h"

#include "preflight_world.h"

#define MIB (1ull << 20)

static struct survey survey;

static int set_up(void **state)
{
	(void)state;
	made_up_survey(&survey, made_up_fleet(2));
	made_up_group(&survey);
	(void)json_object_set_new(
		survey.cluster[0].summary, "bytes", json_integer(8 * MIB));
	survey.state_place = (struct seen_place){
		.path = "/var/lib/syncup", .seen = true, .device = 1};
	survey.host[0].root_place = (struct seen_place){
		.path = "/opt/mongosync", .seen = true, .device = 2};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	made_up_survey_done(&survey);
	return 0;
}

/* A journal and its copy, 8 MiB of metadata with its margin, small files. */
#define STATE_NEEDS (8 * MIB + 11 * MIB + MIB)
/* 5 MiB in three files, small files. */
#define ROOT_NEEDS (5 * MIB + 3 * 4096 + MIB)

static void look(uint64_t state_free, uint64_t root_free)
{
	survey.state_place.free = state_free;
	survey.host[0].root_place.free = root_free;
	room_check(&survey);
}

static void test_room_that_is_just_enough(void **state)
{
	(void)state;
	look(STATE_NEEDS, ROOT_NEEDS);
	assert_non_null(find(&survey, FINDING_PASS, "room", "/var/lib/syncup"));
	assert_non_null(find(&survey, FINDING_PASS, "room", "/opt/mongosync"));
	assert_int_equal(survey_refused(&survey), ERR_NONE);
}

static void test_room_that_lacks_a_byte(void **state)
{
	const struct finding *finding;

	(void)state;
	look(STATE_NEEDS - 1, ROOT_NEEDS - 1);
	finding = find(&survey, FINDING_REFUSAL, "room", "/var/lib/syncup");
	assert_non_null(finding);
	assert_string_equal(finding->text,
		"20.0 MiB needed (journal 8.0, copy of the metadata 11.0), "
		"20.0 MiB free");
	assert_true(finding->fix[0]);
	assert_non_null(
		find(&survey, FINDING_REFUSAL, "room", "/opt/mongosync"));
	assert_int_equal(survey_refused(&survey), ERR_CONFIG);
}

/* On one file system what is needed adds up. */
static void test_room_on_one_file_system(void **state)
{
	(void)state;
	survey.host[0].root_place.device = survey.state_place.device;
	look(STATE_NEEDS + ROOT_NEEDS - MIB - 1,
		STATE_NEEDS + ROOT_NEEDS - MIB - 1);
	assert_non_null(
		find(&survey, FINDING_REFUSAL, "room", "/var/lib/syncup"));
	survey.finding_count = 0;
	look(STATE_NEEDS + ROOT_NEEDS - MIB, STATE_NEEDS + ROOT_NEEDS - MIB);
	assert_non_null(find(&survey, FINDING_PASS, "room", "/var/lib/syncup"));
	assert_int_equal(count_findings(&survey, FINDING_PASS), 1);
}

static void test_room_for_what_is_kept(void **state)
{
	(void)state;
	survey.lane[0].link[0].adopted_bytes = 30 * MIB;
	look(STATE_NEEDS, ROOT_NEEDS + 30 * MIB - 1);
	assert_non_null(
		find(&survey, FINDING_REFUSAL, "room", "/opt/mongosync"));
	survey.finding_count = 0;
	look(STATE_NEEDS, ROOT_NEEDS + 30 * MIB);
	assert_int_equal(survey_refused(&survey), ERR_NONE);
}

/* A version that is there already takes no more room. */
static void test_room_after_an_earlier_delivery(void **state)
{
	(void)state;
	survey.host[0].delivered = true;
	look(STATE_NEEDS, MIB);
	assert_int_equal(survey_refused(&survey), ERR_NONE);
}

static void test_room_that_cannot_be_known(void **state)
{
	(void)state;
	(void)json_object_del(survey.cluster[0].summary, "bytes");
	look(STATE_NEEDS, ROOT_NEEDS);
	assert_non_null(
		find(&survey, FINDING_WARNING, "room", "/var/lib/syncup"));
	assert_int_equal(survey_refused(&survey), ERR_NONE);
}

/* What is reached already needs none: a timer must not fail for it. */
static void test_room_when_nothing_is_to_be_done(void **state)
{
	(void)state;
	for (unsigned i = 0; i < survey.instance_count; i++)
		(void)snprintf(survey.instance[i].version, VERSION_MAX, "%s",
			MADE_UP_TO);
	look(0, 0);
	assert_int_equal(survey.finding_count, 0);
}

/* Of folders that are not there yet, the one above them counts. */
static void test_room_look_where_nothing_is_yet(void **state)
{
	struct scratch scratch;
	struct stat st;

	(void)state;
	scratch_make(&scratch);
	((struct fleet *)(uintptr_t)survey.fleet)->state_dir =
		realloc(survey.fleet->state_dir, sizeof(scratch.dir) + 10);
	(void)snprintf(survey.fleet->state_dir, sizeof(scratch.dir) + 10,
		"%s/a/b", scratch.dir);
	survey.state_place = (struct seen_place){0};
	room_look(&survey);
	assert_int_equal(stat(scratch.dir, &st), 0);
	assert_true(survey.state_place.seen);
	assert_true(survey.state_place.device == st.st_dev);
	assert_true(survey.state_place.free > 0);
	scratch_remove(&scratch);
}

#define ROOM_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(test_room_that_is_just_enough),
		ROOM_TEST(test_room_that_lacks_a_byte),
		ROOM_TEST(test_room_on_one_file_system),
		ROOM_TEST(test_room_for_what_is_kept),
		ROOM_TEST(test_room_after_an_earlier_delivery),
		ROOM_TEST(test_room_that_cannot_be_known),
		ROOM_TEST(test_room_when_nothing_is_to_be_done),
		ROOM_TEST(test_room_look_where_nothing_is_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
