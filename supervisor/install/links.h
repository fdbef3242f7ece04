/*
 * links.h - what links say, and which ones lead into an install root; private
 * to install/.
 *
 * A link may be anywhere (an adopted path).  So that those who remove versions
 * find it, each one that we turn is noted before as
 * <root>/.syncup/links/<hash>, a symlink whose text is the link's path.
 */
#ifndef SUPERVISOR_INSTALL_LINKS_H
#define SUPERVISOR_INSTALL_LINKS_H

#include <limits.h>

#include "supervisor/install/link.h"

#define LINKS_HOLD ".hold-"

bool links_check_spec(
	const struct link_spec *link, struct err *err) WARN_UNUSED;
/* The link's text when it leads to versions/<entry>. */
bool links_text(const struct link_spec *link, const char *entry,
	char ret_text[PATH_MAX], struct err *err) WARN_UNUSED;
/* Notes it, then turns it; does nothing but sync if it says so already. */
bool links_turn(const struct link_spec *link, const char *entry,
	struct err *err) WARN_UNUSED;
bool links_forget(const struct link_spec *link, struct err *err) WARN_UNUSED;
/* Does any link lead to versions/<entry>?  Those noted, and those in <root>
 * and in the directories in it. */
bool links_lead_to(const char *root, const char *entry, bool *ret_lead,
	struct err *err) WARN_UNUSED;

/* Removes notes of links that lead into <root>/versions no more, and temporary
 * ones; none that is younger than a day or whose link somebody has claimed. */
bool links_sweep(const char *root, struct err *err) WARN_UNUSED;

#endif
