/*
 * disks_each.c - which disks may be left, one after the other.  See disks.h.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/disks.h"
#include "tests/sim/disks_model.h"

#define SUBSETS_MAX 3 /* so many writes are left out in every combination */

struct walk {
	struct disks *disks;
	const struct disks_options *options;
	disks_fn *fn;
	void *arg;
	struct disk_choice choice;
	char what[160];
	bool ok;
};

/* ---- telling one from another ---- */

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *byte = data;
	uint64_t word;

	for (; len >= sizeof(word); len -= sizeof(word)) {
		memcpy(&word, byte, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
		byte += sizeof(word);
	}
	while (len-- > 0)
		hash = (hash ^ *byte++) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	return mix(hash, text, strlen(text) + 1);
}

/* 0 none, 1 all, -1 something else. */
static int common_fate(const struct walk *walk, const struct node *node)
{
	int common = -2;

	for (unsigned i = 0; i < walk->disks->items; i++) {
		enum fate fate = walk->choice.fate[i];

		if (walk->disks->item[i].node != node)
			continue;
		if (fate > FATE_ALL || (common >= 0 && common != (int)fate))
			return -1;
		common = (int)fate;
	}
	return common == -2 ? 0 : common;
}

static uint64_t hash_file(const struct walk *walk, struct node *node)
{
	int fate = common_fate(walk, node);
	uint64_t hash;
	char *data;
	size_t len;

	if (fate >= 0 && node->hashed[fate])
		return node->hash[fate];
	data = disks_content(walk->disks, node, &walk->choice, &len);
	hash = mix(len, data, len);
	free(data);
	if (fate >= 0) {
		node->hash[fate] = hash;
		node->hashed[fate] = true;
	}
	return hash;
}

static uint64_t hash_node(const struct walk *walk, struct node *node)
{
	uint64_t hash = S_IFDIR;
	struct entry *entry;
	unsigned count;

	if (S_ISLNK(node->mode))
		return mix_text(S_IFLNK, node->text);
	if (!S_ISDIR(node->mode))
		return hash_file(walk, node);
	entry = disks_entries(walk->disks, node, &walk->choice, &count);
	for (unsigned i = 0; i < count; i++) /* in any order */
		hash += mix_text(hash_node(walk, entry[i].node), entry[i].name);
	free(entry);
	return mix(S_IFDIR, &hash, sizeof(hash));
}

static bool is_new(struct walk *walk)
{
	struct disks *disks = walk->disks;
	uint64_t hash = walk->options->stamp;
	size_t at;

	for (unsigned i = 0; i < disks->roots; i++) {
		uint64_t one = hash_node(walk, disks->root[i].node);

		hash = mix(hash + i, &one, sizeof(one));
	}
	hash += hash == 0;
	if (2 * disks->seen_count >= disks->seen_room) {
		size_t room = disks->seen_room, old = room;
		uint64_t *seen = disks->seen;

		disks->seen_room = room ? 2 * room : 1024;
		disks->seen = calloc(disks->seen_room, sizeof(*seen));
		assert(disks->seen);
		for (size_t i = 0; i < old; i++) {
			if (!seen[i])
				continue;
			at = seen[i] % disks->seen_room;
			while (disks->seen[at])
				at = (at + 1) % disks->seen_room;
			disks->seen[at] = seen[i];
		}
		free(seen);
	}
	for (at = hash % disks->seen_room; disks->seen[at];
		at = (at + 1) % disks->seen_room)
		if (disks->seen[at] == hash)
			return false;
	disks->seen[at] = hash;
	disks->seen_count++;
	return true;
}

/* ---- one after the other ---- */

static void say(struct walk *walk, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void say(struct walk *walk, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(walk->what, sizeof(walk->what), fmt, args);
	va_end(args);
}

static void emit(struct walk *walk)
{
	const struct disk disk = {walk->disks, &walk->choice, walk->what};

	if (walk->ok && (!walk->options || is_new(walk)))
		walk->ok = walk->fn(walk->arg, &disk);
}

static bool is_data(const struct walk *walk, unsigned index)
{
	return walk->disks->item[index].kind != ITEM_ENTRY;
}

static void set_all(struct walk *walk, enum fate fate)
{
	memset(walk->choice.fate, (int)fate, walk->disks->items);
}

static void set_data(struct walk *walk, enum fate fate)
{
	for (unsigned i = 0; i < walk->disks->items; i++)
		if (is_data(walk, i))
			walk->choice.fate[i] = (unsigned char)fate;
}

static const char *fate_name(enum fate fate)
{
	static const char *const names[] = {"none", "all", "zeros", "part"};

	return names[fate];
}

/* Entries: the first so many, one that is missing, one that alone is there;
 * each with what was written there, missing or zero. */
static void each_entry(struct walk *walk, enum fate data)
{
	unsigned items = walk->disks->items;

	for (unsigned i = 0; i <= items; i++) {
		if (i < items && is_data(walk, i))
			continue;
		set_all(walk, FATE_NONE);
		memset(walk->choice.fate, FATE_ALL, i);
		set_data(walk, data);
		say(walk, "entries up to change %u, text %s", i,
			fate_name(data));
		emit(walk);
		if (i == items)
			break;
		set_all(walk, FATE_ALL);
		walk->choice.fate[i] = FATE_NONE;
		set_data(walk, data);
		say(walk, "entry change %u missing, text %s", i,
			fate_name(data));
		emit(walk);
		set_all(walk, FATE_NONE);
		walk->choice.fate[i] = FATE_ALL;
		set_data(walk, data);
		say(walk, "entry change %u alone, text %s", i, fate_name(data));
		emit(walk);
	}
}

struct writes { /* to one file */
	unsigned *item, count;
	size_t bytes;
};

static struct writes writes_of(const struct walk *walk, const struct node *node)
{
	struct writes writes = {0};

	for (unsigned i = 0; i < walk->disks->items; i++) {
		if (walk->disks->item[i].node != node)
			continue;
		writes.item = disks_grow(
			writes.item, writes.count, sizeof(*writes.item));
		writes.item[writes.count++] = i;
		writes.bytes += walk->disks->item[i].len;
	}
	return writes;
}

static void subsets(struct walk *walk, const struct writes *writes)
{
	for (unsigned mask = 0; mask < 1u << writes->count; mask++) {
		for (unsigned i = 0; i < writes->count; i++)
			walk->choice.fate[writes->item[i]] =
				mask >> i & 1 ? FATE_ALL : FATE_NONE;
		say(walk, "of %u writes those of mask %x", writes->count, mask);
		emit(walk);
	}
}

static void prefixes(struct walk *walk, const struct writes *writes)
{
	unsigned char *fate = walk->choice.fate;

	for (unsigned i = 0; i < writes->count; i++) {
		for (unsigned j = 0; j < writes->count; j++)
			fate[writes->item[j]] = j != i;
		say(walk, "of %u writes number %u missing", writes->count, i);
		emit(walk);
		for (unsigned j = 0; j < writes->count; j++)
			fate[writes->item[j]] = j < i;
		say(walk, "of %u writes the first %u", writes->count, i);
		emit(walk);
	}
}

/* From write number first on, zeros. */
static void zeros(struct walk *walk, const struct writes *writes)
{
	for (unsigned i = 0; i < writes->count; i++) {
		for (unsigned j = 0; j < writes->count; j++)
			walk->choice.fate[writes->item[j]] =
				j < i ? FATE_ALL : FATE_ZERO;
		say(walk, "of %u writes zeros from %u on", writes->count, i);
		emit(walk);
		for (unsigned j = 0; j < writes->count; j++)
			walk->choice.fate[writes->item[j]] =
				j == i ? FATE_ZERO : FATE_ALL;
		say(walk, "of %u writes zeros for %u", writes->count, i);
		emit(walk);
	}
}

static void cut_at(struct walk *walk, const struct writes *writes,
	unsigned index, size_t byte)
{
	for (unsigned j = 0; j < writes->count; j++)
		walk->choice.fate[writes->item[j]] = j < index    ? FATE_ALL
						     : j == index ? FATE_CUT
								  : FATE_NONE;
	walk->choice.cut = byte;
	for (int zero = 0; zero < 2; zero++) {
		walk->choice.cut_zero = zero;
		say(walk, "of %u writes number %u cut at %zu%s", writes->count,
			index, byte, zero ? ", then zeros" : "");
		emit(walk);
	}
}

static void cuts(struct walk *walk, const struct writes *writes)
{
	bool every = writes->bytes <= walk->options->every_byte;
	unsigned i = every || writes->count == 0 ? 0 : writes->count - 1;

	for (; i < writes->count; i++) {
		const struct item *item = &walk->disks->item[writes->item[i]];

		if (item->kind != ITEM_WRITE || item->len < 2)
			continue;
		if (!every) {
			cut_at(walk, writes, i, 1);
			cut_at(walk, writes, i, item->len / 2);
			cut_at(walk, writes, i, item->len - 1);
			continue;
		}
		for (size_t byte = 1; byte < item->len; byte++)
			cut_at(walk, writes, i, byte);
	}
}

static void each_file(struct walk *walk, enum fate others)
{
	for (unsigned i = 0; i < walk->disks->items; i++) {
		const struct node *node = walk->disks->item[i].node;
		struct writes writes;

		if (!is_data(walk, i))
			continue;
		writes = writes_of(walk, node);
		set_all(walk, others);
		if (writes.item[0] != i)
			; /* had its turn */
		else if (writes.count <= SUBSETS_MAX)
			subsets(walk, &writes);
		else
			prefixes(walk, &writes);
		if (writes.item[0] == i) {
			zeros(walk, &writes);
			cuts(walk, &writes);
		}
		free(writes.item);
	}
}

static struct walk walk_new(struct disks *disks,
	const struct disks_options *options, disks_fn *fn, void *arg)
{
	struct walk walk = {disks, options, fn, arg, .ok = true};

	walk.choice.fate = calloc(disks->items + 1, 1);
	assert(walk.choice.fate);
	return walk;
}

bool disks_each(struct disks *disks, const struct disks_options *options,
	disks_fn *fn, void *arg)
{
	struct walk walk = walk_new(disks, options, fn, arg);

	for (int fate = FATE_NONE; fate <= FATE_ALL; fate++) {
		set_all(&walk, (enum fate)fate);
		say(&walk, "%s of what was not synced",
			fate_name((enum fate)fate));
		emit(&walk);
	}
	for (int fate = FATE_NONE; fate <= FATE_ZERO; fate++)
		each_entry(&walk, (enum fate)fate);
	each_file(&walk, FATE_NONE);
	each_file(&walk, FATE_ALL);
	free(walk.choice.fate);
	return walk.ok;
}

static void one(struct disks *disks, enum fate fate, disks_fn *fn, void *arg)
{
	struct walk walk = walk_new(disks, NULL, fn, arg);

	set_all(&walk, fate);
	say(&walk, "%s of what was not synced", fate_name(fate));
	emit(&walk);
	free(walk.choice.fate);
}

void disks_none(struct disks *disks, disks_fn *fn, void *arg)
{
	one(disks, FATE_NONE, fn, arg);
}

void disks_all(struct disks *disks, disks_fn *fn, void *arg)
{
	one(disks, FATE_ALL, fn, arg);
}

/* ---- to a real one, and back ---- */

static void trouble(const char *path)
{
	perror(path);
	abort();
}

static void write_file(
	const struct disk *disk, struct node *node, const char *path)
{
	size_t len, done = 0;
	char *data;
	int fd;

	if (node->mark == disk->disks->mark && node->path) {
		if (link(node->path, path) < 0) /* its other name */
			trouble(path);
		return;
	}
	data = disks_content(disk->disks, node, disk->choice, &len);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	while (fd >= 0 && done < len) {
		ssize_t wrote = write(fd, data + done, len - done);

		if (wrote < 0)
			trouble(path);
		done += (size_t)wrote;
	}
	if (fd < 0 || fchmod(fd, node->mode & 07777) < 0 || close(fd) < 0)
		trouble(path);
	free(data);
	free(node->path);
	node->path = strdup(path);
	node->mark = disk->disks->mark;
}

static void write_node(
	const struct disk *disk, struct node *node, const char *path)
{
	struct entry *entry;
	unsigned count;

	if (S_ISLNK(node->mode)) {
		if (symlink(node->text, path) < 0)
			trouble(path);
		return;
	}
	if (!S_ISDIR(node->mode)) {
		write_file(disk, node, path);
		return;
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		trouble(path);
	entry = disks_entries(disk->disks, node, disk->choice, &count);
	for (unsigned i = 0; i < count; i++) {
		char below[PATH_MAX];

		(void)snprintf(
			below, sizeof(below), "%s/%s", path, entry[i].name);
		write_node(disk, entry[i].node, below);
	}
	free(entry);
	if (chmod(path, node->mode & 07777) < 0)
		trouble(path);
}

void disk_write(const struct disk *disk, unsigned index, const char *directory)
{
	assert(index < disk->disks->roots);
	disk->disks->mark++;
	write_node(disk, disk->disks->root[index].node, directory);
}

static bool is_file(
	const struct disk *disk, const struct node *node, const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t len, room;
	ssize_t got;
	char *data, *real;
	bool same;

	data = disks_content(disk->disks, node, disk->choice, &len);
	room = len + 1;
	real = malloc(room);
	assert(real);
	got = fd < 0 ? -1 : read(fd, real, room);
	same = got >= 0 && (size_t)got == len && memcmp(real, data, len) == 0;
	if (fd >= 0)
		(void)close(fd);
	free(data);
	free(real);
	return same;
}

static bool is_node(const struct disk *disk, const struct node *node,
	const char *path, const char *ignore);

static bool is_directory(const struct disk *disk, const struct node *node,
	const char *path, const char *ignore)
{
	DIR *list = opendir(path);
	const struct dirent *there;
	unsigned count, found = 0;
	struct entry *entry;
	bool same = list != NULL;

	entry = disks_entries(disk->disks, node, disk->choice, &count);
	while (list && (there = readdir(list)))
		found += strcmp(there->d_name, ".") != 0 &&
			 strcmp(there->d_name, "..") != 0;
	if (list)
		(void)closedir(list);
	same = same && found == count;
	for (unsigned i = 0; same && i < count; i++) {
		char below[PATH_MAX];

		(void)snprintf(
			below, sizeof(below), "%s/%s", path, entry[i].name);
		same = (ignore && strcmp(entry[i].name, ignore) == 0) ||
		       is_node(disk, entry[i].node, below, ignore);
	}
	free(entry);
	return same;
}

static bool is_node(const struct disk *disk, const struct node *node,
	const char *path, const char *ignore)
{
	char text[PATH_MAX];
	ssize_t len;

	if (S_ISDIR(node->mode))
		return is_directory(disk, node, path, ignore);
	if (!S_ISLNK(node->mode))
		return is_file(disk, node, path);
	len = readlink(path, text, sizeof(text));
	return len >= 0 && (size_t)len == strlen(node->text) &&
	       memcmp(text, node->text, (size_t)len) == 0;
}

bool disk_is(const struct disk *disk, unsigned index, const char *directory,
	const char *ignore)
{
	return is_node(disk, disk->disks->root[index].node, directory, ignore);
}
