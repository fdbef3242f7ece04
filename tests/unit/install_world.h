/*
 * install_world.h - an install root for tests: archives, trees, and a loop that
 * kills a scenario at each of its crash points.
 */
#ifndef TESTS_UNIT_INSTALL_WORLD_H
#define TESTS_UNIT_INSTALL_WORLD_H

#include "scratch.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>

#include "state/err.h"
#include "state/sys.h"
#include "supervisor/install/artifact.h"
#include "supervisor/install/link.h"

struct world {
	struct scratch scratch;
	char root[256];
	char **paths; /* what world_path() made */
	size_t path_count;
	struct err err;
};

static inline void world_make(struct world *world)
{
	memset(world, 0, sizeof(*world));
	scratch_make(&world->scratch);
	(void)snprintf(
		world->root, sizeof(world->root), "%s/opt", world->scratch.dir);
	assert_int_equal(mkdir(world->root, 0755), 0);
}

static inline void world_forget_paths(struct world *world)
{
	while (world->path_count > 0)
		free(world->paths[--world->path_count]);
	free(world->paths);
	world->paths = NULL;
}

static inline void world_remove(struct world *world)
{
	world_forget_paths(world);
	scratch_remove(&world->scratch);
}

static inline int world_set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world_make(world);
	*state = world;
	return 0;
}

static inline int world_tear_down(void **state)
{
	struct world *world = *state;

	sys = &sys_real;
	world_remove(world);
	free(world);
	return 0;
}

/* Lives as long as the world. */
static inline const char *world_path(struct world *world, const char *name)
{
	size_t count = world->path_count;
	char *path;

	world->paths =
		reallocarray(world->paths, count + 1, sizeof(world->paths[0]));
	assert_non_null(world->paths);
	assert_true(asprintf(&path, "%s/%s", world->scratch.dir, name) > 0);
	world->paths[world->path_count++] = path;
	return path;
}

static inline void make_dirs(const char *path)
{
	char part[PATH_MAX];

	(void)snprintf(part, sizeof(part), "%s", path);
	for (char *slash = strchr(part + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(part, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

/* With the directories above it. */
static inline void make_script(const char *path, const char *text)
{
	make_dirs(path);
	(void)unlink(path);
	scratch_write(path, text, strlen(text));
	assert_int_equal(chmod(path, 0755), 0);
}

/* What a sync process of this version looks like, as far as we ask. */
static inline const char *script_of(const char *version)
{
	static char text[200];

	(void)snprintf(text, sizeof(text),
		"#!/bin/sh\n[ \"$1\" = --version ] && echo \"mongosync %s\"\n",
		version);
	return text;
}

static inline void make_version(struct world *world, const char *version)
{
	char name[100];

	(void)snprintf(
		name, sizeof(name), "opt/versions/%s/bin/mongosync", version);
	make_script(world_path(world, name), script_of(version));
}

static inline bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static inline unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static inline bool is_on_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

static inline bool link_says(const char *path, const char *text)
{
	char now[PATH_MAX] = "";

	return readlink(path, now, sizeof(now) - 1) > 0 &&
	       strcmp(now, text) == 0;
}

/* Archives. */

static inline struct archive *tgz_open(const char *path)
{
	struct archive *archive = archive_write_new();

	assert_non_null(archive);
	assert_int_equal(
		archive_write_set_format_pax_restricted(archive), ARCHIVE_OK);
	assert_int_equal(archive_write_add_filter_gzip(archive), ARCHIVE_OK);
	assert_int_equal(archive_write_set_filter_option(
				 archive, "gzip", "timestamp", NULL),
		ARCHIVE_OK);
	assert_int_equal(
		archive_write_open_filename(archive, path), ARCHIVE_OK);
	return archive;
}

static inline void tgz_close(struct archive *archive)
{
	assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
	assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
}

static inline struct archive_entry *tgz_entry(
	const char *name, unsigned type, mode_t mode)
{
	struct archive_entry *entry = archive_entry_new();

	assert_non_null(entry);
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, type);
	archive_entry_set_perm(entry, mode);
	archive_entry_set_size(entry, 0);
	return entry;
}

static inline void tgz_put(struct archive *archive, struct archive_entry *entry)
{
	assert_true(archive_write_header(archive, entry) >= ARCHIVE_WARN);
	archive_entry_free(entry);
}

static inline void tgz_file(struct archive *archive, const char *name,
	mode_t mode, const char *text)
{
	struct archive_entry *entry = tgz_entry(name, AE_IFREG, mode);

	archive_entry_set_size(entry, (la_int64_t)strlen(text));
	tgz_put(archive, entry);
	assert_int_equal(
		archive_write_data(archive, text, strlen(text)), strlen(text));
}

static inline void tgz_dir(
	struct archive *archive, const char *name, mode_t mode)
{
	tgz_put(archive, tgz_entry(name, AE_IFDIR, mode));
}

static inline void tgz_symlink(
	struct archive *archive, const char *name, const char *text)
{
	struct archive_entry *entry = tgz_entry(name, AE_IFLNK, 0777);

	archive_entry_set_symlink(entry, text);
	tgz_put(archive, entry);
}

static inline void tgz_hardlink(
	struct archive *archive, const char *name, const char *target)
{
	struct archive_entry *entry = tgz_entry(name, AE_IFREG, 0755);

	archive_entry_set_hardlink(entry, target);
	tgz_put(archive, entry);
}

/* Laid out as mongosync is delivered. */
static inline void make_release(const char *path, const char *version)
{
	struct archive *archive = tgz_open(path);

	tgz_dir(archive, "mongosync-x/", 0755);
	tgz_dir(archive, "mongosync-x/bin/", 0755);
	tgz_file(archive, "mongosync-x/README.md", 0644, "read me\n");
	tgz_file(
		archive, "mongosync-x/bin/mongosync", 0755, script_of(version));
	tgz_close(archive);
}

/* Trees. */

static inline int compare_names_(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void describe_(FILE *out, const char *dir, const char *below)
{
	char *names[300], path[PATH_MAX], text[PATH_MAX], hex[65];
	DIR *list = opendir(dir);
	const struct dirent *entry;
	size_t count = 0;

	assert_non_null(list);
	while ((entry = readdir(list)))
		/* what a kill leaves beside a file is of random name, and
		 * harmless */
		if (strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0 &&
			!strstr(entry->d_name, ".tmp-")) {
			assert_true(count < 300);
			names[count++] = strdup(entry->d_name);
		}
	assert_int_equal(closedir(list), 0);
	qsort(names, count, sizeof(names[0]), compare_names_);
	for (size_t i = 0; i < count; i++) {
		struct stat st;
		ssize_t len;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		assert_int_equal(lstat(path, &st), 0);
		/* a note's name is a hash of the link's path */
		(void)fprintf(out, "%s%s", below,
			strstr(below, ".syncup/links/") ? "*" : names[i]);
		if (S_ISLNK(st.st_mode)) {
			len = readlink(path, text, sizeof(text) - 1);
			text[len < 0 ? 0 : len] = '\0';
			(void)fprintf(out, " -> %s\n", text);
		} else if (S_ISDIR(st.st_mode)) {
			(void)fprintf(out, "/ %04o\n", st.st_mode & 07777);
			(void)snprintf(
				text, sizeof(text), "%s%s/", below, names[i]);
			describe_(out, path, text);
		} else {
			assert_true(sha256_file(path, hex, NULL));
			(void)fprintf(
				out, " %04o %.8s\n", st.st_mode & 07777, hex);
		}
		free(names[i]);
	}
}

/* One line for each entry: name, mode, text or start of the SHA-256.  The
 * scratch directory's own name is cut out of it.  The caller frees it. */
static inline char *describe(struct world *world, const char *dir)
{
	char *text = NULL, *own;
	size_t len, own_len = strlen(world->scratch.dir);
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	describe_(out, dir, "");
	assert_int_equal(fclose(out), 0);
	while ((own = strstr(text, world->scratch.dir)))
		memmove(own, own + own_len, strlen(own + own_len) + 1);
	return text;
}

static inline void assert_tree(
	struct world *world, const char *dir, const char *expected)
{
	char *text = describe(world, dir);

	assert_string_equal(text, expected);
	free(text);
}

/* The kill loop. */

struct scenario {
	const char *name;
	void (*prepare)(struct world *world);
	bool (*act)(struct world *world);
	void (*check)(struct world *world); /* after each kill; or NULL */
};

static inline int scenario_main(const struct scenario *scenarios, char **argv)
{
	struct world world = {0};
	bool ok;

	for (; scenarios->name; scenarios++)
		if (strcmp(scenarios->name, argv[2]) == 0)
			break;
	if (!scenarios->name)
		return 2;
	(void)snprintf(
		world.scratch.dir, sizeof(world.scratch.dir), "%s", argv[3]);
	(void)snprintf(world.root, sizeof(world.root), "%s/opt", argv[3]);
	(void)umask(077);
	ok = scenarios->act(&world);
	if (!ok)
		(void)fprintf(stderr, "%s\n", world.err.msg);
	world_forget_paths(&world);
	return ok ? 0 : 1;
}

/* True if it was killed at point number at; it must end well otherwise. */
static inline bool run_killed_(
	const char *scenario, const char *dir, unsigned at)
{
	char self[PATH_MAX] = "", number[16];
	const char *argv[] = {self, "--scenario", scenario, dir, NULL};
	int status;
	pid_t pid;

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	(void)snprintf(number, sizeof(number), "%u", at);
	assert_int_equal(setenv("SYNCUP_CRASH_AT", number, 1), 0);
	assert_int_equal(posix_spawn(&pid, self, NULL, NULL,
				 (char *const *)argv, environ),
		0);
	assert_int_equal(unsetenv("SYNCUP_CRASH_AT"), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	assert_int_equal(status, 0);
	return false;
}

/*
 * For each n: dies at the nth point, is repeated and dies at another, is
 * repeated to the end; the tree must be as if nothing had happened.
 */
static inline void kill_everywhere(const struct scenario *scenario)
{
#ifdef SYNCUP_CRASH_POINTS
	struct world world;
	char *undisturbed;
	mode_t before = umask(077);
	unsigned at = 0;
	bool killed;

	world_make(&world);
	scenario->prepare(&world);
	assert_true(scenario->act(&world));
	undisturbed = describe(&world, world.scratch.dir);
	world_remove(&world);
	do {
		char *text;

		world_make(&world);
		scenario->prepare(&world);
		killed = run_killed_(scenario->name, world.scratch.dir, ++at);
		if (scenario->check)
			scenario->check(&world);
		if (killed) {
			(void)run_killed_(scenario->name, world.scratch.dir,
				1 + at * 5 % 7);
			if (scenario->check)
				scenario->check(&world);
		}
		if (!scenario->act(&world))
			fail_msg("killed at %u: %s", at, world.err.msg);
		text = describe(&world, world.scratch.dir);
		assert_string_equal(text, undisturbed);
		free(text);
		world_remove(&world);
	} while (killed);
	assert_true(at > 2);
	free(undisturbed);
	(void)umask(before);
#else
	(void)scenario;
	skip();
#endif
}

#endif
