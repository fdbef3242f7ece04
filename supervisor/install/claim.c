/*
 * claim.c - see claim.h.
 */
#include "supervisor/install/claim.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/install/files.h"

enum {
	ENCODED_MAX = 240,
	CLAIM_BYTES_MAX = 16384,
	LOCK_TRIES = 1000,
	LOCK_REST_MS = 2,
};

static const char suffix[] = ".json";

static bool is_fit(char c, bool is_first)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' ||
	       (c == '.' && !is_first);
}

static bool encode(
	const char *name, char ret_encoded[ENCODED_MAX + 1], struct err *err)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = 0;

	for (const char *c = name; *c; c++) {
		unsigned char byte = (unsigned char)*c;

		if (len + 3 > ENCODED_MAX)
			return err_set(err, ERR_CONFIG,
				"name is too long for a claim: %.60s...", name);
		if (is_fit(*c, c == name)) {
			ret_encoded[len++] = *c;
		} else {
			ret_encoded[len++] = '%';
			ret_encoded[len++] = hex[byte >> 4];
			ret_encoded[len++] = hex[byte & 15];
		}
	}
	ret_encoded[len] = '\0';
	return len > 0 || err_set(err, ERR_CONFIG, "a claim needs a name");
}

/* False: not a name that encode() makes. */
static bool decode(
	const char *encoded, size_t len, char ret_name[ENCODED_MAX + 1])
{
	size_t out = 0;

	if (len == 0 || len > ENCODED_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char digits[3] = "";

		if (encoded[i] != '%') {
			if (!is_fit(encoded[i], i == 0))
				return false;
			ret_name[out++] = encoded[i];
			continue;
		}
		if (i + 2 >= len || !isxdigit((unsigned char)encoded[i + 1]) ||
			!isxdigit((unsigned char)encoded[i + 2]))
			return false;
		memcpy(digits, encoded + i + 1, 2);
		ret_name[out++] = (char)strtol(digits, NULL, 16);
		i += 2;
	}
	ret_name[out] = '\0';
	return true;
}

static bool claims_dir(
	const char *root, char ret_dir[PATH_MAX], struct err *err)
{
	return files_path(ret_dir, err, "%s/.syncup/claims", root);
}

static bool claim_path(const char *root, const char *name,
	char ret_path[PATH_MAX], struct err *err)
{
	char encoded[ENCODED_MAX + 1];

	return encode(name, encoded, err) &&
	       files_path(ret_path, err, "%s/.syncup/claims/%s%s", root,
		       encoded, suffix);
}

static bool get_text(
	const json_t *json, const char *key, char *ret_text, size_t size)
{
	const char *text = json_string_value(json_object_get(json, key));

	if (!text || strlen(text) >= size)
		return false;
	(void)snprintf(ret_text, size, "%s", text);
	return true;
}

static bool get_version(
	const json_t *versions, size_t index, char ret_version[32])
{
	const char *text = json_string_value(json_array_get(versions, index));

	if (!text || strlen(text) >= 32)
		return false;
	(void)snprintf(ret_version, 32, "%s", text);
	return true;
}

static bool parse(const json_t *json, struct claim *claim)
{
	const json_t *versions = json_object_get(json, "versions");

	claim->since_ms = json_integer_value(json_object_get(json, "since"));
	claim->pid = (int)json_integer_value(json_object_get(json, "pid"));
	claim->port = (int)json_integer_value(json_object_get(json, "port"));
	return get_text(json, "run", claim->run, sizeof(claim->run)) &&
	       claim->run[0] &&
	       get_text(json, "host", claim->host, sizeof(claim->host)) &&
	       get_text(json, "state_dir", claim->state_dir,
		       sizeof(claim->state_dir)) &&
	       get_text(json, "fleet", claim->fleet, sizeof(claim->fleet)) &&
	       json_array_size(versions) == 2 &&
	       get_version(versions, 0, claim->from) &&
	       get_version(versions, 1, claim->to);
}

static bool read_path(
	const char *path, struct claim *ret_claim, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_json_ json_t *json = NULL;
	size_t len;

	memset(ret_claim, 0, sizeof(*ret_claim));
	if (!atomic_file_read(path, CLAIM_BYTES_MAX, &data, &len, err))
		return false;
	json = json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json || !parse(json, ret_claim))
		return err_set(
			err, ERR_CONFIG, "%s is not a claim of syncup", path);
	return true;
}

static char *print(const struct claim *claim)
{
	_cleanup_json_ json_t *json =
		json_pack("{s:s, s:s, s:i, s:s, s:s, s:I, s:[s, s]}", "run",
			claim->run, "host", claim->host, "pid", claim->pid,
			"state_dir", claim->state_dir, "fleet", claim->fleet,
			"since", (json_int_t)claim->since_ms, "versions",
			claim->from, claim->to);

	if (claim->port)
		(void)json_object_set_new(
			json, "port", json_integer(claim->port));
	return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

static bool held_by(
	const char *name, const struct claim *claim, struct err *err)
{
	time_t since = (time_t)(claim->since_ms / 1000);
	char when[32] = "?";
	struct tm tm;

	if (gmtime_r(&since, &tm))
		(void)strftime(
			when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return err_set(err, ERR_HELD,
		"%.60s is claimed by run %s of fleet %.60s on %s since %s, "
		"state directory %.120s",
		name, claim->run, claim->fleet, claim->host, when,
		claim->state_dir);
}

bool claim_read(const char *root, const char *name, struct claim *ret_claim,
	struct err *err)
{
	char path[PATH_MAX];

	return claim_path(root, name, path, err) &&
	       read_path(path, ret_claim, err);
}

static bool write_claim(const char *path, const struct claim *claim,
	bool is_replaced, struct err *err)
{
	_cleanup_free_ char *text = print(claim);

	if (!text)
		return err_set(err, ERR_CONFIG,
			"a claim's text is not UTF-8: %s", path);
	/* readable for everybody: another user's run has to see whose it is */
	if (is_replaced)
		return atomic_file_write(path, text, strlen(text), 0644, err);
	return atomic_file_create(path, text, strlen(text), 0644, err);
}

/* Permissions are for a person to put right, and no broken disk. */
static bool refuse(struct err *why, struct err *err)
{
	if (why->code == ERR_STORAGE && files_code(why->sys) == ERR_CONFIG)
		why->code = ERR_CONFIG;
	if (err)
		*err = *why;
	return false;
}

static bool make_dir(const char *root, struct err *err)
{
	char dir[PATH_MAX];

	return claims_dir(root, dir, err) && files_mkdir_all(dir, err);
}

/* Until *ret_fd is closed nobody else changes claims.  Where a file system has
 * no flock, O_EXCL still keeps claims of one name apart. */
static bool lock_dir(const char *root, int *ret_fd, struct err *err)
{
	const struct timespec rest = {.tv_nsec = LOCK_REST_MS * 1000000L};
	char dir[PATH_MAX];
	_cleanup_fd_ int fd = -1;

	if (!claims_dir(root, dir, err))
		return false;
	fd = sys->openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(
			err, files_code(errno), errno, "opening %s", dir);
	for (int tries = 0; sys->flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			break;
		if (tries == LOCK_TRIES)
			return err_set(err, ERR_AGAIN,
				"somebody else is changing %s", dir);
		(void)nanosleep(&rest, NULL);
	}
	*ret_fd = take_fd(&fd);
	return true;
}

/* The nearest directory above path that is there, and what follows it. */
static bool locate(
	const char *path, struct stat *ret_dir, char ret_rest[PATH_MAX])
{
	char dir[PATH_MAX];
	char *slash;

	if (!files_path(dir, NULL, "%s", path))
		return false;
	while ((slash = strrchr(dir, '/'))) {
		*slash = '\0';
		if (stat(dir[0] ? dir : "/", ret_dir) < 0)
			continue;
		(void)snprintf(ret_rest, PATH_MAX, "%s", path + (slash - dir));
		return true;
	}
	return false;
}

static bool is_same_entry(const char *a, const char *b)
{
	char rest_a[PATH_MAX], rest_b[PATH_MAX];
	struct stat dir_a, dir_b;

	return a[0] == '/' && b[0] == '/' && locate(a, &dir_a, rest_a) &&
	       locate(b, &dir_b, rest_b) && dir_a.st_dev == dir_b.st_dev &&
	       dir_a.st_ino == dir_b.st_ino && strcmp(rest_a, rest_b) == 0;
}

struct search { /* for another's claim on one of these things */
	const struct claim_thing *things;
	const char *but, *nor; /* runs that do not count */
	struct claim *ret_claim;
	char ret_name[ENCODED_MAX + 1];
	const struct claim_thing *found;
};

static bool is_on(const struct claim *claim, const char *name,
	const struct claim_thing *thing)
{
	return strcmp(name, thing->name) == 0 ||
	       (thing->port && claim->port == thing->port) ||
	       is_same_entry(name, thing->name);
}

static bool look_for(
	void *arg, const char *name, const struct claim *claim, struct err *err)
{
	struct search *search = arg;

	(void)err;
	if (search->found ||
		(search->but && strcmp(claim->run, search->but) == 0) ||
		(search->nor && strcmp(claim->run, search->nor) == 0))
		return true;
	for (const struct claim_thing *thing = search->things; thing->name;
		thing++) {
		if (!is_on(claim, name, thing))
			continue;
		search->found = thing;
		*search->ret_claim = *claim;
		(void)snprintf(
			search->ret_name, sizeof(search->ret_name), "%s", name);
		break;
	}
	return true;
}

bool claim_find(const char *root, const char *name, int port, const char *but,
	struct claim *ret_claim, struct err *err)
{
	const struct claim_thing things[] = {{name, port}, {NULL, 0}};
	struct search search = {
		.things = things, .but = but, .ret_claim = ret_claim};

	if (!claim_each(root, look_for, &search, err))
		return false;
	return search.found ||
	       err_set(err, ERR_MISSING, "nobody has claimed %.60s", name);
}

/* Is nothing of the lane another's, but for what is taken over? */
static bool check_lane(const char *root, const struct claim_thing *lane,
	const char *ours, const char *from, struct err *err)
{
	struct claim owner = {0};
	struct search search = {
		.things = lane, .but = ours, .nor = from, .ret_claim = &owner};

	if (!lane)
		return true;
	return claim_each(root, look_for, &search, err) &&
	       (!search.found || held_by(search.found->name, &owner, err));
}

/* The directory's lock is held. */
static bool create_locked(const char *root, const char *name,
	const struct claim *claim, struct err *err)
{
	char path[PATH_MAX];
	struct err why = {0};
	struct claim owner = {0};

	if (!claim_path(root, name, path, err))
		return false;
	if (claim_find(root, name, claim->port, claim->run, &owner, &why))
		return held_by(name, &owner, err);
	if (why.code != ERR_MISSING)
		return refuse(&why, err);
	if (write_claim(path, claim, false, &why))
		return true;
	if (why.code != ERR_HELD)
		return refuse(&why, err);
	/* Without a lock: somebody was faster. */
	if (!read_path(path, &owner, err))
		return false;
	if (strcmp(owner.run, claim->run) != 0)
		return held_by(name, &owner, err);
	/* ours, perhaps of one who was killed before the sync */
	return atomic_sync_parent(path, err);
}

bool claim_create(const char *root, const char *name, const struct claim *claim,
	const struct claim_thing *lane, struct err *err)
{
	_cleanup_fd_ int lock = -1;
	struct err why = {0};

	return (make_dir(root, &why) && lock_dir(root, &lock, &why) &&
		       check_lane(root, lane, claim->run, NULL, &why) &&
		       create_locked(root, name, claim, &why)) ||
	       refuse(&why, err);
}

static bool take_locked(const char *root, const char *name,
	const struct claim *claim, const char *from, struct err *err)
{
	const struct claim_thing things[] = {{name, claim->port}, {NULL, 0}};
	struct claim owner = {0};
	struct search search = {
		.things = things, .but = claim->run, .ret_claim = &owner};
	char path[PATH_MAX];

	for (;;) {
		search.found = NULL;
		if (!claim_each(root, look_for, &search, err))
			return false;
		if (!search.found)
			return create_locked(root, name, claim, err);
		if (strcmp(owner.run, from) != 0)
			return held_by(name, &owner, err);
		if (!claim_path(root, search.ret_name, path, err))
			return false;
		/* Its place is never empty; another name of it just goes. */
		if (!(strcmp(search.ret_name, name) == 0
				    ? write_claim(path, claim, true, err)
				    : atomic_remove(path, err)))
			return false;
	}
}

bool claim_take_over(const char *root, const char *name,
	const struct claim *claim, const char *from,
	const struct claim_thing *lane, struct err *err)
{
	_cleanup_fd_ int lock = -1;
	struct err why = {0};

	return (make_dir(root, &why) && lock_dir(root, &lock, &why) &&
		       check_lane(root, lane, claim->run, from, &why) &&
		       take_locked(root, name, claim, from, &why)) ||
	       refuse(&why, err);
}

bool claim_check(
	const char *root, const char *name, const char *run, struct err *err)
{
	struct claim owner = {0};

	if (!claim_read(root, name, &owner, err))
		return false;
	return strcmp(owner.run, run) == 0 || held_by(name, &owner, err);
}

bool claim_remove(
	const char *root, const char *name, const char *run, struct err *err)
{
	char path[PATH_MAX], dir[PATH_MAX];
	_cleanup_fd_ int lock = -1;
	struct err why = {0};

	if (!claim_path(root, name, path, err) || !claims_dir(root, dir, err))
		return false;
	if (access(dir, F_OK) != 0 && errno == ENOENT)
		return true;
	if (!lock_dir(root, &lock, err))
		return false;
	if ((claim_check(root, name, run, &why) || why.code == ERR_MISSING) &&
		atomic_remove(path, &why))
		return true;
	return refuse(&why, err);
}

bool claim_check_writable(const char *root, struct err *err)
{
	char dir[PATH_MAX];
	const char *at = dir;

	if (!claims_dir(root, dir, err))
		return false;
	while (faccessat(AT_FDCWD, at, W_OK | X_OK, AT_EACCESS) < 0) {
		char *slash = strrchr(dir, '/');

		if (errno != ENOENT || !slash)
			return err_sys(err, ERR_CONFIG, errno,
				"claims cannot be written in %s as uid %u", at,
				(unsigned)geteuid());
		*slash = '\0';
		if (!dir[0])
			at = "/";
	}
	return true;
}

bool claim_sweep(const char *root, struct err *err)
{
	char dir[PATH_MAX];
	_cleanup_fd_ int fd = -1;

	if (!claims_dir(root, dir, err))
		return false;
	fd = sys->openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return errno == ENOENT || err_sys(err, files_code(errno), errno,
						  "opening %s", dir);
	return files_clean_temporary(fd, FILES_DAY_S, err);
}

bool claim_sync(const char *root, struct err *err)
{
	char path[PATH_MAX];
	struct err why = {0};

	if (!files_path(path, err, "%s/.syncup/claims/any", root))
		return false;
	if (atomic_sync_parent(path, &why) || why.sys == ENOENT)
		return true;
	if (err)
		*err = why;
	return false;
}

static int is_claim(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), suffix_len = strlen(suffix);

	return entry->d_name[0] != '.' && len > suffix_len &&
	       strcmp(entry->d_name + len - suffix_len, suffix) == 0;
}

bool claim_each(const char *root, claim_fn *fn, void *arg, struct err *err)
{
	char dir[PATH_MAX], path[PATH_MAX], name[ENCODED_MAX + 1];
	struct dirent **list = NULL;
	bool ok = true;
	int count;

	if (!claims_dir(root, dir, err))
		return false;
	count = scandir(dir, &list, is_claim, alphasort);
	if (count < 0)
		return errno == ENOENT || err_sys(err, files_code(errno), errno,
						  "reading %s", dir);
	for (int i = 0; i < count; i++) {
		const char *file = list[i]->d_name;
		struct err why = {0};
		struct claim claim;

		if (ok && decode(file, strlen(file) - strlen(suffix), name) &&
			files_path(path, err, "%s/%s", dir, file)) {
			if (read_path(path, &claim, &why)) {
				ok = fn(arg, name, &claim, err);
			} else if (why.code != ERR_MISSING) {
				if (err)
					*err = why;
				ok = false;
			}
		}
		free(list[i]);
	}
	free(list);
	return ok;
}
