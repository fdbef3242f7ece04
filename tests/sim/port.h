/*
 * port.h - a TCP port of 127.0.0.1 that no other test of this machine has.
 */
#ifndef TESTS_SIM_PORT_H
#define TESTS_SIM_PORT_H

#include <stddef.h>

/* The port; 0: none is free.  It is kept by a file whose path is in ret_lock,
 * and given back by unlinking that.  tests/e2e/lib.sh takes them likewise. */
unsigned port_take(char *ret_lock, size_t size);

#endif
