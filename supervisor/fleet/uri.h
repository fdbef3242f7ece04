/*
 * uri.h - what a connection string says besides who may log in.
 *
 * A plain walk over the text: whoever connects judges the string.  Nothing of
 * the userinfo is ever part of what comes out.
 */
#ifndef SUPERVISOR_FLEET_URI_H
#define SUPERVISOR_FLEET_URI_H

#include <stdbool.h>

struct uri_option {
	char name[64]; /* percent-decoded, as all; what is longer is cut */
	char value[64];
};

const char *uri_options(const char *uri);
/* Takes the next one; *at begins as uri_options().  False: there is none. */
bool uri_next_option(const char **at, struct uri_option *ret_option);

enum uri_match {
	URI_OTHER, /* none of its hosts is that one */
	URI_PERHAPS, /* an address and a name may be the same; or it names none,
			as an SRV string */
	URI_SAME,
};

/* Whether it names this "host:port" (no port: 27017). */
enum uri_match uri_match_host(const char *uri, const char *host);

#endif
