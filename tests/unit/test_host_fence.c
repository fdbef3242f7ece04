/*
 * test_host_fence.c - syncup-host itself: what an older connection of the same
 * owner left is ended, and what comes late is refused.
 */
#include "tests/unit/scratch.h"

#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/process/forked.h"
#include "supervisor/process/process.h"

enum { PLENTY_MS = 20000 };

struct there { /* one syncup-host */
	int fd;
	pid_t pid;
	char line[4096];
};

static char owner[64], fence[128];

static int setup(void **state)
{
	unsigned char digest[32];
	char hash[17];

	(void)state;
	(void)snprintf(owner, sizeof(owner), "test %d %lld", (int)getpid(),
		(long long)sys_wall_ms());
	assert_int_equal(EVP_Digest(owner, strlen(owner), digest, NULL,
				 EVP_sha256(), NULL),
		1);
	for (size_t i = 0; i < 8; i++)
		(void)snprintf(hash + 2 * i, 3, "%02x", digest[i]);
	(void)snprintf(fence, sizeof(fence), "/dev/shm/.syncup-host-%lu-%s",
		(unsigned long)geteuid(), hash);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(fence);
	return 0;
}

static bool is_readable(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, PLENTY_MS) == 1;
}

/* False: it ended. */
static bool hear(struct there *there)
{
	size_t len = 0;

	while (len + 1 < sizeof(there->line)) {
		assert_true(is_readable(there->fd));
		if (read(there->fd, there->line + len, 1) != 1)
			return false;
		if (there->line[len++] == '\n')
			break;
	}
	there->line[len] = '\0';
	return true;
}

static struct there start(void)
{
	char *const argv[] = {(char *)(uintptr_t)HOST_PROGRAM, NULL};
	/* Two that follow each other differ in their ticks. */
	const struct timespec tick = {.tv_nsec = 25000000};
	struct there there;

	(void)nanosleep(&tick, NULL);
	assert_true(forked_pair(
		argv, NULL, STDERR_FILENO, &there.fd, &there.pid, NULL));
	assert_true(hear(&there));
	assert_string_equal(there.line, "syncup-host ready\n");
	return there;
}

static void say(struct there *there, const char *text)
{
	assert_int_equal(send(there->fd, text, strlen(text), MSG_NOSIGNAL),
		strlen(text));
}

static bool hello(struct there *there, const char *who, const char *connection)
{
	char text[300];

	(void)snprintf(text, sizeof(text),
		"{\"id\":0,\"op\":\"hello\",\"owner\":\"%s\","
		"\"connection\":\"%s\"}\n",
		who, connection);
	say(there, text);
	return hear(there) && strstr(there->line, "\"ok\":true") != NULL;
}

static bool answers(struct there *there)
{
	static const char ask[] = "{\"id\":1,\"op\":\"clock\"}\n";

	return send(there->fd, ask, strlen(ask), MSG_NOSIGNAL) ==
		       (ssize_t)strlen(ask) &&
	       hear(there);
}

static void end(struct there *there)
{
	(void)close(there->fd);
	assert_int_equal(waitpid(there->pid, NULL, 0), there->pid);
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void test_hello_of_the_same_connection_ends_nobody(void **state)
{
	struct there first = start(), second = start();

	(void)state;
	assert_true(hello(&first, owner, "one"));
	assert_true(hello(&second, owner, "one"));
	assert_true(answers(&first));
	assert_true(answers(&second));
	end(&first);
	assert_true(is_there(fence));
	end(&second);
	assert_false(is_there(fence));
}

static void test_hello_of_a_newer_connection_ends_the_older_one(void **state)
{
	struct there first = start(), second = start(), newer = start();
	int status;

	(void)state;
	assert_true(hello(&first, owner, "one"));
	assert_true(hello(&second, owner, "one"));
	assert_true(hello(&newer, owner, "two"));
	/* Gone before hello was answered. */
	assert_int_equal(waitpid(first.pid, &status, WNOHANG), first.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(waitpid(second.pid, &status, WNOHANG), second.pid);
	assert_true(answers(&newer));
	(void)close(first.fd);
	(void)close(second.fd);
	end(&newer);
}

static void test_hello_that_comes_late_is_refused(void **state)
{
	struct there older = start(), newer = start();

	(void)state;
	assert_true(hello(&newer, owner, "two"));
	assert_false(hello(&older, owner, "one"));
	assert_non_null(strstr(older.line, "a newer connection"));
	assert_true(answers(&newer));
	end(&older);
	end(&newer);
}

static void test_hello_touches_no_other_owner(void **state)
{
	struct there ours = start(), other = start(), looks = start();
	char others[80];

	(void)state;
	(void)snprintf(others, sizeof(others), "%s, another", owner);
	assert_true(hello(&ours, owner, "one"));
	assert_true(hello(&other, others, "two"));
	assert_true(hello(&looks, "", "three"));
	assert_true(answers(&ours));
	assert_true(answers(&other));
	assert_true(answers(&looks));
	end(&ours);
	end(&other);
	end(&looks);
}

/* The file is an old one, and its pid is somebody else's by now: us. */
static void test_hello_ends_no_process_that_only_has_the_pid(void **state)
{
	struct there newer;
	char text[400];
	uint64_t ticks;

	(void)state;
	assert_true(proc_start_ticks(getpid(), &ticks, NULL));
	(void)snprintf(text, sizeof(text),
		"{\"boot_id\":\"%s\",\"connection\":\"one\",\"since_ticks\":1,"
		"\"processes\":[{\"pid\":%d,\"start_ticks\":%llu}]}",
		sys_boot_id(), (int)getpid(), (unsigned long long)ticks + 1);
	scratch_write(fence, text, strlen(text));
	newer = start();
	assert_true(hello(&newer, owner, "two"));
	end(&newer);
}

static void test_hello_takes_no_harm_from_what_it_finds(void **state)
{
	static const char another[] =
		"{\"boot_id\":\"another\",\"since_ticks\":99999999999,"
		"\"connection\":\"x\"}";
	static const char *const found[] = {"", "{", "[]", "{}", another};

	(void)state;
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		struct there there = start();

		scratch_write(fence, found[i], strlen(found[i]));
		assert_true(hello(&there, owner, "two"));
		end(&there);
		assert_false(is_there(fence));
	}
}

/* In the middle of whatever it does, and with what it has started for it. */
static void test_it_ends_with_its_input(void **state)
{
	struct there there = start();
	int64_t began = sys_monotonic_ms();

	(void)state;
	say(&there, "{\"id\":1,\"op\":\"observe\",\"process\":{\"name\":\"x\","
		    "\"backend\":\"command\",\"config\":\"/x\","
		    "\"status\":[\"sleep\",\"25\"]}}\n");
	assert_true(is_there("/proc/self"));
	end(&there);
	assert_true(sys_monotonic_ms() - began < 10000);
}

static void test_it_takes_no_words_but_its_version(void **state)
{
	char *const argv[] = {
		(char *)(uintptr_t)HOST_PROGRAM, (char *)(uintptr_t) "x", NULL};
	int fd, status;
	pid_t pid;

	(void)state;
	assert_true(forked_pair(argv, NULL, -1, &fd, &pid, NULL));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 2);
	(void)close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_hello_of_the_same_connection_ends_nobody),
		T(test_hello_of_a_newer_connection_ends_the_older_one),
		T(test_hello_that_comes_late_is_refused),
		T(test_hello_touches_no_other_owner),
		T(test_hello_ends_no_process_that_only_has_the_pid),
		T(test_hello_takes_no_harm_from_what_it_finds),
		T(test_it_ends_with_its_input),
		T(test_it_takes_no_words_but_its_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
