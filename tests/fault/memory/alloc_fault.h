/*
 * alloc_fault.h - malloc and its kin, for everything in the program: they
 * count, and fail where they are told to.
 *
 * Defined in an executable they stand before libc's for all libraries, too, so
 * that the product needs no switch.  They cannot be had together with
 * AddressSanitizer, which wants to be malloc itself.
 */
#ifndef TESTS_FAULT_MEMORY_ALLOC_FAULT_H
#define TESTS_FAULT_MEMORY_ALLOC_FAULT_H

#include <stdbool.h>

/* Allocations are counted from here on; the at-th fails, or with `from_on`
 * each from there on.  0: none does. */
void alloc_fault_arm(unsigned long at, bool from_on);
void alloc_fault_disarm(void);
bool alloc_fault_fired(void); /* since it was armed */
unsigned long alloc_fault_count(void); /* allocations since it was armed */
/* Blocks allocated since it was armed, not freed, and not (counts) forgiven;
 * and where one of them was allocated. */
unsigned long alloc_fault_left(
	bool (*counts)(const void *site), const void **ret_site);

/* Asked about each allocation instead, with the address that it returns to;
 * true: this one fails. */
typedef bool alloc_fault_fn(const void *site);
void alloc_fault_ask(alloc_fault_fn *fn);

#endif
