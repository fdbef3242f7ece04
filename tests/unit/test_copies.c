/*
 * The life of saved metadata copies: who is settled, who goes, and what is left
 * by one who was killed.
 */
#include "supervisor/steps/copies.h"

#include <errno.h>

#include "scratch.h"
#include "state/sys.h"

#define RUN "20260101T000000Z-aaaaaa"
#define OLDER "20250101T000000Z-bbbbbb"

struct world {
	struct scratch scratch;
	struct fleet fleet;
	char folder[300];
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	scratch_make(&world->scratch);
	world->fleet.name = (char *)"test";
	world->fleet.state_dir = world->scratch.dir;
	world->fleet.keep_metadata_days = 7;
	(void)snprintf(world->folder, sizeof(world->folder), "%s/test/metadata",
		world->scratch.dir);
	assert_int_equal(mkdir(scratch_path(&world->scratch, "test"), 0700), 0);
	assert_int_equal(mkdir(world->folder, 0700), 0);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	scratch_remove(&world->scratch);
	free(world);
	return 0;
}

static const char *path_of(struct world *world, const char *name)
{
	(void)snprintf(world->scratch.path, sizeof(world->scratch.path),
		"%s/%s", world->folder, name);
	return world->scratch.path;
}

static void make_copy(struct world *world, const char *name)
{
	char file[PATH_MAX + 16];

	assert_int_equal(mkdir(path_of(world, name), 0700), 0);
	(void)snprintf(file, sizeof(file), "%s/document", world->scratch.path);
	scratch_write(file, "x", 1);
}

static bool is_there(struct world *world, const char *name)
{
	return access(path_of(world, name), F_OK) == 0;
}

static void test_copies_settle_marks_its_own(void **state)
{
	struct world *world = *state;
	char *name = NULL;

	make_copy(world, RUN "-b-1");
	make_copy(world, RUN "-b-2-1");
	assert_true(copies_settle(&world->fleet, RUN, "b", NULL));
	assert_true(is_there(world, RUN "-b-1/settled"));
	assert_false(is_there(world, RUN "-b-2-1/settled"));
	assert_true(copies_unsettled(&world->fleet, &name, NULL));
	assert_string_equal(name, RUN "-b-2-1");
	free(name);
}

static void test_copies_settle_removes_what_was_left_half_made(void **state)
{
	struct world *world = *state;
	char *name = NULL;

	make_copy(world, RUN "-b-1.partial");
	make_copy(world, RUN "-b-2");
	make_copy(world, RUN "-other-1.partial");
	make_copy(world, OLDER "-b-1.partial");
	assert_true(copies_settle(&world->fleet, RUN, "b", NULL));
	assert_false(is_there(world, RUN "-b-1.partial"));
	assert_false(is_there(world, OLDER "-b-1.partial"));
	assert_true(is_there(world, RUN "-b-2/settled"));
	/* the other lane may be at it */
	assert_true(is_there(world, RUN "-other-1.partial"));
	/* and is no reason to think that a journal was lost */
	assert_true(copies_unsettled(&world->fleet, &name, NULL));
	assert_null(name);
}

static void test_copies_drop_partial_leaves_copies_alone(void **state)
{
	struct world *world = *state;

	make_copy(world, RUN "-b-1.partial");
	make_copy(world, RUN "-b-2");
	assert_true(copies_drop_partial(&world->fleet, RUN, "b", NULL));
	assert_false(is_there(world, RUN "-b-1.partial"));
	assert_true(is_there(world, RUN "-b-2/document"));
	assert_false(is_there(world, RUN "-b-2/settled"));
}

/* The room is held until the copy is made, or the lane has ended. */
static void test_copies_reserve_and_give_room(void **state)
{
	struct world *world = *state;
	char *name = NULL;
	struct stat st;

	assert_true(copies_reserve(&world->fleet, RUN, "b", 3 << 20, NULL));
	assert_int_equal(stat(path_of(world, ".room-" RUN "-b"), &st), 0);
	assert_true(st.st_blocks * 512 >= 3 << 20);
	assert_true(copies_unsettled(&world->fleet, &name, NULL));
	assert_null(name);
	assert_true(copies_give_room(&world->fleet, RUN, "b", NULL));
	assert_false(is_there(world, ".room-" RUN "-b"));
	assert_true(copies_give_room(&world->fleet, RUN, "b", NULL));
	assert_true(copies_reserve(&world->fleet, OLDER, "b", 1, NULL));
	assert_true(copies_reserve(&world->fleet, RUN, "other", 1, NULL));
	assert_true(copies_reserve(&world->fleet, RUN, "b", 1, NULL));
	assert_false(is_there(world, ".room-" OLDER "-b"));
	assert_true(is_there(world, ".room-" RUN "-other"));
	assert_true(copies_settle(&world->fleet, RUN, "b", NULL));
	assert_false(is_there(world, ".room-" RUN "-b"));
}

static int failing_errno;

static int failing_fallocate(int fd, int mode, off_t off, off_t len)
{
	(void)fd, (void)mode, (void)off, (void)len;
	errno = failing_errno;
	return -1;
}

static void test_copies_reserve_where_there_is_no_room(void **state)
{
	struct world *world = *state;
	struct sys failing = sys_real;
	struct err err = {0};

	failing.fallocate = failing_fallocate;
	sys = &failing;
	failing_errno = ENOSPC;
	assert_false(copies_reserve(&world->fleet, RUN, "b", 3 << 20, &err));
	assert_int_equal(err.code, ERR_STORAGE);
	assert_non_null(strstr(err.msg, "3 MiB"));
	assert_false(is_there(world, ".room-" RUN "-b"));
	failing_errno = EOPNOTSUPP;
	assert_true(copies_reserve(&world->fleet, RUN, "b", 3 << 20, &err));
	assert_false(is_there(world, ".room-" RUN "-b"));
	sys = &sys_real;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_copies_settle_marks_its_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_copies_settle_removes_what_was_left_half_made,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_copies_drop_partial_leaves_copies_alone, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_copies_reserve_and_give_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_copies_reserve_where_there_is_no_room, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
