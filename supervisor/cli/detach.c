/*
 * detach.c - `syncup run --detach`: hands the run to a unit of its own.
 *
 * systemd starts the same command line as a transient service, of the system
 * for root and else of the user's own manager; so neither a closed terminal nor
 * the end of a session reaches it.  We wait until it has begun, or failed.  To
 * wait is all that we do, so the calls may block.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/cli/cli.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/memory.h"

#define MANAGER "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define SERVICE MANAGER ".Service"
#define SECOND 1000000ull /* microseconds */

enum {
	LINES_MAX = 20, /* of a unit that failed */
	SETTLE_US = 700000, /* until its last words are in the journal */
	TEXT_MAX = 300,
};

struct detach {
	sd_bus *bus;
	bool user; /* the user's manager, not the system's */
	char retry_of[RUN_ID_MAX +
		      1]; /* the run that --retry is about, or "" */
	char *unit, *path; /* its name, its object */
	char *job; /* NULL: it has ended */
	char result[32];
};

/* What the run goes by.  Everybody may read a unit's environment, so all else
 * stays here, and nothing secret goes. */
static const char *const passed_on[] = {"PATH", "HOME", "USER", "LOGNAME",
	"LANG", "LC_ALL", "LC_TIME", "TZ", "TMPDIR", "SYNCUP_HELPER",
	"SYNCUP_HOST", "SSL_CERT_FILE", "SSL_CERT_DIR", "GNUPGHOME",
	"SSH_AUTH_SOCK", "no_proxy", "NO_PROXY", "https_proxy", "HTTPS_PROXY",
	"all_proxy", "ALL_PROXY", "http_proxy"};

static bool bus_failed(
	struct err *err, int code, const sd_bus_error *error, const char *doing)
{
	(void)err_set(err, ERR_CONFIG, "--detach: %s: %s", doing,
		error && error->message ? error->message : strerror(-code));
	return false;
}

static bool check_environment(struct err *err)
{
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++) {
		const char *value = getenv(passed_on[i]);

		if (value && secret_shows(value))
			return err_set(err, ERR_CONFIG,
				"--detach: %s holds a password, and the "
				"environment of a unit can be read by "
				"everybody; unset it, or run without --detach",
				passed_on[i]);
	}
	return true;
}

/* A user's manager ends with his last session, and all of its units with it. */
static bool check_lingering(struct err *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;
	int lingers = 0, code;

	code = sd_bus_open_system(&bus);
	if (code >= 0)
		code = sd_bus_get_property_trivial(bus,
			"org.freedesktop.login1",
			"/org/freedesktop/login1/user/self",
			"org.freedesktop.login1.User", "Linger", &error, 'b',
			&lingers);
	sd_bus_error_free(&error);
	(void)sd_bus_flush_close_unref(bus);
	/* Without logind nobody ends it. */
	return code < 0 || lingers ||
	       err_set(err, ERR_CONFIG,
		       "--detach: the run would end when you log out, because "
		       "lingering is off for you; type: loginctl "
		       "enable-linger");
}

static bool connect_manager(struct detach *detach, struct err *err)
{
	int code;

	detach->user = geteuid() != 0;
	code = detach->user ? sd_bus_open_user(&detach->bus)
			    : sd_bus_open_system(&detach->bus);
	if (code >= 0)
		return !detach->user || check_lingering(err);
	return bus_failed(err, code, NULL,
		detach->user ? "there is no service manager of yours "
			       "(XDG_RUNTIME_DIR; log in, or run it as root)"
			     : "the service manager (systemd) does not answer");
}

/* ---- what it is started with ---- */

/* In a command systemd takes $NAME and ${NAME} for variables, and $$ for a $.
 */
static int append_word(sd_bus_message *call, const char *word)
{
	_cleanup_free_ char *doubled = memory_alloc(2 * strlen(word) + 1);
	size_t len = 0;

	for (; *word; word++) {
		if (*word == '$')
			doubled[len++] = '$';
		doubled[len++] = *word;
	}
	doubled[len] = '\0';
	return sd_bus_message_append(call, "s", doubled);
}

/* systemd may repeat the line: a run of it that has turned back is not meant.
 */
static int append_retry(sd_bus_message *call, const struct detach *detach)
{
	_cleanup_free_ char *word =
		memory_text("--retry-of=%s", detach->retry_of);

	return detach->retry_of[0] ? append_word(call, word) : 0;
}

static int append_argv(sd_bus_message *call, const struct detach *detach,
	const struct cli_args *args, const char *program)
{
	const struct cli_option *options = args->verb->options;
	int code = append_word(call, program);

	if (code >= 0)
		code = append_word(call, args->verb->name);

	for (unsigned i = 0; code >= 0 && options[i].name; i++) {
		_cleanup_free_ char *word = NULL;

		if (!args->value[i] || strcmp(options[i].name, "detach") == 0)
			continue;
		if (strcmp(options[i].name, "retry") == 0) {
			code = append_retry(call, detach);
			continue;
		}
		word = memory_text("--%s%s%s", options[i].name,
			options[i].value ? "=" : "",
			options[i].value ? args->value[i] : "");
		code = append_word(call, word);
	}
	if (code >= 0)
		code = append_word(call, "--");
	return code < 0 ? code : append_word(call, args->word[0]);
}

/* ExecStart: a list of (path, arguments, whether a failure is none). */
static int append_command(sd_bus_message *call, const struct detach *detach,
	const struct cli_args *args, const char *program)
{
	int code = sd_bus_message_open_container(call, 'r', "sv");

	if (code >= 0)
		code = sd_bus_message_append(call, "s", "ExecStart");
	if (code >= 0)
		code = sd_bus_message_open_container(call, 'v', "a(sasb)");
	if (code >= 0)
		code = sd_bus_message_open_container(call, 'a', "(sasb)");
	if (code >= 0)
		code = sd_bus_message_open_container(call, 'r', "sasb");
	if (code >= 0)
		code = sd_bus_message_append(call, "s", program);
	if (code >= 0)
		code = sd_bus_message_open_container(call, 'a', "s");
	if (code >= 0)
		code = append_argv(call, detach, args, program);
	if (code >= 0)
		code = sd_bus_message_close_container(call);
	if (code >= 0)
		code = sd_bus_message_append(call, "b", 0);
	for (int i = 0; i < 4 && code >= 0; i++)
		code = sd_bus_message_close_container(call);
	return code;
}

static int append_environment(sd_bus_message *call)
{
	int code = sd_bus_message_open_container(call, 'r', "sv");

	if (code >= 0)
		code = sd_bus_message_append(call, "s", "Environment");
	if (code >= 0)
		code = sd_bus_message_open_container(call, 'v', "as");
	if (code >= 0)
		code = sd_bus_message_open_container(call, 'a', "s");
	for (size_t i = 0;
		code >= 0 && i < sizeof(passed_on) / sizeof(passed_on[0]);
		i++) {
		const char *value = getenv(passed_on[i]);
		_cleanup_free_ char *text = NULL;

		if (!value)
			continue;
		text = memory_text("%s=%s", passed_on[i], value);
		code = sd_bus_message_append(call, "s", text);
	}
	for (int i = 0; i < 3 && code >= 0; i++)
		code = sd_bus_message_close_container(call);
	return code;
}

/* As deploy/systemd/syncup@.service, which says why; it may do what we may. */
static int append_service(sd_bus_message *call, const char *fleet)
{
	_cleanup_free_ char *description =
		memory_text("Upgrade of the sync processes of fleet %s", fleet);
	_cleanup_free_ char *folder = getcwd(NULL, 0);
	mode_t mask = umask(077);

	(void)umask(mask);
	return sd_bus_message_append(call,
		"(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)",
		"Description", "s", description, "Type", "s", "notify",
		"NotifyAccess", "s", "main", "WorkingDirectory", "s",
		folder ? folder : "/", "UMask", "u", (uint32_t)mask, "KillMode",
		"s", "process", "OOMPolicy", "s", "continue", "LimitCORE", "t",
		(uint64_t)0, "TimeoutStartUSec", "t",
		(uint64_t)(3 * 3600 * SECOND), "WatchdogUSec", "t",
		(uint64_t)(120 * SECOND), "Restart", "s", "on-failure",
		"RestartUSec", "t", (uint64_t)(30 * SECOND),
		"RestartPreventExitStatus", "(aiai)", 7, 2, 3, 4, 5, 6, 7, 9, 0,
		"StartLimitIntervalUSec", "t", (uint64_t)(3600 * SECOND),
		"StartLimitBurst", "u", 5u);
}

static int append_unit(sd_bus_message *call, const struct detach *detach,
	const struct cli_args *args, const char *fleet, const char *program)
{
	int code = sd_bus_message_append(call, "ss", detach->unit, "fail");

	if (code >= 0)
		code = sd_bus_message_open_container(call, 'a', "(sv)");
	if (code >= 0)
		code = append_service(call, fleet);
	/* What became of it can be read until we leave. */
	if (code >= 0)
		code = sd_bus_message_append(call, "(sv)", "AddRef", "b", 1);
	if (code >= 0)
		code = append_command(call, detach, args, program);
	if (code >= 0)
		code = append_environment(call);
	if (code >= 0)
		code = sd_bus_message_close_container(call);
	return code < 0 ? code : sd_bus_message_append(call, "a(sa(sv))", 0);
}

/* ---- starting it, and waiting ---- */

static int on_job_removed(
	sd_bus_message *message, void *arg, sd_bus_error *error)
{
	struct detach *detach = arg;
	const char *job, *result;

	(void)error;
	if (sd_bus_message_read(message, "uoss", NULL, &job, NULL, &result) <
			0 ||
		!detach->job || strcmp(job, detach->job) != 0)
		return 0;
	(void)snprintf(detach->result, sizeof(detach->result), "%s", result);
	free(detach->job);
	detach->job = NULL;
	return 0;
}

static int listen_for_jobs(struct detach *detach)
{
	int code = sd_bus_match_signal(detach->bus, NULL, MANAGER, MANAGER_PATH,
		MANAGER ".Manager", "JobRemoved", on_job_removed, detach);

	return code < 0 ? code
			: sd_bus_call_method(detach->bus, MANAGER, MANAGER_PATH,
				  MANAGER ".Manager", "Subscribe", NULL, NULL,
				  NULL);
}

static bool start(struct detach *detach, const struct cli_args *args,
	const char *fleet, const char *program, struct err *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL, *reply = NULL;
	const char *job;
	bool ok;
	int code;

	/* One that failed earlier still has the name. */
	(void)sd_bus_call_method(detach->bus, MANAGER, MANAGER_PATH,
		MANAGER ".Manager", "ResetFailedUnit", NULL, NULL, "s",
		detach->unit);
	code = listen_for_jobs(detach);
	if (code >= 0)
		code = sd_bus_message_new_method_call(detach->bus, &call,
			MANAGER, MANAGER_PATH, MANAGER ".Manager",
			"StartTransientUnit");
	if (code >= 0)
		code = append_unit(call, detach, args, fleet, program);
	if (code >= 0)
		code = sd_bus_call(detach->bus, call, 0, &error, &reply);
	if (code >= 0)
		code = sd_bus_message_read(reply, "o", &job);
	if (code >= 0)
		detach->job = memory_strdup(job);
	ok = code >= 0;
	if (!ok && sd_bus_error_has_name(
			   &error, "org.freedesktop.systemd1.UnitExists"))
		(void)err_set(err, ERR_HELD,
			"--detach: %s works on fleet %s already", detach->unit,
			fleet);
	else if (!ok)
		(void)bus_failed(err, code, &error, "starting a unit");
	/* No answer is no refusal. */
	if (!ok && (code == -ETIMEDOUT || code == -ECONNRESET ||
			   code == -ENOTCONN))
		err->code = ERR_AGAIN;
	sd_bus_error_free(&error);
	(void)sd_bus_message_unref(call);
	(void)sd_bus_message_unref(reply);
	return ok;
}

static bool await(struct detach *detach, struct err *err)
{
	while (detach->job) {
		int code = sd_bus_process(detach->bus, NULL);

		if (code == 0)
			code = sd_bus_wait(detach->bus, UINT64_MAX);
		if (code < 0 && code != -EINTR)
			return bus_failed(
				err, code, NULL, "waiting for the unit");
	}
	return true;
}

/* ---- what became of it ---- */

static int number_of(const struct detach *detach, const char *name)
{
	int number = -1;

	(void)sd_bus_get_property_trivial(detach->bus, MANAGER, detach->path,
		SERVICE, name, NULL, 'i', &number);
	return number;
}

static char *text_of(const struct detach *detach, const char *name)
{
	char *text = NULL;

	(void)sd_bus_get_property_string(
		detach->bus, MANAGER, detach->path, SERVICE, name, NULL, &text);
	return text ? text : memory_strdup("");
}

/* The invocation, as the journal writes it; false: it never began. */
static bool match_invocation(const struct detach *detach, sd_journal *journal)
{
	sd_bus_message *reply = NULL;
	const void *bytes;
	sd_id128_t id;
	size_t len;
	char text[SD_ID128_STRING_MAX + 40];
	bool ok = sd_bus_get_property(detach->bus, MANAGER, detach->path,
			  MANAGER ".Unit", "InvocationID", NULL, &reply,
			  "ay") >= 0 &&
		  sd_bus_message_read_array(reply, 'y', &bytes, &len) >= 0 &&
		  len == sizeof(id);

	if (ok) {
		memcpy(&id, bytes, sizeof(id));
		(void)snprintf(text, sizeof(text), "_SYSTEMD_INVOCATION_ID=%s",
			SD_ID128_TO_STRING(id));
		ok = sd_journal_add_match(journal, text, 0) >= 0;
	}
	(void)sd_bus_message_unref(reply);
	return ok;
}

static bool say_entry(sd_journal *journal)
{
	_cleanup_free_ char *text = NULL, *clean = NULL;
	const void *data;
	size_t len;

	if (sd_journal_get_data(journal, "MESSAGE", &data, &len) < 0)
		return false;
	text = memory_text("%.*s", (int)(len - strlen("MESSAGE=")),
		(const char *)data + strlen("MESSAGE="));
	clean = scrub(text);
	(void)fprintf(stderr, "  %s\n", clean);
	return true;
}

/* False: it said nothing, or we may not read it. */
static bool say_last_words(const struct detach *detach)
{
	sd_journal *journal = NULL;
	bool said = false;

	(void)usleep(SETTLE_US);
	if (sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY) < 0)
		return false;
	if (match_invocation(detach, journal) &&
		sd_journal_seek_tail(journal) >= 0 &&
		sd_journal_previous_skip(journal, LINES_MAX) > 0)
		do
			said = say_entry(journal) || said;
		while (sd_journal_next(journal) > 0);
	sd_journal_close(journal);
	return said;
}

/* Restart= is for a run that has begun: one that is said to have failed must
 * not begin half a minute later all the same. */
static void give_up(const struct detach *detach)
{
	(void)sd_bus_call_method(detach->bus, MANAGER, MANAGER_PATH,
		MANAGER ".Manager", "StopUnit", NULL, NULL, "ss", detach->unit,
		"replace");
}

static int fail_as_it_did(const struct detach *detach)
{
	bool exited = number_of(detach, "ExecMainCode") == CLD_EXITED;
	int status = number_of(detach, "ExecMainStatus");
	const char *of_user = detach->user ? "--user " : "";

	if (exited)
		cli_tell(EVENT_NONE, status, "%s ended at once with exit %d",
			detach->unit, status);
	else
		cli_tell(EVENT_NONE, -1, "%s could not be started: %s",
			detach->unit, detach->result);
	if (!say_last_words(detach))
		cli_type("journalctl %s-u %s", of_user, detach->unit);
	give_up(detach);
	return exited && status > 0 && status < 256 ? status
						    : err_exit_code(ERR_BUG);
}

/* It may be over by now: where nothing was to be done, status says so. */
static int say_how_to_follow(const struct detach *detach, const char *operand)
{
	_cleanup_free_ char *status = text_of(detach, "StatusText");

	(void)printf("syncup: handed over to %s: %s\n"
		     "To follow it: journalctl %s-fu %s   or: syncup status "
		     "%s\n",
		detach->unit, status, detach->user ? "--user " : "",
		detach->unit, operand);
	return 0;
}

/* It was asked to begin: exit 3 would say that nothing was done. */
static int fail_unknown(struct err *err, const char *operand)
{
	err->code = ERR_BUG;
	return cli_fail_next(
		err, "syncup status %s   to see whether it has begun", operand);
}

static int hand_over(
	struct detach *detach, const struct cli_args *args, const char *fleet)
{
	_cleanup_free_ char *program = realpath("/proc/self/exe", NULL);
	struct err err = {0};

	detach->unit = memory_text("syncup-run-%s.service", fleet);
	if (!program) {
		(void)err_sys(&err, ERR_CONFIG, errno,
			"--detach: finding this program");
		return cli_fail(&err);
	}
	if (!check_environment(&err) || !connect_manager(detach, &err) ||
		!start(detach, args, fleet, program, &err)) {
		if (err.code == ERR_AGAIN)
			return fail_unknown(&err, args->word[0]);
		return err.code == ERR_HELD
			       ? cli_fail_next(&err, "syncup status %s",
					 args->word[0])
			       : cli_fail(&err);
	}
	if (sd_bus_path_encode(
		    MANAGER_PATH "/unit", detach->unit, &detach->path) < 0)
		memory_out();
	if (!await(detach, &err))
		return fail_unknown(&err, args->word[0]);
	if (strcmp(detach->result, "done") == 0)
		return say_how_to_follow(detach, args->word[0]);
	return fail_as_it_did(detach);
}

/* What cannot be read is the run's to say. */
static void find_turned_back(
	struct detach *detach, const struct cli_place *place)
{
	struct run_state state;

	if (!cli_place_read(place, &state, NULL))
		return;
	if (state.outcome == RUN_TURNED_BACK)
		(void)snprintf(detach->retry_of, sizeof(detach->retry_of), "%s",
			state.run);
	run_state_done(&state);
}

int cli_detach(const struct cli_args *args)
{
	struct cli_place place = {0};
	struct detach detach = {0};
	struct err err = {0};
	int code;

	if (!cli_place_find(args->word[0], &place, &err))
		return cli_fail(&err);
	code = cli_place_refuse_other(&place, args);
	if (!code) {
		find_turned_back(&detach, &place);
		code = hand_over(&detach, args, strrchr(place.folder, '/') + 1);
	}
	(void)sd_bus_flush_close_unref(detach.bus);
	free(detach.unit);
	free(detach.path);
	free(detach.job);
	cli_place_done(&place);
	return code;
}
