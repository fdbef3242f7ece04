/*
 * sleeper.c - stands for a sync process in the tests of process/.
 *
 *   sleeper --config FILE [--port N] [--wait MS] [--deaf] [--show NAME]
 *
 * Says on stdout which descriptors it was given, which signals were blocked
 * or ignored, what NAME is in its environment and "ready", then
 * "SIGTERM" for each that it gets; --deaf does not end on one.  Listens after
 * --wait.  Ends by itself after two minutes, so that a failed test leaves
 * nothing behind.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool deaf;

static void on_sigterm(int number)
{
	static const char word[] = "SIGTERM\n";

	(void)number;
	if (write(STDOUT_FILENO, word, sizeof(word) - 1) < 0 || !deaf)
		_exit(0);
}

static void say_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' &&
			strtol(entry->d_name, NULL, 10) != dirfd(dir))
			(void)printf("descriptor %s\n", entry->d_name);
	if (dir != NULL)
		(void)closedir(dir);
}

static void say_signals(void)
{
	struct sigaction action;
	sigset_t blocked;

	(void)sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int number = 1; number < 32; number++) {
		if (sigismember(&blocked, number) == 1)
			(void)printf("blocked %d\n", number);
		if (sigaction(number, NULL, &action) == 0 &&
			action.sa_handler == SIG_IGN)
			(void)printf("ignored %d\n", number);
	}
}

static bool listen_on(unsigned long port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	       bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	       listen(fd, 8) == 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"port", required_argument, NULL, 'p'},
		{"wait", required_argument, NULL, 'w'},
		{"deaf", no_argument, NULL, 'd'},
		{"show", required_argument, NULL, 's'},
		{NULL, 0, NULL, 0},
	};
	unsigned long port = 0, wait_ms = 0;
	const char *show = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			port = strtoul(optarg, NULL, 10);
		else if (option == 'w')
			wait_ms = strtoul(optarg, NULL, 10);
		else if (option == 'd')
			deaf = true;
		else if (option == 's')
			show = optarg;
		else if (option != 'c')
			return 2;
	}
	(void)alarm(120);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	say_descriptors();
	say_signals();
	if (show != NULL)
		(void)printf("%s=%s\n", show,
			getenv(show) != NULL ? getenv(show) : "(unset)");
	(void)signal(SIGTERM, on_sigterm);
	(void)usleep((useconds_t)wait_ms * 1000);
	if (port != 0 && !listen_on(port)) {
		(void)printf("cannot listen on %lu\n", port);
		return 1;
	}
	(void)printf("ready\n");
	for (;;)
		(void)pause();
}
