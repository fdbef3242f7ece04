/*
 * disk.c - when cron tries a run again that a full or failing disk has ended.
 *
 * Who fails by the disk says so, and leaves an empty file, <fleet>/disk-failed,
 * which hardly needs room.  What comes each minute then tries again, and mails,
 * every ten minutes at most, and not while there is plainly no room.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/cli/cli.h"
#include "supervisor/engine/engine.h"
#include "supervisor/install/place.h"
#include "supervisor/memory.h"

enum {
	PATIENCE_MS = 10 * 60 * 1000,
};

static char *mark_of(const struct cli_place *place)
{
	return memory_text("%s/disk-failed", place->folder);
}

/* Only to be quiet: that it cannot be made changes nothing. */
void cli_disk_failed(const struct cli_place *place)
{
	_cleanup_free_ char *mark = mark_of(place);
	_cleanup_fd_ int fd =
		open(mark, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)futimens(fd, NULL);
}

void cli_disk_tried(const struct cli_place *place)
{
	_cleanup_free_ char *mark = mark_of(place);

	(void)unlink(mark);
}

/* What cannot be seen is tried. */
static bool has_room(const char *path)
{
	dev_t device;
	uint64_t free_bytes;

	return !path || !place_room(path, &device, &free_bytes) ||
	       free_bytes >= ENGINE_JOURNAL_BYTES;
}

bool cli_disk_waits(const struct cli_place *place, const char *install_root)
{
	_cleanup_free_ char *mark = mark_of(place);
	int64_t now = sys_wall_ms(), failed;
	struct stat st;

	if (stat(mark, &st) != 0)
		return false;
	failed = (int64_t)st.st_mtim.tv_sec * 1000 +
		 st.st_mtim.tv_nsec / 1000000;
	return (failed <= now && now - failed < PATIENCE_MS) ||
	       !has_room(place->folder) || !has_room(install_root);
}
