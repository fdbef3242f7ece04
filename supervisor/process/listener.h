/*
 * listener.h - which socket listens on a port of this host.
 */
#ifndef SUPERVISOR_PROCESS_LISTENER_H
#define SUPERVISOR_PROCESS_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "state/err.h"

/* The inode of the TCP socket that answers 127.0.0.1:port; 0: nobody does.
 * Several may listen (one address each): the most exact one is told.
 * ERR_AGAIN: cannot be seen now. */
bool listener_find(
	uint16_t port, unsigned long *ret_inode, struct err *err) WARN_UNUSED;

/* The two ways to see them, for tests.  Asking the kernel for what listens on
 * one port (sock_diag(7)) costs next to nothing, but not every kernel, and not
 * every service's RestrictAddressFamilies=, lets us; /proc/net/tcp lists every
 * connection of the host, and takes long where there are many. */
bool listener_ask_kernel(
	uint16_t port, unsigned long *ret_inode, struct err *err) WARN_UNUSED;
bool listener_read_proc(
	uint16_t port, unsigned long *ret_inode, struct err *err) WARN_UNUSED;

#endif
