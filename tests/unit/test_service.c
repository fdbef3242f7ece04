/*
 * Unit tests of what the service manager is told: a socket of the test's own
 * listens in its place.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "supervisor/fleet/secret.h"
#include "supervisor/report/service.h"

#include "scratch.h"

struct manager {
	struct scratch scratch;
	int fd;
	char heard[1024];
};

static int manager_start(void **state)
{
	struct manager *manager = calloc(1, sizeof(*manager));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	assert_non_null(manager);
	scratch_make(&manager->scratch);
	assert_true(snprintf(address.sun_path, sizeof(address.sun_path),
			    "%s/notify", manager->scratch.dir) <
		    (int)sizeof(address.sun_path));
	manager->fd =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(manager->fd >= 0);
	assert_int_equal(bind(manager->fd, (const struct sockaddr *)&address,
				 sizeof(address)),
		0);
	(void)setenv("NOTIFY_SOCKET", address.sun_path, 1);
	*state = manager;
	return 0;
}

static int manager_end(void **state)
{
	struct manager *manager = *state;

	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	service_begin();
	(void)close(manager->fd);
	scratch_remove(&manager->scratch);
	free(manager);
	return 0;
}

/* "" if nothing came. */
static const char *heard(struct manager *manager)
{
	ssize_t len = recv(
		manager->fd, manager->heard, sizeof(manager->heard) - 1, 0);

	manager->heard[len > 0 ? len : 0] = '\0';
	return manager->heard;
}

static void test_service_tells_its_life(void **state)
{
	service_begin();
	service_status("looking");
	assert_string_equal(heard(*state), "STATUS=looking");
	service_ready("pausing a");
	assert_string_equal(heard(*state), "READY=1\nSTATUS=pausing a");
	service_ready("once is enough");
	assert_string_equal(heard(*state), "");
	service_alive();
	assert_string_equal(heard(*state), "WATCHDOG=1");
	service_stopping("reached");
	assert_string_equal(heard(*state), "STOPPING=1\nSTATUS=reached");
}

static void test_service_says_a_status_once(void **state)
{
	service_begin();
	service_status("pausing a");
	assert_string_equal(heard(*state), "STATUS=pausing a");
	service_status("pausing a");
	assert_string_equal(heard(*state), "");
}

/* A line break would begin another order; what came from outside may hold a
 * password. */
static void test_service_status_is_clean(void **state)
{
	service_begin();
	service_status("no\nREADY=1 mongodb://u:hunter22@h/");
	assert_string_equal(
		heard(*state), "STATUS=no READY=1 mongodb://***@h/");
}

static void test_service_keeps_its_socket_from_children(void **state)
{
	(void)state;
	(void)setenv("WATCHDOG_USEC", "4000000", 1);
	service_begin();
	assert_null(getenv("NOTIFY_SOCKET"));
	service_status("pausing a");
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
}

static void test_service_watchdog_is_for_us(void **state)
{
	char pid[16];

	(void)state;
	service_begin();
	assert_int_equal(service_watchdog_ms(), 0);
	assert_int_equal(manager_end(state) + manager_start(state), 0);
	(void)setenv("WATCHDOG_USEC", "4000000", 1);
	service_begin();
	assert_int_equal(service_watchdog_ms(), 4000);
	assert_int_equal(manager_end(state) + manager_start(state), 0);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid() + 1);
	(void)setenv("WATCHDOG_USEC", "4000000", 1);
	(void)setenv("WATCHDOG_PID", pid, 1);
	service_begin();
	assert_int_equal(service_watchdog_ms(), 0);
}

static void test_service_without_a_manager_is_silent(void **state)
{
	struct manager *manager = *state;

	(void)unsetenv("NOTIFY_SOCKET");
	(void)setenv("WATCHDOG_USEC", "4000000", 1);
	service_begin();
	assert_int_equal(service_watchdog_ms(), 0);
	service_ready("pausing a");
	service_alive();
	assert_string_equal(heard(manager), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, manager_start, manager_end)
		TEST(test_service_tells_its_life),
		TEST(test_service_says_a_status_once),
		TEST(test_service_status_is_clean),
		TEST(test_service_keeps_its_socket_from_children),
		TEST(test_service_watchdog_is_for_us),
		TEST(test_service_without_a_manager_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
