#include "alloc_fault.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* glibc's own, by the names that it keeps for those who replace them. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *p);

#define BLOCKS_MAX 65536 /* a power of two; alive at a time */

static struct block { /* a hash table by p */
	void *p;
	const void *site;
} blocks[BLOCKS_MAX];
static atomic_ulong count;
static unsigned long fail_at;
static bool fail_on, is_armed, fired;
static alloc_fault_fn *ask;

static bool fails(const void *site)
{
	unsigned long number;
	bool yes;

	if (ask) {
		yes = ask(site);
	} else {
		if (!is_armed)
			return false;
		number = atomic_fetch_add(&count, 1) + 1;
		yes = fail_at &&
		      (number == fail_at || (fail_on && number > fail_at));
	}
	if (yes) {
		fired = true;
		errno = ENOMEM;
	}
	return yes;
}

/* Its own block, or the free one where it would be put. */
static struct block *find(const void *p)
{
	size_t slot = ((uintptr_t)p >> 4) * 2654435761u;
	struct block *first = NULL;

	for (size_t i = 0; i < BLOCKS_MAX; i++) {
		struct block *block = &blocks[(slot + i) % BLOCKS_MAX];

		if (block->p == p)
			return block;
		if (!block->p) {
			if (!first)
				first = block;
			if (!block->site) /* never used: it is not further on */
				break;
		}
	}
	return first;
}

static void *counted(void *p, const void *site)
{
	struct block *block = p && is_armed ? find(p) : NULL;

	if (block) {
		block->p = p;
		block->site = site;
	}
	return p;
}

/* True if it was counted. */
static bool forget(const void *p)
{
	struct block *block = find(p);

	if (!block || block->p != p)
		return false;
	block->p = NULL;
	return true;
}

#define SITE __builtin_return_address(0)

void *malloc(size_t size)
{
	return fails(SITE) ? NULL : counted(__libc_malloc(size), SITE);
}

void *calloc(size_t number, size_t size)
{
	return fails(SITE) ? NULL : counted(__libc_calloc(number, size), SITE);
}

static void *resize(void *p, size_t size, const void *site)
{
	void *grown;
	bool was_counted;

	if (fails(site))
		return NULL;
	was_counted = p && forget(p);
	grown = __libc_realloc(p, size);
	/* What was there before may grow, and is no leak. */
	return !p || was_counted ? counted(grown, site) : grown;
}

void *realloc(void *p, size_t size)
{
	return resize(p, size, SITE);
}

void *reallocarray(void *p, size_t number, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(number, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return resize(p, bytes, SITE);
}

void *memalign(size_t align, size_t size)
{
	return fails(SITE) ? NULL : counted(__libc_memalign(align, size), SITE);
}

void *aligned_alloc(size_t align, size_t size)
{
	return fails(SITE) ? NULL : counted(__libc_memalign(align, size), SITE);
}

int posix_memalign(void **ret_p, size_t align, size_t size)
{
	void *p = fails(SITE) ? NULL
			      : counted(__libc_memalign(align, size), SITE);

	if (!p)
		return ENOMEM;
	*ret_p = p;
	return 0;
}

void free(void *p)
{
	if (p)
		(void)forget(p);
	__libc_free(p);
}

void alloc_fault_arm(unsigned long at, bool from_on)
{
	fail_at = at;
	fail_on = from_on;
	fired = false;
	atomic_store(&count, 0);
	memset(blocks, 0, sizeof(blocks));
	is_armed = true;
}

void alloc_fault_disarm(void)
{
	is_armed = false;
}

bool alloc_fault_fired(void)
{
	return fired;
}

unsigned long alloc_fault_count(void)
{
	return atomic_load(&count);
}

unsigned long alloc_fault_left(
	bool (*counts)(const void *site), const void **ret_site)
{
	unsigned long left = 0;

	for (size_t i = 0; i < BLOCKS_MAX; i++)
		if (blocks[i].p && counts(blocks[i].site)) {
			left++;
			*ret_site = blocks[i].site;
		}
	return left;
}

void alloc_fault_ask(alloc_fault_fn *fn)
{
	ask = fn;
}
