/*
 * sites.c - lets allocations of a whole program fail by where they are made.
 *
 * Allocations of a run have no lasting numbers, because it polls.  Their places
 * have: "<file>+<offset>" of the return address, such as "libcurl.so.4+1a2b3".
 *
 *   SYNCUP_ALLOC_SITES=FILE    appends "<place>" when it is first met, and at
 *                              a proper exit "<place> <times>" of all
 *   SYNCUP_ALLOC_FAIL=PLACE    the first allocation there fails
 *   SYNCUP_ALLOC_SKIP=N        not the first but the N+1st
 *   SYNCUP_ALLOC_ON=1          and every other allocation from then on
 *   SYNCUP_ALLOC_FIRED=FILE    is created when one fails
 *
 * A copy that the program makes of itself inherits all of it; what it
 * executes, nothing.
 */
#include "alloc_fault.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITES_MAX 4096 /* slots of a hash table */

static struct site {
	const void *site;
	unsigned long times;
} known[SITES_MAX];
static const char *wanted, *fired_file, *list;
static unsigned long skip;
static bool from_on, fired;

static void name_of(const void *site, char *ret_name, size_t size)
{
	Dl_info info;
	const char *slash;

	if (!dladdr(site, &info) || !info.dli_fname) {
		(void)snprintf(ret_name, size, "?");
		return;
	}
	slash = strrchr(info.dli_fname, '/');
	(void)snprintf(ret_name, size, "%s+%lx",
		slash ? slash + 1 : info.dli_fname,
		(unsigned long)((uintptr_t)site - (uintptr_t)info.dli_fbase));
}

/* To name a place each time would be slow. */
static struct site *find(const void *site)
{
	size_t slot = ((uintptr_t)site >> 1) * 2654435761u;

	for (size_t i = 0; i < SITES_MAX; i++) {
		struct site *at = &known[(slot + i) % SITES_MAX];

		if (at->site == site || !at->site)
			return at;
	}
	return &known[0];
}

/* Opened each time: a child of the program arranges its descriptors anew. */
static void tell(const struct site *site, bool with_times)
{
	int fd = open(list, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	char line[256];

	name_of(site->site, line, 200);
	(void)snprintf(line + strlen(line), 32, with_times ? " %lu\n" : "\n",
		site->times);
	(void)!write(fd, line, strlen(line));
	(void)close(fd);
}

static bool is_wanted(const struct site *site)
{
	static const struct site *it;
	char name[200];

	if (it)
		return site == it;
	if (site->times > 1)
		return false;
	name_of(site->site, name, sizeof(name));
	if (strcmp(name, wanted) == 0)
		it = site;
	return it != NULL;
}

static bool ask(const void *where)
{
	struct site *site = find(where);

	site->site = where;
	if (site->times++ == 0 && list)
		tell(site, false);
	if (!wanted)
		return false;
	if (fired)
		return from_on;
	if (!is_wanted(site) || skip-- > 0)
		return false;
	fired = true;
	if (fired_file)
		(void)close(
			open(fired_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	return true;
}

__attribute__((constructor)) static void begin(void)
{
	const char *number = getenv("SYNCUP_ALLOC_SKIP");

	wanted = getenv("SYNCUP_ALLOC_FAIL");
	fired_file = getenv("SYNCUP_ALLOC_FIRED");
	from_on = getenv("SYNCUP_ALLOC_ON") != NULL;
	skip = number ? strtoul(number, NULL, 10) : 0;
	list = getenv("SYNCUP_ALLOC_SITES");
	if (list || wanted)
		alloc_fault_ask(ask);
}

__attribute__((destructor)) static void end(void)
{
	for (size_t i = 0; list && i < SITES_MAX; i++)
		if (known[i].site)
			tell(&known[i], true);
}
