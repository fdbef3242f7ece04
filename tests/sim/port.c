#include "tests/sim/port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"

enum {
	FIRST = 20000,
	COUNT = 12000,
	TRIES = 1000,
};

static bool is_taken(unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ||
	       connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

unsigned port_take(char *ret_lock, size_t size)
{
	const char *tmp = getenv("TMPDIR");
	char dir[40];

	(void)snprintf(dir, sizeof(dir), "%.16s/syncup-test-ports",
		tmp ? tmp : "/tmp");
	(void)mkdir(dir, 0755);
	for (int i = 0; i < TRIES; i++) {
		uint16_t number = 0;
		unsigned port;
		int fd;

		if (getrandom(&number, sizeof(number), 0) < 0)
			return 0;
		port = FIRST + number % COUNT;
		(void)snprintf(ret_lock, size, "%s/%u", dir, port);
		fd = open(ret_lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			0600);
		if (fd < 0)
			continue;
		(void)close(fd);
		if (!is_taken(port))
			return port;
	}
	return 0;
}
