/*
 * unit.c - a unit's properties, read and understood.
 */
#include "supervisor/process/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "state/cleanup.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/memory.h"
#include "sync_client/sync_text.h"

enum {
	HOLD_STATUS = 75, /* what the hold exits with */
	TEXT_MAX = 1024,
};

static json_t *clean_text(const char *text)
{
	_cleanup_free_ char *scrubbed = scrub(text);
	char clean[TEXT_MAX];

	sync_text_copy(clean, sizeof(clean), scrubbed);
	return memory_must(json_string(clean));
}

static int read_texts(sd_bus_message *message, json_t *list)
{
	const char *text;
	int r = sd_bus_message_enter_container(message, 'a', "s");

	while (r >= 0 &&
		(r = sd_bus_message_read_basic(message, 's', &text)) > 0)
		if (json_array_size(list) < UNIT_ARGUMENTS_MAX)
			(void)json_array_append_new(list, clean_text(text));
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* a(sasbttttuii): path, argv, whether its failure is ignored, and its last run
 */
static int read_commands(sd_bus_message *message, json_t *list)
{
	const char *path;
	int r = sd_bus_message_enter_container(message, 'a', "(sasbttttuii)");

	while (r >= 0 && (r = sd_bus_message_enter_container(
				  message, 'r', "sasbttttuii")) > 0) {
		json_t *argv = memory_must(json_array());

		r = sd_bus_message_read_basic(message, 's', &path);
		if (r >= 0)
			r = read_texts(message, argv);
		if (r >= 0)
			r = sd_bus_message_skip(message, "bttttuii");
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
		if (r < 0) {
			json_decref(argv);
			return r;
		}
		(void)json_array_append_new(
			list, json_pack("{s:o, s:o}", "path", clean_text(path),
				      "argv", argv));
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_hex(sd_bus_message *message, json_t **ret_value)
{
	const unsigned char *bytes = NULL;
	char hex[2 * 16 + 1] = "";
	size_t len = 0;
	int r = sd_bus_message_read_array(
		message, 'y', (const void **)&bytes, &len);

	for (size_t i = 0; r >= 0 && i < len && i < 16; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	*ret_value = memory_must(json_string(hex));
	return r;
}

static int read_list(
	sd_bus_message *message, const char *type, json_t **ret_value)
{
	*ret_value = memory_must(json_array());
	return strcmp(type, "as") == 0 ? read_texts(message, *ret_value)
				       : read_commands(message, *ret_value);
}

static int read_number(
	sd_bus_message *message, const char *type, json_t **ret_value)
{
	union {
		int32_t i;
		uint32_t u;
		uint64_t t;
	} value = {.t = 0};
	int r = sd_bus_message_read_basic(message, type[0], &value);
	json_int_t number = value.i;

	if (type[0] == 'u')
		number = value.u;
	/* "never" is the largest number. */
	if (type[0] == 't')
		number = value.t > INT64_MAX ? INT64_MAX : (json_int_t)value.t;
	*ret_value = memory_must(
		type[0] == 'b' ? json_boolean(value.i) : json_integer(number));
	return r;
}

static int read_value(
	sd_bus_message *message, const char *type, json_t **ret_value)
{
	const char *text = "";
	int r;

	if (strcmp(type, "s") == 0) {
		r = sd_bus_message_read_basic(message, 's', &text);
		*ret_value = clean_text(r >= 0 ? text : "");
		return r;
	}
	if (strcmp(type, "ay") == 0)
		return read_hex(message, ret_value);
	if (type[0] == 'a')
		return read_list(message, type, ret_value);
	return read_number(message, type, ret_value);
}

static const struct {
	const char *name, *type;
} properties[] = {
	{"Id", "s"},
	{"LoadState", "s"},
	{"ActiveState", "s"},
	{"SubState", "s"},
	{"Result", "s"},
	{"InvocationID", "ay"},
	{"MainPID", "u"},
	{"NRestarts", "u"},
	{"ExecMainCode", "i"},
	{"ExecMainStatus", "i"},
	{"ExecMainStartTimestampMonotonic", "t"},
	{"ExecMainExitTimestampMonotonic", "t"},
	{"ControlGroup", "s"},
	{"Type", "s"},
	{"Restart", "s"},
	{"RestartUSec", "t"},
	{"KillMode", "s"},
	{"KillSignal", "i"},
	{"SendSIGHUP", "b"},
	{"SendSIGKILL", "b"},
	{"TimeoutStopUSec", "t"},
	{"TimeoutStartUSec", "t"},
	{"RuntimeMaxUSec", "t"},
	{"UnitFileState", "s"},
	{"NeedDaemonReload", "b"},
	{"FragmentPath", "s"},
	{"TriggeredBy", "as"},
	{"User", "s"},
	{"ExecStart", "a(sasbttttuii)"},
	{"ExecStop", "a(sasbttttuii)"},
};

static const char *type_of(const char *name)
{
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		if (strcmp(properties[i].name, name) == 0)
			return properties[i].type;
	return NULL;
}

/* Of another type than it should be, or of no interest: not there. */
static int read_property(sd_bus_message *message, json_t *unit)
{
	const char *name, *type, *wanted;
	json_t *value = NULL;
	int r = sd_bus_message_read_basic(message, 's', &name);

	if (r < 0)
		return r;
	wanted = type_of(name);
	r = sd_bus_message_peek_type(message, NULL, &type);
	if (r < 0)
		return r;
	if (!wanted || strcmp(wanted, type) != 0)
		return sd_bus_message_skip(message, "v");
	r = sd_bus_message_enter_container(message, 'v', wanted);
	if (r >= 0)
		r = read_value(message, wanted, &value);
	if (value)
		(void)json_object_set_new(unit, name, value);
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static bool senseless(int r, const char *what, struct err *err)
{
	return err_sys(err, ERR_AGAIN, -r,
		"systemd's answer about %s is not understood", what);
}

bool unit_read(sd_bus_message *reply, json_t **ret_unit, struct err *err)
{
	_cleanup_json_ json_t *unit = memory_must(json_object());
	int r = sd_bus_message_enter_container(reply, 'a', "{sv}");

	while (r >= 0 &&
		(r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
		r = read_property(reply, unit);
		if (r >= 0)
			r = sd_bus_message_exit_container(reply);
	}
	if (r < 0)
		return senseless(r, "a unit", err);
	*ret_unit = take_ptr(unit);
	return true;
}

bool unit_read_pids(sd_bus_message *reply, json_t **ret_pids, struct err *err)
{
	_cleanup_json_ json_t *pids = memory_must(json_array());
	const char *group, *command;
	uint32_t pid;
	int r = sd_bus_message_enter_container(reply, 'a', "(sus)");

	while (r >= 0 && (r = sd_bus_message_read(
				  reply, "(sus)", &group, &pid, &command)) > 0)
		(void)json_array_append_new(
			pids, json_integer((json_int_t)pid));
	if (r < 0)
		return senseless(r, "a unit's processes", err);
	*ret_pids = take_ptr(pids);
	return true;
}

const char *unit_text(const json_t *unit, const char *property)
{
	const char *text = json_string_value(json_object_get(unit, property));

	return text ? text : "";
}

int64_t unit_number(const json_t *unit, const char *property)
{
	return json_integer_value(json_object_get(unit, property));
}

static bool has(const json_t *unit, const char *property, const char *word)
{
	return strcmp(unit_text(unit, property), word) == 0;
}

/* auto-restart, and from systemd 254 on also auto-restart-queued,
 * failed-before-auto-restart and dead-before-auto-restart. */
static bool is_to_restart(const json_t *unit)
{
	return strstr(unit_text(unit, "SubState"), "auto-restart") != NULL;
}

enum unit_phase unit_phase(const json_t *unit)
{
	if (!has(unit, "LoadState", "loaded") &&
		!has(unit, "LoadState", "masked"))
		return UNIT_UNKNOWN;
	if (!is_to_restart(unit)) {
		if (has(unit, "ActiveState", "inactive") ||
			has(unit, "ActiveState", "failed"))
			return UNIT_ENDED;
		return has(unit, "SubState", "exited") ? UNIT_EXITED
						       : UNIT_LIVES;
	}
	if (unit_number(unit, "ExecMainCode") == CLD_EXITED &&
		unit_number(unit, "ExecMainStatus") == HOLD_STATUS)
		return UNIT_HELD;
	return UNIT_FAILING;
}

bool unit_ended_badly(const json_t *unit)
{
	return has(unit, "ActiveState", "failed") ||
	       unit_phase(unit) == UNIT_FAILING ||
	       (unit_phase(unit) == UNIT_ENDED &&
		       !has(unit, "Result", "success"));
}

static void describe_end(const json_t *unit, char *ret_text, size_t size)
{
	int code = (int)unit_number(unit, "ExecMainCode");
	int status = (int)unit_number(unit, "ExecMainStatus");

	ret_text[0] = '\0';
	if (code == CLD_EXITED)
		(void)snprintf(ret_text, size, ": exit status %d", status);
	else if (code == CLD_KILLED || code == CLD_DUMPED)
		(void)snprintf(ret_text, size, ": signal %d", status);
}

void unit_describe(const json_t *unit, char *ret_text, size_t size)
{
	const char *result = unit_text(unit, "Result");
	const char *load = unit_text(unit, "LoadState");
	char end[40];

	describe_end(unit, end, sizeof(end));
	if (unit_phase(unit) == UNIT_UNKNOWN)
		(void)snprintf(ret_text, size, "%s",
			strcmp(load, "not-found") == 0 ? "not there" : load);
	else if (result[0] && strcmp(result, "success") != 0)
		(void)snprintf(ret_text, size, "%s (%s%s)",
			unit_text(unit, "ActiveState"), result, end);
	else
		(void)snprintf(ret_text, size, "%s (%s)",
			unit_text(unit, "ActiveState"),
			unit_text(unit, "SubState"));
}
