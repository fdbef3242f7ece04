/*
 * download.h - one file over HTTPS, by libcurl, tried a few times; private to
 * install/.  Where its bytes go is the caller's business.
 */
#ifndef SUPERVISOR_INSTALL_DOWNLOAD_H
#define SUPERVISOR_INSTALL_DOWNLOAD_H

#include "supervisor/install/fetch.h"

struct download {
	const struct fetch_spec *spec;
	const char *url;
	uint64_t max; /* bytes; more is refused */
	uint64_t have; /* bytes that the sink has; counted on here */
	bool resumed; /* what it has is of more than one answer */
	bool too_large; /* so that nothing of it is worth keeping */

	void *sink;
	/* The answer begins at the first byte: forget what there is. */
	bool (*restart)(void *sink, struct err *err);
	bool (*expect)(void *sink, uint64_t bytes, struct err *err); /* or NULL
								      */
	bool (*write)(
		void *sink, const void *data, size_t len, struct err *err);

	char etag[200]; /* of what it has, in this process; or "" */
};

/* Until it is whole, or something says that another try is of no use. */
bool download_run(struct download *download, struct err *err) WARN_UNUSED;

#endif
