/*
 * listing.c - see listing.h.
 */
#include "supervisor/install/listing.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/install/artifact.h"

enum { BLOCK = 64 * 1024 };

/* C0, DEL, and the second byte of the C1 controls, which terminals obey as
 * well; what is left of such a one is no UTF-8, and err_set() mends that. */
static bool is_control(const char *text, size_t at)
{
	unsigned char c = (unsigned char)text[at];

	return iscntrl(c) || (at > 0 && (unsigned char)text[at - 1] == 0xc2 &&
				     c >= 0x80 && c < 0xa0);
}

const char *listing_show(const char *member, char ret_shown[LISTING_SHOWN])
{
	size_t len = 0;

	for (; len < LISTING_SHOWN - 4 && member[len]; len++)
		ret_shown[len] = is_control(member, len) ? '?' : member[len];
	(void)snprintf(ret_shown + len, 4, "%s", member[len] ? "..." : "");
	return ret_shown;
}

#define WHY_MAX 200

/* libarchive's own words, which may quote the archive or end in a newline. */
static const char *why_of(struct archive *archive, char ret_why[WHY_MAX])
{
	const char *why = archive_error_string(archive);
	size_t len = 0;

	for (; why && len < WHY_MAX - 1 && why[len] && why[len] != '\n'; len++)
		ret_why[len] = is_control(why, len) ? '?' : why[len];
	ret_why[len] = '\0';
	return len ? ret_why : "unknown error";
}

static bool refuse(struct err *err, const char *member, const char *why)
{
	char shown[LISTING_SHOWN];

	return err_set(err, ERR_CONFIG, "the archive's member \"%s\" %s",
		listing_show(member, shown), why);
}

/* Without "." and empty parts; "" is the archive's own directory. */
static bool normalise(
	const char *raw, char ret_member[LISTING_PATH_MAX], struct err *err)
{
	size_t len = 0;
	int depth = 0;

	ret_member[0] = '\0';
	if (raw[0] == '/')
		return refuse(err, raw, "has an absolute path");
	for (const char *part = raw; *part;) {
		size_t part_len = strcspn(part, "/");
		bool is_dot = part_len == 1 && part[0] == '.';

		if (part_len == 2 && memcmp(part, "..", 2) == 0)
			return refuse(err, raw, "has \"..\" in its path");
		if (part_len > NAME_MAX ||
			len + part_len + 2 > LISTING_PATH_MAX ||
			depth > LISTING_DEPTH_MAX)
			return refuse(err, raw, "has too long a path");
		if (part_len > 0 && !is_dot) {
			if (len > 0)
				ret_member[len++] = '/';
			memcpy(ret_member + len, part, part_len);
			len += part_len;
			depth++;
		}
		part += part_len + (part[part_len] == '/');
	}
	ret_member[len] = '\0';
	return true;
}

static bool archive_failed(struct archive *archive, struct err *err)
{
	char why[WHY_MAX];

	/* It has a text for everything else. */
	if (archive_errno(archive) == ENOMEM || !archive_error_string(archive))
		return err_set(err, ERR_MEMORY,
			"the archive cannot be read: out of memory");
	return err_set(err, ERR_CONFIG, "the archive cannot be read: %s",
		why_of(archive, why));
}

/* Not "all": some of libarchive's filters run programs.  One that is missing
 * would make a good archive look like a bad one. */
static int (*const support[])(struct archive *) = {
	archive_read_support_filter_gzip,
	archive_read_support_filter_bzip2,
	archive_read_support_filter_xz,
	archive_read_support_filter_zstd,
	archive_read_support_format_tar,
	archive_read_support_format_zip,
};

bool listing_open(int fd, struct archive **ret_archive, struct err *err)
{
	struct archive *archive = archive_read_new();

	*ret_archive = archive;
	if (!archive)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < sizeof(support) / sizeof(support[0]); i++)
		if (support[i](archive) < ARCHIVE_WARN)
			return archive_failed(archive, err);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, ERR_CONFIG, errno, "reading the archive");
	if (archive_read_open_fd(archive, fd, BLOCK) != ARCHIVE_OK)
		return archive_failed(archive, err);
	return true;
}

/* The archive's own directory is skipped.  The entry is the caller's, because
 * libarchive does not see it when it has none of its own. */
static bool next_header(struct archive *archive,
	char ret_member[LISTING_PATH_MAX], struct archive_entry *entry,
	bool *ret_end, struct err *err)
{
	if (!entry)
		return err_set(err, ERR_MEMORY, "out of memory");
	do {
		int got = archive_read_next_header2(archive, entry);
		const char *raw;

		*ret_end = got == ARCHIVE_EOF;
		if (*ret_end)
			return true;
		/* ARCHIVE_WARN: for instance a name that is not UTF-8 */
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			return archive_failed(archive, err);
		raw = archive_entry_pathname(entry);
		if (!raw)
			raw = archive_entry_pathname_utf8(entry);
		if (!raw)
			return err_set(err, ERR_CONFIG,
				"the archive has a member without a name");
		if (!normalise(raw, ret_member, err))
			return false;
		if (!ret_member[0] && archive_entry_filetype(entry) != AE_IFDIR)
			return refuse(err, raw, "has no name");
	} while (!ret_member[0]);
	return true;
}

bool listing_next(const struct listing *listing, struct archive *archive,
	size_t *at, const struct listing_entry **ret_entry, struct err *err)
{
	char member[LISTING_PATH_MAX];
	struct archive_entry *entry = archive_entry_new2(archive);
	bool is_end = false;
	bool ok = next_header(archive, member, entry, &is_end, err);

	archive_entry_free(entry);
	if (!ok)
		return false;
	if (is_end != (*at == listing->count) ||
		(!is_end && strcmp(member, listing->entry[*at].member) != 0))
		return err_set(err, ERR_CONFIG,
			"the archive was changed while it was read");
	*ret_entry = is_end ? NULL : &listing->entry[(*at)++];
	return true;
}

/* At most BLOCK bytes, 0 at the end of the member, -1. */
static ssize_t read_data(
	struct archive *archive, void *buf, const char *member, struct err *err)
{
	char shown[LISTING_SHOWN], why[WHY_MAX];
	la_ssize_t got = archive_read_data(archive, buf, BLOCK);

	if (got >= 0)
		return (ssize_t)got;
	if (archive_errno(archive) == ENOMEM)
		return err_set(err, ERR_MEMORY, "reading %s: out of memory",
			       listing_show(member, shown)),
		       -1;
	(void)err_set(err, ERR_CONFIG,
		"the archive's member \"%s\" cannot be read: %s",
		listing_show(member, shown), why_of(archive, why));
	return -1;
}

static bool too_large(struct err *err)
{
	return err_set(err, ERR_CONFIG,
		"the archive holds more than %llu MiB unpacked",
		ARTIFACT_BYTES_MAX >> 20);
}

/* Reads a member's data to see that they are there, and as many as it says. */
static bool count_data(struct listing *listing, struct archive *archive,
	struct archive_entry *entry, const char *member, struct err *err)
{
	_cleanup_free_ char *buf = malloc(BLOCK);
	bool is_set = archive_entry_size_is_set(entry);
	la_int64_t said = is_set ? archive_entry_size(entry) : 0;
	uint64_t before = listing->bytes;
	ssize_t got;

	if (!buf)
		return err_set(err, ERR_MEMORY, "out of memory");
	/* believed before anything of it is read: a hole of a terabyte takes
	 * no room in the archive */
	if (said < 0 || (uint64_t)said > ARTIFACT_BYTES_MAX - before)
		return too_large(err);
	while ((got = read_data(archive, buf, member, err)) > 0) {
		if ((uint64_t)got > ARTIFACT_BYTES_MAX - listing->bytes)
			return too_large(err);
		listing->bytes += (uint64_t)got;
	}
	if (got < 0)
		return false;
	if (is_set && listing->bytes - before != (uint64_t)said)
		return refuse(err, member, "is not as long as it says");
	return true;
}

static bool grow(struct listing *listing, struct err *err)
{
	size_t room = listing->room ? 2 * listing->room : 64;
	struct listing_entry *grown;

	if (listing->count == ARTIFACT_FILES_MAX)
		return err_set(err, ERR_CONFIG,
			"the archive has more than %u members",
			ARTIFACT_FILES_MAX);
	if (listing->count < listing->room)
		return true;
	grown = reallocarray(listing->entry, room, sizeof(*grown));
	if (!grown)
		return err_set(err, ERR_MEMORY, "out of memory");
	listing->entry = grown;
	listing->room = room;
	return true;
}

static bool set_kind(
	struct listing_entry *new, struct archive_entry *entry, struct err *err)
{
	const char *hardlink = archive_entry_hardlink(entry);
	const char *text = archive_entry_symlink(entry);
	char target[LISTING_PATH_MAX];

	if (!hardlink)
		hardlink = archive_entry_hardlink_utf8(entry);
	if (!text)
		text = archive_entry_symlink_utf8(entry);
	new->mode = archive_entry_perm(entry);
	if (hardlink) {
		new->kind = LISTING_HARDLINK;
		if (!normalise(hardlink, target, NULL))
			return refuse(err, new->member,
				"is a link that leads out of the archive");
		new->link = strdup(target);
		return new->link || err_set(err, ERR_MEMORY, "out of memory");
	}
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		new->kind = LISTING_FILE;
		return true;
	case AE_IFDIR:
		new->kind = LISTING_DIR;
		return true;
	case AE_IFLNK:
		new->kind = LISTING_SYMLINK;
		new->link = strdup(text ? text : "");
		return new->link || err_set(err, ERR_MEMORY, "out of memory");
	default:
		return refuse(
			err, new->member, "is a device, a pipe or a socket");
	}
}

static bool read_members(struct listing *listing, struct archive *archive,
	struct archive_entry *entry, struct err *err)
{
	char member[LISTING_PATH_MAX];
	bool is_end = false;

	while (next_header(archive, member, entry, &is_end, err)) {
		struct listing_entry *new;

		if (is_end)
			return true;
		if (!grow(listing, err))
			return false;
		new = &listing->entry[listing->count];
		memset(new, 0, sizeof(*new));
		new->member = strdup(member);
		if (!new->member)
			return err_set(err, ERR_MEMORY, "out of memory");
		new->path = new->member;
		listing->count++;
		if (!set_kind(new, entry, err))
			return false;
		listing->files += new->kind != LISTING_DIR;
		/* a hard link, too, may bring data, which nobody wants */
		if ((new->kind == LISTING_FILE ||
			    new->kind == LISTING_HARDLINK) &&
			!count_data(listing, archive, entry, member, err))
			return false;
	}
	return false;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct listing_entry *entry = arg;
	size_t index_a = *(const size_t *)a, index_b = *(const size_t *)b;
	int order = strcmp(entry[index_a].member, entry[index_b].member);

	if (order != 0)
		return order;
	return index_a < index_b ? -1 : index_a > index_b;
}

/* The first of that name, or NULL. */
static struct listing_entry *find(
	const struct listing *listing, const char *member)
{
	size_t low = 0, high = listing->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(listing->entry[listing->sorted[middle]].member,
			    member) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == listing->count ||
		strcmp(listing->entry[listing->sorted[low]].member, member) !=
			0)
		return NULL;
	return &listing->entry[listing->sorted[low]];
}

static bool sort(struct listing *listing, struct err *err)
{
	listing->sorted = calloc(
		listing->count ? listing->count : 1, sizeof(*listing->sorted));
	if (!listing->sorted)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < listing->count; i++)
		listing->sorted[i] = i;
	qsort_r(listing->sorted, listing->count, sizeof(*listing->sorted),
		compare, listing->entry);
	for (size_t i = 1; i < listing->count; i++) {
		const struct listing_entry *one =
			&listing->entry[listing->sorted[i - 1]];
		const struct listing_entry *next =
			&listing->entry[listing->sorted[i]];

		if (strcmp(one->member, next->member) == 0 &&
			(one->kind != LISTING_DIR || next->kind != LISTING_DIR))
			return refuse(err, one->member, "is in it twice");
	}
	return true;
}

/* Everything may lie in one directory named like the archive.  "bin" is not
 * that directory if it holds the executable. */
static void strip_top(struct listing *listing, const char *name)
{
	const char *first = listing->count ? listing->entry[0].member : "";
	size_t len = strcspn(first, "/");
	char in_bin[LISTING_PATH_MAX];

	(void)snprintf(in_bin, sizeof(in_bin), "bin/%s", name);
	if (len == strlen("bin") && memcmp(first, "bin", len) == 0 &&
		find(listing, in_bin))
		return;
	for (size_t i = 0; i < listing->count; i++) {
		const struct listing_entry *entry = &listing->entry[i];

		if (strncmp(entry->member, first, len) != 0 ||
			(entry->member[len] != '/' &&
				(entry->member[len] != '\0' ||
					entry->kind != LISTING_DIR)))
			return;
	}
	for (size_t i = 0; i < listing->count; i++) {
		struct listing_entry *entry = &listing->entry[i];

		entry->path += len + (entry->member[len] == '/');
	}
}

static bool check_parents(const struct listing *listing,
	const struct listing_entry *entry, struct err *err)
{
	char parent[LISTING_PATH_MAX];
	const struct listing_entry *above;

	(void)snprintf(parent, sizeof(parent), "%s", entry->member);
	for (char *slash = strrchr(parent, '/'); slash;
		slash = strrchr(parent, '/')) {
		*slash = '\0';
		above = find(listing, parent);
		if (above && above->kind != LISTING_DIR)
			return refuse(err, entry->member,
				"lies below a link or a file");
	}
	return true;
}

static bool symlink_stays(const struct listing_entry *entry)
{
	int up = 0, depth = 0;
	bool has_name = false;

	for (const char *c = entry->path; *c; c++)
		depth += *c == '/';
	if (entry->link[0] == '/' || entry->link[0] == '\0' ||
		strlen(entry->link) >= LISTING_PATH_MAX)
		return false;
	for (const char *part = entry->link; *part;) {
		size_t len = strcspn(part, "/");

		if (len == 2 && memcmp(part, "..", 2) == 0) {
			if (has_name || ++up > depth)
				return false;
		} else if (len > 0 && !(len == 1 && part[0] == '.')) {
			has_name = true;
		}
		part += len + (part[len] == '/');
	}
	return true;
}

static bool check_entry(const struct listing *listing,
	struct listing_entry *entry, struct err *err)
{
	const struct listing_entry *target;

	if (!check_parents(listing, entry, err))
		return false;
	if (entry->kind == LISTING_SYMLINK && !symlink_stays(entry))
		return refuse(err, entry->member,
			"is a link that leads out of the archive");
	if (entry->kind != LISTING_HARDLINK)
		return true;
	target = find(listing, entry->link);
	if (!target || target >= entry || target->kind != LISTING_FILE)
		return refuse(err, entry->member,
			"is a hard link to no file before it in the archive");
	entry->target = (size_t)(target - listing->entry);
	return true;
}

static bool is_named(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, name) == 0;
}

static bool is_in_bin(const char *member)
{
	const char *slash = strrchr(member, '/');
	size_t len = slash ? (size_t)(slash - member) : 0;

	return len >= 3 && memcmp(slash - 3, "bin", 3) == 0 &&
	       (len == 3 || slash[-4] == '/');
}

static mode_t mode_of(
	const struct listing *listing, const struct listing_entry *entry)
{
	if (entry->kind == LISTING_HARDLINK)
		entry = &listing->entry[entry->target];
	return entry->mode;
}

/* The one executable file of that name; the one in bin/ if there are more. */
static bool choose(struct listing *listing, const char *name, struct err *err)
{
	char shown[LISTING_SHOWN], other[LISTING_SHOWN];
	const struct listing_entry *chosen = NULL, *rival = NULL, *plain = NULL;

	for (size_t i = 0; i < listing->count; i++) {
		const struct listing_entry *entry = &listing->entry[i];

		if ((entry->kind != LISTING_FILE &&
			    entry->kind != LISTING_HARDLINK) ||
			!is_named(entry->path, name))
			continue;
		if (!(mode_of(listing, entry) & 0111)) {
			plain = entry;
			continue;
		}
		if (chosen &&
			is_in_bin(chosen->member) == is_in_bin(entry->member)) {
			rival = entry;
			continue;
		}
		if (!chosen || is_in_bin(entry->member)) {
			chosen = entry;
			rival = NULL;
		}
	}
	if (!chosen && plain)
		return refuse(err, plain->member, "is not executable");
	if (!chosen)
		return err_set(err, ERR_CONFIG,
			"the archive has no executable file named %s", name);
	if (rival)
		return err_set(err, ERR_CONFIG,
			"the archive has two executables: \"%s\" and \"%s\"",
			listing_show(chosen->member, shown),
			listing_show(rival->member, other));
	listing->executable = (size_t)(chosen - listing->entry);
	return true;
}

bool listing_extract(
	struct archive *archive, int fd, const char *member, struct err *err)
{
	_cleanup_free_ char *buf = malloc(BLOCK);
	ssize_t got;

	if (!buf)
		return err_set(err, ERR_MEMORY, "out of memory");
	while ((got = read_data(archive, buf, member, err)) > 0)
		if (!atomic_write_all(fd, buf, (size_t)got, err)) {
			char shown[LISTING_SHOWN];

			return err_wrap(err, "writing \"%s\"",
				listing_show(member, shown));
		}
	return got == 0;
}

bool listing_read(
	struct listing *listing, int fd, const char *name, struct err *err)
{
	struct archive *archive = NULL;
	struct archive_entry *entry = NULL;
	bool ok = listing_open(fd, &archive, err);

	if (ok) {
		entry = archive_entry_new2(archive);
		ok = read_members(listing, archive, entry, err);
	}
	archive_entry_free(entry);
	(void)archive_read_free(archive);
	if (!ok || !sort(listing, err))
		return false;
	strip_top(listing, name);
	for (size_t i = 0; i < listing->count; i++)
		if (!check_entry(listing, &listing->entry[i], err))
			return false;
	return choose(listing, name, err);
}

void listing_done(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		free(listing->entry[i].member);
		free(listing->entry[i].link);
	}
	free(listing->entry);
	free(listing->sorted);
	memset(listing, 0, sizeof(*listing));
}
