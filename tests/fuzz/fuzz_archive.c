/*
 * fuzz_archive.c - an archive from elsewhere, listed and unpacked.
 *
 * The input is an archive; headers of a tar get the checksum that fits them.
 * Or it begins with "#!tar" and is a recipe for one, a member in each line:
 *
 *   f <mode> <path> <data>     d <path>     s <path> <text>
 *   h <path> <target>          c <path>     (a device)
 *
 * What must hold: nothing is made or changed outside <root>/versions; there is
 * all of a version or nothing; in it are files, directories and links only, no
 * link leads out, nothing is set-id or writable by others, and bin/<name> is
 * an executable; unpacking again changes nothing; a refusal is one clean
 * sentence.  Nothing that was unpacked is ever run.
 */
#include <archive.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "state/cleanup.h"
#include "supervisor/install/artifact.h"
#include "tests/fuzz/fuzz.h"

#define NAME "mongosync"
#define VERSION "1.0.0"
#define DATA_MAX (1u << 20) /* of all members of one input */
#define BLOCK 512u

static struct fuzz_file file;
static char outer[64], root[80], versions[100];
static size_t data_left;

/* ---- a bomb ends early ---- */

la_ssize_t __real_archive_read_data(
	struct archive *archive, void *buf, size_t size);
la_ssize_t __wrap_archive_read_data(
	struct archive *archive, void *buf, size_t size);

la_ssize_t __wrap_archive_read_data(
	struct archive *archive, void *buf, size_t size)
{
	la_ssize_t got;

	if (!data_left) {
		archive_set_error(archive, EFBIG, "more than we wait for");
		return ARCHIVE_FATAL;
	}
	got = __real_archive_read_data(
		archive, buf, size < data_left ? size : data_left);
	if (got > 0)
		data_left -= (size_t)got;
	return got;
}

/* ---- the place ---- */

static int remove_entry(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

static void remove_tree(const char *path)
{
	FUZZ_CHECK(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static void leave(void)
{
	remove_tree(outer);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char witness[100];
	int fd;

	(void)argc, (void)argv;
	/* In memory if there is such a place: it is all about the calls. */
	(void)snprintf(outer, sizeof(outer), "/dev/shm/syncup-fuzz-XXXXXX");
	if (!mkdtemp(outer)) {
		(void)snprintf(outer, sizeof(outer), "/tmp/syncup-fuzz-XXXXXX");
		FUZZ_CHECK(mkdtemp(outer));
	}
	FUZZ_CHECK(atexit(leave) == 0);
	(void)snprintf(root, sizeof(root), "%s/root", outer);
	(void)snprintf(versions, sizeof(versions), "%s/versions", root);
	(void)snprintf(witness, sizeof(witness), "%s/witness", outer);
	FUZZ_CHECK(mkdir(root, 0755) == 0 && mkdir(versions, 0755) == 0);
	fd = open(witness, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FUZZ_CHECK(fd >= 0 && close(fd) == 0);
	fuzz_file_open(&file);
	return 0;
}

/* How many entries a directory has; all of them are of these names. */
static unsigned count_entries(
	const char *path, const char *name, const char *other)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	unsigned count = 0;

	FUZZ_CHECK(dir);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0)
			continue;
		FUZZ_CHECK(strcmp(entry->d_name, name) == 0 ||
			   strcmp(entry->d_name, other) == 0);
		count++;
	}
	(void)closedir(dir);
	return count;
}

static void check_outside(bool is_there)
{
	char witness[100];
	struct stat st;

	FUZZ_CHECK(count_entries(outer, "root", "witness") == 2);
	FUZZ_CHECK(count_entries(root, "versions", "versions") == 1);
	FUZZ_CHECK(count_entries(versions, VERSION, VERSION) == is_there);
	(void)snprintf(witness, sizeof(witness), "%s/witness", outer);
	FUZZ_CHECK(lstat(witness, &st) == 0 && S_ISREG(st.st_mode));
	FUZZ_CHECK(st.st_size == 0 && st.st_nlink == 1);
	FUZZ_CHECK((st.st_mode & 07777) == 0600);
}

/* ---- what was unpacked ---- */

static int version_dir;
static size_t version_len; /* of its path and the '/' behind it */

static int check_entry(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
	long fd;

	(void)type, (void)where;
	FUZZ_CHECK(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) ||
		   S_ISLNK(st->st_mode));
	FUZZ_CHECK(S_ISLNK(st->st_mode) || !(st->st_mode & 07022));
	if (!S_ISLNK(st->st_mode))
		return 0;
	fd = syscall(SYS_openat2, version_dir, path + version_len, &how,
		sizeof(how));
	FUZZ_CHECK(fd >= 0 || errno != EXDEV);
	if (fd >= 0)
		(void)close((int)fd);
	return 0;
}

static void check_version(void)
{
	char path[120];

	FUZZ_CHECK(artifact_check(root, VERSION, NAME, NULL, NULL));
	(void)snprintf(path, sizeof(path), "%s/" VERSION, versions);
	version_len = strlen(path) + 1;
	version_dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	FUZZ_CHECK(version_dir >= 0);
	FUZZ_CHECK(nftw(path, check_entry, 16, FTW_PHYS) == 0);
	(void)close(version_dir);
}

/* ---- archives ---- */

static void put_octal(char *field, size_t size, unsigned number)
{
	(void)snprintf(field, size, "%0*o", (int)size - 1, number);
}

static void fix_checksum(uint8_t *header)
{
	unsigned sum = 0;

	memset(header + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += header[i];
	put_octal((char *)header + 148, 7, sum & 0777777);
}

static void fix_checksums(uint8_t *data, size_t size)
{
	for (size_t at = 0; at + BLOCK <= size; at += BLOCK)
		if (memcmp(data + at + 257, "ustar", 5) == 0)
			fix_checksum(data + at);
}

struct member {
	char type;
	const char *name, *link;
	unsigned mode;
	size_t size;
};

static void put_block(FILE *out, const struct member *member)
{
	char header[BLOCK] = {0};

	(void)snprintf(header, 100, "%s", member->name);
	put_octal(header + 100, 8, member->mode);
	put_octal(header + 108, 8, 0);
	put_octal(header + 116, 8, 0);
	put_octal(header + 124, 12, (unsigned)member->size);
	put_octal(header + 136, 12, 0);
	header[156] = member->type;
	(void)snprintf(header + 157, 100, "%s", member->link);
	memcpy(header + 257, "ustar  ", 8);
	fix_checksum((uint8_t *)header);
	(void)fwrite(header, 1, BLOCK, out);
}

static void put_data(FILE *out, const char *data, size_t len)
{
	static const char zeros[BLOCK];

	(void)fwrite(data, 1, len, out);
	if (len % BLOCK)
		(void)fwrite(zeros, 1, BLOCK - len % BLOCK, out);
}

/* Where the header's field has no room for it. */
static void put_long(FILE *out, char type, const char *text)
{
	const struct member member = {.type = type,
		.name = "././@LongLink",
		.link = "",
		.size = strlen(text) + 1};

	if (strlen(text) < 100)
		return;
	put_block(out, &member);
	put_data(out, text, strlen(text) + 1);
}

/* line is cut at its blanks: the first part, and what is behind it. */
static char *next_part(char **line)
{
	char *part = *line, *blank = strchr(part, ' ');

	*line = blank ? blank + 1 : part + strlen(part);
	if (blank)
		*blank = '\0';
	return part;
}

static void put_member(FILE *out, char *line)
{
	static const char kinds[] = "fdshc", types[] = "05213";
	char kind = next_part(&line)[0];
	const char *known = kind ? strchr(kinds, kind) : NULL;
	struct member member = {.link = "", .mode = 0755};

	if (!known)
		return;
	member.type = types[known - kinds];
	if (kind == 'f')
		member.mode =
			(unsigned)strtoul(next_part(&line), NULL, 8) & 07777;
	member.name = next_part(&line);
	if (kind == 'f')
		member.size = strlen(line);
	else
		member.link = line;
	put_long(out, 'K', member.link);
	put_long(out, 'L', member.name);
	put_block(out, &member);
	put_data(out, line, member.size);
}

static char *cook(char *recipe, size_t *ret_len)
{
	static const char zeros[2 * BLOCK];
	char *archive = NULL, *line;
	FILE *out = open_memstream(&archive, ret_len);

	FUZZ_CHECK(out);
	while ((line = strsep(&recipe, "\n")))
		put_member(out, line);
	(void)fwrite(zeros, 1, sizeof(zeros), out);
	FUZZ_CHECK(fclose(out) == 0);
	return archive;
}

static bool unpack(struct err *err)
{
	*err = (struct err){0};
	data_left = DATA_MAX;
	return artifact_unpack(file.path, NULL, NULL, NAME, root, VERSION, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size), *cooked = NULL;
	char version[120];
	struct err err;

	if (size >= 6 && memcmp(data, "#!tar\n", 6) == 0) {
		size_t len;

		cooked = cook(text + 6, &len);
		fuzz_file_fill(&file, cooked, len);
	} else {
		fix_checksums((uint8_t *)text, size);
		fuzz_file_fill(&file, text, size);
	}
	if (!unpack(&err)) {
		fuzz_check_refusal(&err);
		check_outside(false);
		return 0;
	}
	check_outside(true);
	check_version();
	FUZZ_CHECK(unpack(&err));
	(void)snprintf(version, sizeof(version), "%s/" VERSION, versions);
	remove_tree(version);
	return 0;
}
