/*
 * place.h - a folder that may not be there yet: can files be made in it, and
 * how much room is there?  Changes nothing.
 */
#ifndef SUPERVISOR_INSTALL_PLACE_H
#define SUPERVISOR_INSTALL_PLACE_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "state/err.h"

/* Of what is not there yet, the nearest folder above that is; false: errno. */
bool place_nearest(const char *path, char ret_path[PATH_MAX]);
/* Makes the folders of a file, the last of them for nobody else. */
bool place_make_private(const char *file, struct err *err) WARN_UNUSED;
/* Can files be made there, and programs run?  ERR_CONFIG says why not. */
bool place_can_hold_programs(const char *path, struct err *err) WARN_UNUSED;
/* The file system's name for this host, and bytes that everybody may use. */
bool place_room(const char *path, dev_t *ret_device, uint64_t *ret_free);

#endif
