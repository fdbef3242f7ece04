/*
 * disks.c - follows a trace.  See disks.h.
 */
#include "tests/sim/disks.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/disks_model.h"

#define ARGUMENTS_MAX 6

/* Room for one more; lists here are short. */
void *disks_grow(void *list, size_t count, size_t size)
{
	void *grown = realloc(list, (count + 1) * size);

	assert(grown);
	return grown;
}

static char *read_file(const char *folder, const char *name, size_t *ret_len)
{
	char path[PATH_MAX];
	FILE *file;
	char *text;
	long len;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file) {
		perror(path);
		abort();
	}
	(void)fseek(file, 0, SEEK_END);
	len = ftell(file);
	(void)fseek(file, 0, SEEK_SET);
	text = calloc(1, (size_t)len + 1);
	assert(text && fread(text, 1, (size_t)len, file) == (size_t)len);
	(void)fclose(file);
	*ret_len = (size_t)len;
	return text;
}

/* ---- nodes ---- */

static struct node *find(const struct disks *disks, ino_t ino)
{
	/* From the end: a number is used again when its file is gone. */
	for (unsigned i = disks->nodes; i-- > 0;)
		if (disks->ino[i] == ino)
			return disks->known[i];
	return NULL;
}

static struct node *must_find(const struct disks *disks, ino_t ino)
{
	struct node *node = find(disks, ino);

	if (!node) {
		(void)fprintf(stderr,
			"line %lu of the trace: inode %lu was never seen\n",
			disks->next, (unsigned long)ino);
		abort();
	}
	return node;
}

static struct node *add(struct disks *disks, ino_t ino, mode_t mode)
{
	struct node *node = calloc(1, sizeof(*node));

	assert(node);
	node->mode = mode;
	disks->known =
		disks_grow(disks->known, disks->nodes, sizeof(*disks->known));
	disks->ino = disks_grow(disks->ino, disks->nodes, sizeof(*disks->ino));
	disks->known[disks->nodes] = node;
	disks->ino[disks->nodes++] = ino;
	return node;
}

/* ---- what is pending ---- */

static struct item *pend(
	struct disks *disks, enum item_kind kind, struct node *node)
{
	struct item *item;

	disks->item =
		disks_grow(disks->item, disks->items, sizeof(*disks->item));
	item = &disks->item[disks->items++];
	*item = (struct item){.kind = kind, .node = node};
	node->hashed[1] = false;
	return item;
}

static void pend_entry(struct disks *disks, struct node *dir, const char *gone,
	const char *name, struct node *node)
{
	struct item *item = pend(disks, ITEM_ENTRY, dir);

	item->gone = gone;
	item->new = (struct entry){name, node};
}

static void remove_entry(
	struct entry *entry, unsigned *entries, const char *name)
{
	for (unsigned i = 0; i < *entries; i++)
		if (strcmp(entry[i].name, name) == 0) {
			entry[i] = entry[--*entries];
			return;
		}
}

void disks_apply_entry(
	struct entry **entry, unsigned *entries, const struct item *item)
{
	if (item->gone)
		remove_entry(*entry, entries, item->gone);
	if (!item->new.name)
		return;
	remove_entry(*entry, entries, item->new.name);
	*entry = disks_grow(*entry, *entries, sizeof(**entry));
	(*entry)[(*entries)++] = item->new;
}

static void make_long(char **data, size_t *len, size_t wanted)
{
	char *grown;

	if (*len >= wanted)
		return;
	grown = realloc(*data, wanted + 1);
	assert(grown);
	memset(grown + *len, 0, wanted - *len + 1);
	*data = grown;
	*len = wanted;
}

static void apply_bytes(char **data, size_t *len, const struct item *item,
	enum fate fate, const struct disk_choice *choice)
{
	size_t whole = item->at + item->len;
	size_t here = fate == FATE_CUT   ? choice->cut
		      : fate == FATE_ALL ? item->len
					 : 0;

	if (item->kind == ITEM_TRUNCATE) {
		make_long(data, len, item->at);
		*len = item->at;
		return;
	}
	if (fate == FATE_CUT && !choice->cut_zero)
		whole = item->at + here;
	make_long(data, len, whole);
	if (here)
		memcpy(*data + item->at, item->data, here);
}

char *disks_content(const struct disks *disks, const struct node *node,
	const struct disk_choice *choice, size_t *ret_len)
{
	char *data = malloc(node->len + 1);
	size_t len = node->len;

	assert(data);
	if (len)
		memcpy(data, node->data, len);
	for (unsigned i = 0; i < disks->items; i++) {
		const struct item *item = &disks->item[i];
		enum fate fate = choice ? choice->fate[i] : FATE_ALL;

		if (item->node == node && fate != FATE_NONE)
			apply_bytes(&data, &len, item, fate, choice);
	}
	*ret_len = len;
	return data;
}

struct entry *disks_entries(const struct disks *disks, const struct node *node,
	const struct disk_choice *choice, unsigned *ret_count)
{
	struct entry *entry = calloc(node->entries + 1, sizeof(*entry));

	assert(entry);
	if (node->entries)
		memcpy(entry, node->entry, node->entries * sizeof(*entry));
	*ret_count = node->entries;
	for (unsigned i = 0; i < disks->items; i++)
		if (disks->item[i].node == node &&
			(!choice || choice->fate[i] != FATE_NONE))
			disks_apply_entry(&entry, ret_count, &disks->item[i]);
	return entry;
}

static void sync_node(struct disks *disks, struct node *node)
{
	unsigned kept = 0;

	node->hash[0] = node->hash[1];
	node->hashed[0] = node->hashed[1];
	if (S_ISDIR(node->mode)) {
		struct entry *entry =
			disks_entries(disks, node, NULL, &node->entries);

		free(node->entry);
		node->entry = entry;
	} else {
		char *data = disks_content(disks, node, NULL, &node->len);

		free(node->data);
		node->data = data;
	}
	for (unsigned i = 0; i < disks->items; i++)
		if (disks->item[i].node != node)
			disks->item[kept++] = disks->item[i];
	disks->items = kept;
}

/* ---- lines ---- */

struct line {
	const char *op;
	char *arg[ARGUMENTS_MAX];
};

static unsigned long number(const struct line *line, unsigned index, int base)
{
	assert(line->arg[index]);
	return strtoul(line->arg[index], NULL, base);
}

/* Takes the line apart for good. */
static void take_apart(char *text, struct line *ret_line)
{
	*ret_line = (struct line){0};
	(void)strsep(&text, "\t"); /* the pid */
	ret_line->op = strsep(&text, "\t");
	assert(ret_line->op);
	for (unsigned i = 0; i < ARGUMENTS_MAX && text; i++)
		ret_line->arg[i] = strsep(&text, "\t");
}

static void new_node(
	struct disks *disks, const struct line *line, mode_t type, bool known)
{
	struct node *dir = find(disks, number(line, 0, 10));
	ino_t ino = number(line, 1, 10);
	struct node *node = known ? find(disks, ino) : NULL;

	if (!node && type == S_IFLNK)
		node = add(disks, ino, S_IFLNK | 0777);
	else if (!node)
		node = add(disks, ino, type | (mode_t)number(line, 2, 8));
	if (type == S_IFLNK)
		node->text = line->arg[3];
	/* The root itself is in no directory that we know. */
	if (dir)
		pend_entry(disks, dir, NULL, line->arg[type == S_IFLNK ? 2 : 3],
			node);
	else
		disks->root[disks->roots - 1].node = node;
}

static void renamed(struct disks *disks, const struct line *line)
{
	struct node *from = must_find(disks, number(line, 0, 10));
	struct node *to = must_find(disks, number(line, 1, 10));
	struct node *node = NULL, *over = NULL;
	struct entry *entry;
	unsigned count;

	assert(line->arg[2] && line->arg[3]);
	entry = disks_entries(disks, from, NULL, &count);
	for (unsigned i = 0; i < count; i++)
		if (strcmp(entry[i].name, line->arg[2]) == 0)
			node = entry[i].node;
	free(entry);
	entry = disks_entries(disks, to, NULL, &count);
	for (unsigned i = 0; i < count; i++)
		if (strcmp(entry[i].name, line->arg[3]) == 0)
			over = entry[i].node;
	free(entry);
	assert(node);
	if (node == over) /* rename(2): nothing happens */
		return;
	if (from == to) {
		pend_entry(disks, from, line->arg[2], line->arg[3], node);
		return;
	}
	pend_entry(disks, to, NULL, line->arg[3], node);
	pend_entry(disks, from, line->arg[2], NULL, NULL);
}

static void written(struct disks *disks, const struct line *line)
{
	struct node *node = must_find(disks, number(line, 0, 10));
	struct item *item = pend(disks, ITEM_WRITE, node);
	size_t from = number(line, 3, 10);

	item->at = number(line, 1, 10);
	item->len = number(line, 2, 10);
	assert(from + item->len <= disks->data_len);
	item->data = disks->data + from;
}

static void follow(struct disks *disks, char *text)
{
	struct line line;
	struct node *node;

	take_apart(text, &line);
	if (strcmp(line.op, "root") == 0) {
		disks->root[disks->roots++].path = line.arg[0];
	} else if (strcmp(line.op, "known") == 0) {
		new_node(disks, &line, S_IFREG, true);
	} else if (strcmp(line.op, "create") == 0) {
		new_node(disks, &line, S_IFREG, false);
	} else if (strcmp(line.op, "mkdir") == 0) {
		new_node(disks, &line, S_IFDIR, false);
	} else if (strcmp(line.op, "symlink") == 0) {
		new_node(disks, &line, S_IFLNK, false);
	} else if (strcmp(line.op, "link") == 0) {
		node = must_find(disks, number(&line, 1, 10));
		pend_entry(disks, must_find(disks, number(&line, 0, 10)), NULL,
			line.arg[2], node);
	} else if (strcmp(line.op, "unlink") == 0) {
		pend_entry(disks, must_find(disks, number(&line, 0, 10)),
			line.arg[1], NULL, NULL);
	} else if (strcmp(line.op, "rename") == 0) {
		renamed(disks, &line);
	} else if (strcmp(line.op, "write") == 0) {
		written(disks, &line);
	} else if (strcmp(line.op, "truncate") == 0) {
		node = must_find(disks, number(&line, 0, 10));
		pend(disks, ITEM_TRUNCATE, node)->at = number(&line, 1, 10);
	} else if (strcmp(line.op, "sync") == 0) {
		sync_node(disks, must_find(disks, number(&line, 0, 10)));
	} else if (strcmp(line.op, "chmod") == 0) {
		node = must_find(disks, number(&line, 0, 10));
		node->mode =
			(node->mode & S_IFMT) | (mode_t)number(&line, 1, 8);
	} else {
		assert(strcmp(line.op, "failed") == 0 ||
			strcmp(line.op, "nothing") == 0 ||
			strcmp(line.op, "reserve") == 0);
	}
}

/* All of what was there before is. */
static void begin(struct disks *disks)
{
	for (;;) {
		char *text = disks->line[disks->next++];

		assert(disks->next <= disks->lines);
		if (strstr(text, "\tdurable"))
			break;
		follow(disks, text);
	}
	while (disks->items > 0)
		sync_node(disks, disks->item[0].node);
	disks->begin = disks->next;
}

struct disks *disks_new(const char *folder)
{
	struct disks *disks = calloc(1, sizeof(*disks));
	char *rest, *line;
	size_t len;

	assert(disks);
	disks->trace = read_file(folder, "trace", &len);
	disks->data = read_file(folder, "data", &disks->data_len);
	rest = disks->trace;
	while ((line = strsep(&rest, "\n")))
		if (line[0]) {
			disks->line = disks_grow(disks->line, disks->lines,
				sizeof(*disks->line));
			disks->line[disks->lines++] = line;
		}
	begin(disks);
	return disks;
}

void disks_free(struct disks *disks)
{
	if (!disks)
		return;
	for (unsigned i = 0; i < disks->nodes; i++) {
		free(disks->known[i]->data);
		free(disks->known[i]->entry);
		free(disks->known[i]->path);
		free(disks->known[i]);
	}
	free(disks->known);
	free(disks->ino);
	free(disks->item);
	free(disks->line);
	free(disks->trace);
	free(disks->data);
	free(disks->seen);
	free(disks);
}

unsigned long disks_operations(const struct disks *disks)
{
	return disks->lines - disks->begin;
}

unsigned long disks_done(const struct disks *disks)
{
	return disks->next - disks->begin;
}

const char *disks_next(const struct disks *disks)
{
	return disks->next < disks->lines ? disks->line[disks->next] : "";
}

bool disks_forward(struct disks *disks)
{
	if (disks->next >= disks->lines)
		return false;
	follow(disks, disks->line[disks->next++]);
	return true;
}
