/*
 * cleanup.h - the few attributes that free things at the end of a scope.
 */
#ifndef STATE_CLEANUP_H
#define STATE_CLEANUP_H

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fd_(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void cleanup_json_(json_t **json)
{
	json_decref(*json);
}

static inline void *take_ptr_(void *pp)
{
	void *p = *(void **)pp;

	*(void **)pp = NULL;
	return p;
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define _cleanup_free_ __attribute__((cleanup(cleanup_free_)))
#define _cleanup_fd_ __attribute__((cleanup(cleanup_fd_)))
#define _cleanup_json_ __attribute__((cleanup(cleanup_json_)))
#define take_ptr(p) ((__typeof__(p))take_ptr_(&(p)))

#endif
