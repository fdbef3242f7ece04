#include "supervisor/fleet/fleet_check.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/fleet/fleet_artifact.h"
#include "supervisor/fleet/fleet_schema.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/fleet/window.h"

#define NOFILE_MAX (1u << 30)

struct text_check {
	struct yaml_text *yaml;
	bool has_secrets_checked;
};

/* Journal and fleet file must read the same, and YAML would change some line
 * separators when it reads the journal's JSON. */
static bool is_plain_text(const char *value, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];
		unsigned char next = (unsigned char)value[i + 1];

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			return false;
		if (c == 0xc2 && next < 0xa0) /* C1, with U+0085 */
			return false;
		if (!strncmp(value + i, "\xe2\x80\xa8", 3) ||
			!strncmp(value + i, "\xe2\x80\xa9", 3) ||
			!strncmp(value + i, "\xef\xbb\xbf", 3) ||
			!strncmp(value + i, "\xef\xbf\xbe", 3) ||
			!strncmp(value + i, "\xef\xbf\xbf", 3))
			return false;
	}
	return true;
}

/* user@host, as ssh is given it: what begins with it is no connection string
 * that was cut. */
static bool is_login(const char *value)
{
	size_t user = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789._-");
	const char *host = value + user + 1;

	return user && value[user] == '@' && host[0] &&
	       !host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")];
}

static bool check_scalar(
	void *arg, size_t line, const char *value, size_t len, struct err *err)
{
	const struct text_check *check = arg;

	if (!is_plain_text(value, len))
		return yaml_refuse_at(check->yaml->file, line, err,
			"a text with a control character or an odd separator");
	if (check->has_secrets_checked && secret_shows(value) &&
		!is_login(value))
		return yaml_refuse_at(check->yaml->file, line, err,
			"this looks like a password or token: plans and "
			"argument lists show what stands here, so keep it in "
			"the instance's config or environment_file");
	return true;
}

static bool check_numbers(struct yaml_text *yaml, const char *group,
	const struct fleet_number *number, struct err *err)
{
	char path[YAML_PATH_MAX];
	uint64_t value;

	for (; number->key; number++) {
		(void)snprintf(path, sizeof(path), "%s%s%s", group,
			group[0] ? "." : "", number->key);
		if (!yaml_text_number(yaml, path, number->least, number->most,
			    &value, err))
			return false;
	}
	return true;
}

bool fleet_check_text(
	struct yaml_text *yaml, bool has_secrets_checked, struct err *err)
{
	struct text_check check = {yaml, has_secrets_checked};

	return yaml_text_each(yaml, check_scalar, &check, err) &&
	       check_numbers(yaml, "", fleet_numbers, err) &&
	       check_numbers(yaml, "limits", fleet_limits, err) &&
	       check_numbers(yaml, "timeouts", fleet_timeouts, err) &&
	       check_numbers(yaml, "artifact", fleet_fetch, err);
}

/* Fit for a file name, an argument and a line of a log. */
static bool is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return len > 0 && len <= 64 && !name[len] && name[0] != '.' &&
	       name[0] != '-';
}

static bool check_name(struct yaml_text *yaml, const char *path,
	const char *name, struct err *err)
{
	if (is_name(name))
		return true;
	return yaml_text_refuse(yaml, err, path,
		"must be 1 to 64 of the characters A-Z a-z 0-9 . _ -, the "
		"first no . or -");
}

/* An ssh destination that is no option of ssh's, and that a shell would take
 * for nothing but itself. */
static bool is_host(const char *host)
{
	size_t len = strspn(host, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@%"
				  "[]");

	return len > 0 && len < 256 && !host[len] && host[0] != '-' &&
	       strcmp(host, "local") != 0;
}

/* N.N.N, and a pre-release word such as -rc1 or -beta.2. */
static bool is_version(const char *text)
{
	const char *at = text;
	int part;

	for (part = 0; part < 3; part++) {
		size_t digits = strspn(at, "0123456789");

		if (digits == 0 || digits > 6 || (digits > 1 && *at == '0'))
			return false;
		at += digits;
		if (part < 2 && *at++ != '.')
			return false;
	}
	if (*at == '-') {
		at++;
		if (!isalnum((unsigned char)*at))
			return false;
		while (isalnum((unsigned char)*at) || *at == '.' || *at == '-')
			at++;
	}
	return !*at && at - text < 32;
}

/* Whether path is dir or below it; both are normalised. */
static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

static bool has_dot_dot(const char *path)
{
	const char *at = path;

	while ((at = strstr(at, "/.."))) {
		if (!at[3] || at[3] == '/')
			return true;
		at += 3;
	}
	return false;
}

/* These are compared as text, and swapped: where they lead must be plain. */
static bool check_root(struct yaml_text *yaml, const char *path,
	const char *dir, struct err *err)
{
	if (!strcmp(dir, "/"))
		return yaml_text_refuse(
			yaml, err, path, "must not be the root directory");
	if (has_dot_dot(dir))
		return yaml_text_refuse(
			yaml, err, path, "must not have \"..\" in it");
	return true;
}

static bool check_link(const struct fleet *fleet, struct yaml_text *yaml,
	const char *path, const char *link, struct err *err)
{
	char versions[FLEET_PATH_MAX + 16];

	if (!check_root(yaml, path, link, err))
		return false;
	(void)snprintf(
		versions, sizeof(versions), "%s/versions", fleet->install_root);
	if (is_below(link, versions) || is_below(fleet->install_root, link))
		return yaml_text_refuse(yaml, err, path,
			"must be a path of its own: not %s, nor in its "
			"versions folder",
			"install_root");
	return true;
}

/* path: of argv's first word. */
static bool check_program(struct yaml_text *yaml, const char *path,
	const struct fleet_strings *argv, bool is_absolute, struct err *err)
{
	const char *program;

	assert(argv);
	program = argv->item[0];
	if (program[0] == '/')
		return true;
	if (is_absolute)
		return yaml_text_refuse(
			yaml, err, path, "must be an absolute path");
	if (!program[0] || strchr(program, '/'))
		return yaml_text_refuse(yaml, err, path,
			"must be an absolute path, or a name found in PATH");
	return true;
}

/* As systemd has it; not a template without an instance, and no word that a
 * command would take for an option. */
static bool is_unit(const char *name)
{
	size_t len = strlen(name);
	size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789:_.\\-@");
	const char *at = strchr(name, '@');

	return len > 8 && len < 256 && good == len && name[0] != '-' &&
	       name[0] != '.' && name[0] != '@' &&
	       !strcmp(name + len - 8, ".service") &&
	       (!at || strcmp(at + 1, ".service") != 0);
}

static bool check_unit(const struct fleet_instance *instance,
	struct yaml_text *yaml, const char *entry, struct err *err)
{
	char path[YAML_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s.unit", entry);
	return is_unit(instance->unit) ||
	       yaml_text_refuse(yaml, err, path,
		       "must be the name of a service unit, such as "
		       "mongosync.service or mongosync@shard0.service");
}

static bool check_command(struct yaml_text *yaml, const char *instance,
	const char *key, const struct fleet_strings *argv, bool is_absolute,
	struct err *err)
{
	char path[YAML_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s.%s[0]", instance, key);
	return check_program(yaml, path, argv, is_absolute, err);
}

static bool check_backend(const struct fleet_instance *instance,
	struct yaml_text *yaml, const char *path, struct err *err)
{
	char number[YAML_PATH_MAX];
	uint64_t nofile;

	if (!!instance->spawn + !!instance->command + !!instance->unit > 1)
		return yaml_text_refuse(yaml, err, path,
			"has several of spawn, command and unit: keep one");
	(void)snprintf(number, sizeof(number), "%s.manager", path);
	if (!instance->unit && yaml_text_find(yaml, number))
		return yaml_text_refuse(
			yaml, err, number, "says nothing without unit");
	if (instance->unit)
		return check_unit(instance, yaml, path, err);
	if (instance->spawn) {
		(void)snprintf(number, sizeof(number), "%s.spawn.nofile", path);
		return yaml_text_number(
			       yaml, number, 0, NOFILE_MAX, &nofile, err) &&
		       check_command(yaml, path, "spawn.argv",
			       &instance->spawn->argv, true, err);
	}
	return check_command(yaml, path, "command.start",
		       &instance->command->start, false, err) &&
	       check_command(yaml, path, "command.stop",
		       &instance->command->stop, false, err) &&
	       check_command(yaml, path, "command.status",
		       &instance->command->status, false, err);
}

static bool check_instance(const struct fleet *fleet, unsigned index,
	struct yaml_text *yaml, struct err *err)
{
	const struct fleet_instance *instance = &fleet->instance[index];
	char entry[YAML_PATH_MAX / 2], path[YAML_PATH_MAX];

	(void)snprintf(entry, sizeof(entry), "instances[%u]", index);
	(void)snprintf(path, sizeof(path), "%s.name", entry);
	if (!check_name(yaml, path, instance->name, err))
		return false;
	(void)snprintf(path, sizeof(path), "%s.host", entry);
	if (instance->host && !is_host(instance->host))
		return yaml_text_refuse(yaml, err, path,
			"must be an ssh destination, of the characters A-Z a-z "
			"0-9 . _ - : @ %% [ ], the first no -; leave it out "
			"for this machine");
	(void)snprintf(path, sizeof(path), "%s.lane", entry);
	if (instance->lane && !check_name(yaml, path, instance->lane, err))
		return false;
	(void)snprintf(path, sizeof(path), "%s.link", entry);
	return check_link(fleet, yaml, path, instance->link, err) &&
	       check_backend(instance, yaml, entry, err);
}

static bool check_pair(const struct fleet *fleet, unsigned a, unsigned b,
	struct yaml_text *yaml, struct err *err)
{
	const struct fleet_instance *one = &fleet->instance[a];
	const struct fleet_instance *two = &fleet->instance[b];
	char path[YAML_PATH_MAX];

	(void)snprintf(path, sizeof(path), "instances[%u].name", b);
	if (!strcmp(one->name, two->name))
		return yaml_text_refuse(yaml, err, path,
			"is the name of instances[%u] already", a);
	if (!fleet_host_is_same(one->host, two->host))
		return true;
	(void)snprintf(path, sizeof(path), "instances[%u].config", b);
	if (!strcmp(one->config, two->config))
		return yaml_text_refuse(yaml, err, path,
			"is the file of instances[%u] already: each process "
			"needs its own",
			a);
	(void)snprintf(path, sizeof(path), "instances[%u].unit", b);
	if (one->unit && two->unit && one->manager == two->manager &&
		!strcmp(one->unit, two->unit))
		return yaml_text_refuse(yaml, err, path,
			"is the unit of instances[%u] already", a);
	(void)snprintf(path, sizeof(path), "instances[%u].link", b);
	if (one->lane && two->lane && strcmp(one->lane, two->lane) &&
		!strcmp(one->link, two->link))
		return yaml_text_refuse(yaml, err, path,
			"is also that of instances[%u], which is in another "
			"lane: give each lane a link of its own, such as "
			"<install_root>/%s/current",
			a, two->lane);
	return true;
}

static bool check_window(const struct fleet_window *window,
	struct yaml_text *yaml, struct err *err)
{
	char path[YAML_PATH_MAX];
	unsigned i;
	int minute, day;

	if (!window_minute(window->from, &minute))
		return yaml_text_refuse(yaml, err, "window.from",
			"must be a time such as \"22:00\"");
	if (!window_minute(window->until, &minute))
		return yaml_text_refuse(yaml, err, "window.until",
			"must be a time such as \"04:00\"");
	if (!strcmp(window->from, window->until))
		return yaml_text_refuse(yaml, err, "window.until",
			"must not be the same as from");
	for (i = 0; i < window->days.count; i++) {
		(void)snprintf(path, sizeof(path), "window.days[%u]", i);
		if (!window_day(window->days.item[i], &day))
			return yaml_text_refuse(yaml, err, path,
				"must be one of mon, tue, wed, thu, fri, sat, "
				"sun");
	}
	return true;
}

bool fleet_check(
	const struct fleet *fleet, struct yaml_text *yaml, struct err *err)
{
	unsigned i, k;

	if (!check_name(yaml, "name", fleet->name, err))
		return false;
	if (strcmp(fleet->procedure, "mongosync") != 0)
		return yaml_text_refuse(
			yaml, err, "procedure", "must be one of mongosync");
	if (!is_version(fleet->version))
		return yaml_text_refuse(yaml, err, "version",
			"must be three numbers such as 1.13.0, perhaps with a "
			"word such as -rc1");
	if (!fleet_artifact_check(&fleet->artifact, yaml, err))
		return false;
	if (!check_root(yaml, "install_root", fleet->install_root, err) ||
		!check_root(yaml, "state_dir", fleet->state_dir, err))
		return false;
	if (fleet->link && !check_link(fleet, yaml, "link", fleet->link, err))
		return false;
	if (fleet->window && !check_window(fleet->window, yaml, err))
		return false;
	if (fleet->notify.count &&
		!check_program(yaml, "notify[0]", &fleet->notify, false, err))
		return false;
	for (i = 0; i < fleet->instance_count; i++) {
		if (!check_instance(fleet, i, yaml, err))
			return false;
		for (k = 0; k < i; k++) {
			if (!check_pair(fleet, k, i, yaml, err))
				return false;
		}
	}
	return true;
}
