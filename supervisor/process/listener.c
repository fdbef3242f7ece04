#include "supervisor/process/listener.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "state/cleanup.h"

enum {
	DIAG_ANSWER_MAX = 16384, /* bytes of one datagram: what ss(8) takes */
};

struct best { /* of the listening sockets that were seen */
	int rank;
	unsigned long inode;
};

/* How well an address serves who asks 127.0.0.1; 0: not at all.  words: 1 for
 * IPv4, 4 for IPv6, in network order. */
static int rank_address(const uint32_t *word, size_t words)
{
	static const struct in6_addr mapped = {
		.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};

	if (words == 1) {
		if (word[0] == htonl(INADDR_LOOPBACK))
			return 5;
		return word[0] == 0 ? 4 : 0;
	}
	if (memcmp(word, &mapped, sizeof(mapped)) == 0)
		return 3;
	if (memcmp(word, &in6addr_any, sizeof(in6addr_any)) == 0)
		return 2;
	/* "localhost" may be this one alone: nobody else may take the port for
	 * free then. */
	return memcmp(word, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
}

static void take(struct best *best, const uint32_t *word, size_t words,
	unsigned long inode)
{
	int rank = rank_address(word, words);

	if (rank > best->rank)
		*best = (struct best){rank, inode};
}

/* ---- sock_diag(7) ---- */

static bool ask(int fd, uint8_t family, uint16_t port, struct err *err)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} question = {
		.head = {.nlmsg_len = sizeof(question),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = 1u << TCP_LISTEN,
			.id = {.idiag_sport = htons(port)}},
	};
	ssize_t sent;

	do
		sent = sendto(fd, &question, sizeof(question), 0,
			(const struct sockaddr *)&kernel, sizeof(kernel));
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)sizeof(question) ||
	       err_sys(err, ERR_AGAIN, errno, "asking who listens on port %u",
		       port);
}

/* Takes what one datagram tells; *ret_done: it was the last one. */
static bool take_datagram(struct nlmsghdr *head, size_t len, uint16_t port,
	struct best *best, bool *ret_done, struct err *err)
{
	for (; NLMSG_OK(head, len); head = NLMSG_NEXT(head, len)) {
		const struct inet_diag_msg *one = NLMSG_DATA(head);
		const struct nlmsgerr *failed = NLMSG_DATA(head);

		if (head->nlmsg_flags & NLM_F_DUMP_INTR)
			return err_set(err, ERR_AGAIN,
				"who listens on port %u changed while it was "
				"asked",
				port);
		if (head->nlmsg_type == NLMSG_DONE) {
			*ret_done = true;
			return true;
		}
		if (head->nlmsg_type == NLMSG_ERROR)
			return err_sys(err, ERR_AGAIN, -failed->error,
				"asking who listens on port %u", port);
		/* An old kernel may not look at the port. */
		if (head->nlmsg_len >= NLMSG_LENGTH(sizeof(*one)) &&
			one->idiag_state == TCP_LISTEN &&
			one->id.idiag_sport == htons(port))
			take(best, one->id.idiag_src,
				one->idiag_family == AF_INET ? 1 : 4,
				one->idiag_inode);
	}
	return true;
}

static bool ask_family(int fd, uint8_t family, uint16_t port, struct best *best,
	struct err *err)
{
	union { /* aligned as its first message has to be */
		struct nlmsghdr head;
		char bytes[DIAG_ANSWER_MAX];
	} answer;
	bool done = false;
	ssize_t got;

	if (!ask(fd, family, port, err))
		return false;
	while (!done) {
		got = recv(fd, &answer, sizeof(answer), 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_sys(err, ERR_AGAIN, got ? errno : EPROTO,
				"asking who listens on port %u", port);
		if (!take_datagram(
			    &answer.head, (size_t)got, port, best, &done, err))
			return false;
	}
	return true;
}

bool listener_ask_kernel(
	uint16_t port, unsigned long *ret_inode, struct err *err)
{
	_cleanup_fd_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	struct err no_ipv6 = {0};
	struct best best = {0};

	if (fd < 0)
		return err_sys(err, ERR_AGAIN, errno,
			"asking who listens on port %u", port);
	if (!ask_family(fd, AF_INET, port, &best, err))
		return false;
	/* A kernel without IPv6 says that it knows nothing of it. */
	if (!ask_family(fd, AF_INET6, port, &best, &no_ipv6) &&
		no_ipv6.sys != ENOENT) {
		if (err)
			*err = no_ipv6;
		return false;
	}
	*ret_inode = best.inode;
	return true;
}

/* ---- /proc/net ---- */

/* As in /proc/net: each 32-bit word in hex, in this machine's byte order. */
static void take_hex(struct best *best, const char *hex, unsigned long inode)
{
	size_t len = strlen(hex), words = len / 8;
	uint32_t word[4] = {0};

	if (len != 8 && len != 32)
		return;
	for (size_t i = 0; i < words; i++) {
		char one[9] = {0};

		memcpy(one, hex + i * 8, 8);
		word[i] = (uint32_t)strtoul(one, NULL, 16);
	}
	take(best, word, words, inode);
}

/* Field 2 local address, 4 state (0A: listening), 10 inode. */
static bool scan(
	const char *path, uint16_t port, struct best *best, struct err *err)
{
	FILE *file = fopen(path, "re");
	char line[512];

	if (file == NULL) {
		if (errno == ENOENT) /* a kernel without IPv6 */
			return true;
		return err_sys(err, ERR_AGAIN, errno, "reading %s", path);
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		char address[33];
		unsigned local, state;
		unsigned long inode;

		if (sscanf(line,
			    " %*[^:]: %32[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s"
			    " %*s %lu",
			    address, &local, &state, &inode) != 4)
			continue; /* the heading */
		if (state == TCP_LISTEN && local == port)
			take_hex(best, address, inode);
	}
	(void)fclose(file);
	return true;
}

bool listener_read_proc(
	uint16_t port, unsigned long *ret_inode, struct err *err)
{
	struct best best = {0};

	if (!scan("/proc/self/net/tcp", port, &best, err) ||
		!scan("/proc/self/net/tcp6", port, &best, err))
		return false;
	*ret_inode = best.inode;
	return true;
}

bool listener_find(uint16_t port, unsigned long *ret_inode, struct err *err)
{
	return listener_ask_kernel(port, ret_inode, NULL) ||
	       listener_read_proc(port, ret_inode, err);
}
