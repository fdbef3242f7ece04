/*
 * check_unit.c - an instance that is a unit of systemd: can it be stopped and
 * started as an upgrade needs it?  A unit is never edited: what is wrong with
 * it is said, with what to type.
 */
#include "supervisor/plan/checks.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/process/unit.h"

static bool is(const json_t *unit, const char *property, const char *word)
{
	return strcmp(unit_text(unit, property), word) == 0;
}

static const char *systemctl(const struct seen_instance *seen)
{
	return seen->instance->manager == FLEET_MANAGER_USER
		       ? "systemctl --user"
		       : "systemctl";
}

static struct finding *add(struct survey *survey, enum finding_level level,
	const char *check, const struct seen_instance *seen)
{
	return survey_add(survey, level, check, seen->instance->name);
}

/* ---- unit: is there one, and does it start this? ---- */

static bool is_config(const json_t *argv, const char *config)
{
	size_t i;
	json_t *item;

	json_array_foreach (argv, i, item) {
		const char *word = json_string_value(item);

		if (word && strncmp(word, "--config=", 9) == 0)
			word += 9;
		if (word && strcmp(word, config) == 0)
			return true;
	}
	return false;
}

static const json_t *main_command(const json_t *unit)
{
	const json_t *list = json_object_get(unit, "ExecStart");

	return json_array_get(list, json_array_size(list) - 1);
}

static bool check_loaded(struct survey *survey, struct seen_instance *seen)
{
	const char *name = seen->instance->unit;
	const char *load = unit_text(seen->unit, "LoadState");
	struct finding *finding;

	if (strcmp(load, "loaded") == 0 && !is(seen->unit, "Type", "oneshot"))
		return true;
	finding = add(survey, FINDING_REFUSAL, "unit", seen);
	if (!seen->unit) {
		finding_say(finding, "systemd cannot be asked about %s: %s",
			name, seen->unit_err.msg);
		finding_fix(finding, "run syncup where that manager can be "
				     "reached, or use spawn: or command:");
	} else if (strcmp(load, "not-found") == 0) {
		finding_say(finding, "there is no unit %s", name);
		finding_fix(finding, "correct unit: (and manager:) of %s",
			seen->instance->name);
	} else if (strcmp(load, "masked") == 0) {
		finding_say(
			finding, "%s is masked: it could not be started", name);
		finding_fix(finding, "%s unmask %s%s", systemctl(seen),
			is(seen->unit, "UnitFileState", "masked-runtime")
				? "--runtime "
				: "",
			name);
	} else if (strcmp(load, "loaded") == 0) {
		finding_say(finding,
			"%s is of Type=oneshot, which is not for what keeps "
			"running",
			name);
		finding_fix(finding, "%s edit --full %s: Type=exec",
			systemctl(seen), name);
	} else {
		finding_say(
			finding, "systemd could not load %s: %s", name, load);
		finding_fix(finding, "systemd-analyze verify %s", name);
	}
	return false;
}

static bool is_through(const struct seen_link *link, const char *path)
{
	size_t len = strlen(link->path);

	return strncmp(path, link->path, len) == 0 &&
	       (!path[len] || path[len] == '/');
}

static const char *leaf_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A wrapper may end in the link all the same: nobody can see that. */
static void check_through_link(
	struct survey *survey, struct seen_instance *seen)
{
	const struct seen_link *link = seen_link_of(survey, seen);
	_cleanup_free_ char *binary = seen_link_binary(link);
	const char *path = unit_text(main_command(seen->unit), "path");
	struct finding *finding;
	bool is_direct = strcmp(leaf_of(path), leaf_of(binary)) == 0 ||
			 strcmp(path, seen->process.exe) == 0;

	if (is_through(link, path))
		return; /* check_link() says so of the lane */
	finding = add(survey, is_direct ? FINDING_REFUSAL : FINDING_WARNING,
		"link", seen);
	if (is_direct)
		finding_say(finding,
			"%s starts %s, which is not reached through the link "
			"%s: the upgrade would change nothing",
			seen->instance->unit, path, link->path);
	else
		finding_say(finding,
			"whether %s, which %s starts, goes through %s cannot "
			"be seen",
			path, seen->instance->unit, link->path);
	finding_fix(finding,
		"%s edit %s: [Service] ExecStart= (empty), then "
		"ExecStart=%s --config %s; or set link: to %s",
		systemctl(seen), seen->instance->unit, binary,
		seen->instance->config, path);
}

static void check_definition(struct survey *survey, struct seen_instance *seen)
{
	const json_t *argv = json_object_get(main_command(seen->unit), "argv");
	const char *name = seen->instance->unit;
	struct finding *finding;

	if (!is_config(argv, seen->instance->config)) {
		bool plain =
			json_array_size(argv) > 1 &&
			is_through(seen_link_of(survey, seen),
				unit_text(main_command(seen->unit), "path"));

		finding = add(survey, plain ? FINDING_REFUSAL : FINDING_WARNING,
			"unit", seen);
		finding_say(finding, "%s does not start with --config %s%s",
			name, seen->instance->config,
			plain ? "" : ", as far as can be seen");
		finding_fix(finding, "correct unit: or config: of %s",
			seen->instance->name);
	} else if (json_is_true(
			   json_object_get(seen->unit, "NeedDaemonReload"))) {
		finding = add(survey, FINDING_WARNING, "unit", seen);
		finding_say(finding,
			"the files of %s were changed since systemd read them",
			name);
		finding_fix(finding, "%s daemon-reload", systemctl(seen));
	} else {
		finding = add(survey, FINDING_PASS, "unit", seen);
		finding_say(finding, "%s of the %s manager", name,
			seen->instance->manager == FLEET_MANAGER_USER
				? "user"
				: "system");
	}
}

/* ---- unit-stop: one SIGTERM, and time to end ---- */

static bool is_killer(const char *path)
{
	static const char *const killers[] = {"kill", "pkill", "killall"};

	for (size_t i = 0; i < sizeof(killers) / sizeof(killers[0]); i++)
		if (strcmp(leaf_of(path), killers[i]) == 0)
			return true;
	return false;
}

/* Each of them is run, one after the other; NULL: there is none. */
static const char *stop_command(const json_t *unit)
{
	const json_t *list = json_object_get(unit, "ExecStop");
	const char *path = NULL;
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		path = unit_text(item, "path");
		if (is_killer(path))
			break;
	}
	return path;
}

static bool check_stop_command(
	struct survey *survey, struct seen_instance *seen)
{
	const char *path = stop_command(seen->unit);
	struct finding *finding;

	if (!path)
		return true;
	finding =
		add(survey, is_killer(path) ? FINDING_REFUSAL : FINDING_WARNING,
			"unit-stop", seen);
	if (is_killer(path))
		finding_say(finding,
			"%s has ExecStop=%s, and then systemd sends SIGTERM: a "
			"second one makes mongosync before 1.20 panic",
			seen->instance->unit, path);
	else
		finding_say(finding,
			"%s has a stop command of its own, %s; systemd sends "
			"SIGTERM after it",
			seen->instance->unit, path);
	finding_fix(finding, "%s edit %s: [Service] ExecStop= (empty)",
		systemctl(seen), seen->instance->unit);
	return false;
}

/* Its main process is another than the sync. */
static bool is_wrapped(const struct seen_instance *seen)
{
	int64_t main_pid = unit_number(seen->unit, "MainPID");

	return main_pid && seen->process.pid > 0 &&
	       seen->process.pid != main_pid;
}

/* What is left when the main process has ended gets SIGKILL with "mixed", and
 * with "control-group", where it had its SIGTERM, too, another one. */
static bool check_wrapped(struct survey *survey, struct seen_instance *seen)
{
	bool mixed = is(seen->unit, "KillMode", "mixed");
	struct finding *finding;

	if (!is_wrapped(seen) ||
		(!mixed && !is(seen->unit, "KillMode", "control-group")))
		return true;
	finding = add(survey, FINDING_WARNING, "unit-stop", seen);
	finding_say(finding,
		"the main process of %s is a wrapper, and the sync gets %s",
		seen->instance->unit,
		mixed ? "SIGKILL when that ends"
		      : "a second SIGTERM when that ends: it makes mongosync "
			"before 1.20 panic");
	finding_fix(finding,
		"have the wrapper end in \"exec\", so that the sync is the "
		"main "
		"process of %s",
		seen->instance->unit);
	return false;
}

static bool check_kill_mode(struct survey *survey, struct seen_instance *seen)
{
	const char *mode = unit_text(seen->unit, "KillMode");
	bool none = strcmp(mode, "none") == 0;
	struct finding *finding;

	if (!none && strcmp(mode, "process") != 0)
		return check_wrapped(survey, seen);
	finding = add(survey, none ? FINDING_REFUSAL : FINDING_WARNING,
		"unit-stop", seen);
	finding_say(finding, "%s has KillMode=%s: %s", seen->instance->unit,
		mode,
		none ? "stopping it leaves the process running"
		     : "stopping it may leave what it started running");
	finding_fix(finding, "%s edit %s: [Service] KillMode=control-group",
		systemctl(seen), seen->instance->unit);
	return false;
}

static bool check_signals(struct survey *survey, struct seen_instance *seen)
{
	bool hangs_up = json_is_true(json_object_get(seen->unit, "SendSIGHUP"));
	int64_t number = unit_number(seen->unit, "KillSignal");
	struct finding *finding;

	if (!hangs_up && (number == SIGTERM || !number))
		return true;
	finding = add(survey, FINDING_WARNING, "unit-stop", seen);
	if (hangs_up)
		finding_say(finding,
			"%s has SendSIGHUP=yes: it gets SIGHUP right after its "
			"stop signal",
			seen->instance->unit);
	else
		finding_say(finding,
			"%s is stopped by signal %" PRId64 ", not by SIGTERM",
			seen->instance->unit, number);
	finding_fix(finding, "%s edit %s: [Service] %s", systemctl(seen),
		seen->instance->unit,
		hangs_up ? "SendSIGHUP=no" : "KillSignal=SIGTERM");
	return false;
}

static bool check_stop_time(struct survey *survey, struct seen_instance *seen)
{
	int64_t given = unit_number(seen->unit, "TimeoutStopUSec") / 1000000;
	uint32_t wanted = survey->fleet->timeouts.stop;
	struct finding *finding;

	if (given >= wanted ||
		json_is_false(json_object_get(seen->unit, "SendSIGKILL")))
		return true;
	finding = add(survey, FINDING_WARNING, "unit-stop", seen);
	finding_say(finding,
		"systemd kills %s by SIGKILL %" PRId64
		" s after its stop signal; timeouts.stop is %u s",
		seen->instance->unit, given, wanted);
	finding_fix(finding, "%s edit %s: [Service] TimeoutStopSec=%u",
		systemctl(seen), seen->instance->unit, wanted);
	return false;
}

static void check_stop(struct survey *survey, struct seen_instance *seen)
{
	bool good = check_stop_command(survey, seen);
	struct finding *finding;

	good &= check_kill_mode(survey, seen);
	good &= check_signals(survey, seen);
	good &= check_stop_time(survey, seen);
	if (!good)
		return;
	finding = add(survey, FINDING_PASS, "unit-stop", seen);
	finding_say(finding, "one SIGTERM, and %u s to end",
		survey->fleet->timeouts.stop);
}

/* ---- unit-start: who starts it besides us ---- */

static void check_starters(struct survey *survey, struct seen_instance *seen)
{
	const char *restart = unit_text(seen->unit, "Restart");
	const char *state = unit_text(seen->unit, "UnitFileState");
	const char *trigger = json_string_value(
		json_array_get(json_object_get(seen->unit, "TriggeredBy"), 0));
	struct finding *finding;

	if (json_is_false(json_object_get(seen->unit, "lingers"))) {
		finding = add(survey, FINDING_WARNING, "unit-start", seen);
		finding_say(finding,
			"its user manager ends with the user's last session, "
			"and takes %s with it",
			seen->instance->unit);
		finding_fix(finding, "loginctl enable-linger%s%s",
			seen->instance->host ? "   typed on " : "",
			seen->instance->host ? seen->instance->host : "");
	} else if (trigger) {
		finding = add(survey, FINDING_WARNING, "unit-start", seen);
		finding_say(finding,
			"%s starts it, too: while it is stopped, the hold "
			"turns that away",
			trigger);
		finding_fix(finding,
			"if that is not wanted: %s stop %s before the run, "
			"start it afterwards",
			systemctl(seen), trigger);
	} else {
		finding = add(survey, FINDING_PASS, "unit-start", seen);
		finding_say(finding,
			"Restart=%s, %s at boot: while it is stopped, the hold "
			"turns such starts away",
			restart[0] ? restart : "no",
			strncmp(state, "enabled", 7) == 0 ? "started"
							  : "not started");
	}
}

/* ---- right ---- */

static void check_right(struct survey *survey, struct seen_instance *seen)
{
	struct finding *finding;

	if (json_is_true(json_object_get(seen->unit, "may_manage"))) {
		finding = add(survey, FINDING_PASS, "right", seen);
		finding_say(finding, "we may stop and start %s",
			seen->instance->unit);
		return;
	}
	finding = add(survey, FINDING_REFUSAL, "right", seen);
	finding_say(finding, "%s", unit_text(seen->unit, "denied"));
	finding_fix(finding,
		"a rule in /etc/polkit-1/rules.d for action "
		"org.freedesktop.systemd1.manage-units, unit %s and the user "
		"that runs syncup (syncup-fleet(5) shows one)",
		seen->instance->unit);
}

void check_unit(struct survey *survey, struct seen_instance *seen)
{
	if (!seen->instance->unit || !check_loaded(survey, seen))
		return;
	check_definition(survey, seen);
	check_through_link(survey, seen);
	check_stop(survey, seen);
	check_starters(survey, seen);
	check_right(survey, seen);
}
