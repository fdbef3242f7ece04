#include "state/lock.h"

#include "scratch.h"
#include "state/cleanup.h"
#include "state/sys.h"

#include <sched.h>
#include <signal.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#define TMPFS_MAGIC_NUMBER 0x01021994

static int set_up(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));

	assert_non_null(scratch);
	scratch_make(scratch);
	*state = scratch;
	return 0;
}

static int tear_down(void **state)
{
	scratch_remove(*state);
	free(*state);
	return 0;
}

static void test_lock_take_writes_its_owner(void **state)
{
	const char *path = scratch_path(*state, "lock");
	int64_t before = sys_wall_ms();
	struct lock_owner owner;
	char host[65] = "";
	struct err err;
	int fd;

	assert_true(lock_take(path, &fd, &err));
	assert_true(lock_read_owner(path, &owner, &err));
	assert_int_equal(owner.pid, getpid());
	assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
	assert_string_equal(owner.host, host);
	assert_true(owner.since_ms >= before);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(close(fd), 0);
}

static void test_lock_take_held_names_the_owner(void **state)
{
	const char *path = scratch_path(*state, "lock");
	char expected[32];
	struct err err;
	int fd, second;

	assert_true(lock_take(path, &fd, &err));
	assert_false(lock_take(path, &second, &err));
	assert_int_equal(err.code, ERR_HELD);
	(void)snprintf(
		expected, sizeof(expected), "held by pid %d on ", getpid());
	assert_non_null(strstr(err.msg, expected));
	assert_non_null(strstr(err.msg, " UTC"));
	assert_int_equal(close(fd), 0);
	assert_true(lock_take(path, &second, &err));
	assert_int_equal(close(second), 0);
}

static void test_lock_take_after_the_owner_died(void **state)
{
	const char *path = scratch_path(*state, "lock");
	pid_t child = fork();
	struct lock_owner owner;
	struct err err;
	int fd, status;

	assert_true(child >= 0);
	if (child == 0)
		_exit(lock_take(path, &fd, &err) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(lock_read_owner(path, &owner, &err));
	assert_int_equal(owner.pid, child);
	assert_true(lock_take(path, &fd, &err));
	assert_true(lock_read_owner(path, &owner, &err));
	assert_int_equal(owner.pid, getpid());
	assert_int_equal(close(fd), 0);
}

static void test_lock_take_held_by_one_who_wrote_nonsense(void **state)
{
	const char *path = scratch_path(*state, "lock");
	struct lock_owner owner;
	struct err err;
	int fd, second;

	assert_true(lock_take(path, &fd, &err));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "[1", 2, 0), 2);
	assert_true(lock_read_owner(path, &owner, &err));
	assert_int_equal(owner.pid, 0);
	assert_false(lock_take(path, &second, &err));
	assert_int_equal(err.code, ERR_HELD);
	assert_int_equal(close(fd), 0);
}

/* What stands in the file while somebody else has the lock; whom do they who
 * are refused name? */
static void assert_names(void **state, json_t *owner, bool is_named)
{
	const char *path = scratch_path(*state, "lock");
	_cleanup_json_ json_t *json = owner;
	_cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);
	struct err err;
	int fd, second;

	assert_true(lock_take(path, &fd, &err));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(
		pwrite(fd, text, strlen(text), 0), (ssize_t)strlen(text));
	assert_false(lock_take(path, &second, &err));
	assert_int_equal(err.code, ERR_HELD);
	if (is_named != (strstr(err.msg, "held by pid") != NULL))
		fail_msg("%s: %s", text, err.msg);
	assert_non_null(strstr(err.msg, "held by "));
	assert_int_equal(close(fd), 0);
	/* Whatever stands there is no obstacle. */
	assert_true(lock_take(path, &second, &err));
	assert_int_equal(close(second), 0);
}

/* Reads who this process is, as the lock itself writes it. */
static json_t *ourselves(void **state)
{
	const char *path = scratch_path(*state, "lock");
	char *text;
	json_t *json;
	struct err err;
	size_t len = 0;
	int fd;

	assert_true(lock_take(path, &fd, &err));
	text = scratch_read(path, &len);
	assert_int_equal(close(fd), 0);
	json = json_loadb(text, len, 0, NULL);
	free(text);
	assert_non_null(json);
	return json;
}

static json_t *with(json_t *owner, const char *key, json_t *value)
{
	assert_int_equal(json_object_set_new(owner, key, value), 0);
	return owner;
}

static json_t *without_identity(json_t *owner)
{
	assert_int_equal(json_object_del(owner, "boot"), 0);
	assert_int_equal(json_object_del(owner, "start_ticks"), 0);
	return owner;
}

static pid_t dead_pid(void)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return child;
}

static void test_lock_take_names_only_who_may_hold_it(void **state)
{
	assert_names(state, ourselves(state), true);
	/* of an older syncup */
	assert_names(state, without_identity(ourselves(state)), true);
	/* from where nothing can be seen */
	assert_names(state,
		with(with(ourselves(state), "host", json_string("elsewhere")),
			"pid", json_integer(dead_pid())),
		true);
	/* dead */
	assert_names(state,
		with(ourselves(state), "pid", json_integer(dead_pid())), false);
	/* dead, and its pid in use by somebody else */
	assert_names(state,
		with(ourselves(state), "start_ticks", json_integer(7)), false);
	assert_names(
		state, with(ourselves(state), "pid", json_integer(1)), false);
	/* from before a reboot */
	assert_names(state,
		with(ourselves(state), "boot",
			json_string("00000000-0000-0000-0000-000000000000")),
		false);
}

enum { CONTESTS = 300 };

/* Takes the lock again and again; each time it writes who it is. */
static _Noreturn void take_and_leave(const char *path)
{
	struct err err;
	int fd;

	for (;;)
		if (lock_take(path, &fd, &err)) {
			(void)sched_yield();
			(void)close(fd);
		}
}

/* While three come and go, a refusal names one of them or nobody. */
static void test_lock_take_refused_while_the_owner_writes(void **state)
{
	const char *path = scratch_path(*state, "lock");
	pid_t rival[2];
	unsigned refused = 0, named = 0;
	struct err err;

	for (size_t i = 0; i < 2; i++) {
		rival[i] = fork();
		assert_true(rival[i] >= 0);
		if (rival[i] == 0)
			take_and_leave(path);
	}
	while (refused < CONTESTS || named < CONTESTS / 10) {
		const char *by;
		int fd, pid;

		if (lock_take(path, &fd, &err)) {
			assert_int_equal(close(fd), 0);
			continue;
		}
		assert_int_equal(err.code, ERR_HELD);
		refused++;
		if (strstr(err.msg, "held by another process"))
			continue;
		by = strstr(err.msg, "held by pid ");
		assert_non_null(by);
		pid = (int)strtol(by + strlen("held by pid "), NULL, 10);
		if (pid != rival[0] && pid != rival[1] && pid != getpid())
			fail_msg("it names none of them: %s", err.msg);
		named++;
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(kill(rival[i], SIGKILL), 0);
		assert_int_equal(waitpid(rival[i], NULL, 0), rival[i]);
	}
}

static const char *moved_path;

/* Stands for somebody who removes the file between its open and its lock. */
static int flock_once_removed(int fd, int op)
{
	if (moved_path) {
		assert_int_equal(unlink(moved_path), 0);
		moved_path = NULL;
	}
	return sys_real.flock(fd, op);
}

static void test_lock_take_file_removed_meanwhile(void **state)
{
	const char *path = scratch_path(*state, "lock");
	struct sys faulty = sys_real;
	struct stat held, there;
	struct err err;
	int fd;

	moved_path = path;
	faulty.flock = flock_once_removed;
	sys = &faulty;
	assert_true(lock_take(path, &fd, &err));
	sys = &sys_real;
	assert_int_equal(fstat(fd, &held), 0);
	assert_int_equal(stat(path, &there), 0);
	assert_int_equal(held.st_ino, there.st_ino);
	assert_int_equal(close(fd), 0);
}

static void test_lock_read_owner_missing(void **state)
{
	struct lock_owner owner = {.pid = 7};
	struct err err;

	assert_false(
		lock_read_owner(scratch_path(*state, "lock"), &owner, &err));
	assert_int_equal(err.code, ERR_MISSING);
	assert_int_equal(owner.pid, 0);
}

static void test_lock_check_filesystem_tmpfs(void **state)
{
	struct statfs fs;
	struct err err;

	(void)state;
	if (statfs("/dev/shm", &fs) < 0 || fs.f_type != TMPFS_MAGIC_NUMBER)
		skip();
	assert_false(lock_check_filesystem("/dev/shm", &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.msg, "/dev/shm is on tmpfs"));
}

static void test_lock_check_filesystem_disk_or_missing(void **state)
{
	struct scratch *scratch = *state;
	struct statfs fs;
	struct err err;

	assert_false(lock_check_filesystem(scratch_path(scratch, "no"), &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_int_equal(statfs(scratch->dir, &fs), 0);
	if (fs.f_type == TMPFS_MAGIC_NUMBER)
		skip();
	assert_true(lock_check_filesystem(scratch->dir, &err));
}

#define IN_SCRATCH(test)                                                       \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(test_lock_take_writes_its_owner),
		IN_SCRATCH(test_lock_take_held_names_the_owner),
		IN_SCRATCH(test_lock_take_after_the_owner_died),
		IN_SCRATCH(test_lock_take_held_by_one_who_wrote_nonsense),
		IN_SCRATCH(test_lock_take_names_only_who_may_hold_it),
		IN_SCRATCH(test_lock_take_refused_while_the_owner_writes),
		IN_SCRATCH(test_lock_take_file_removed_meanwhile),
		IN_SCRATCH(test_lock_read_owner_missing),
		IN_SCRATCH(test_lock_check_filesystem_tmpfs),
		IN_SCRATCH(test_lock_check_filesystem_disk_or_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
