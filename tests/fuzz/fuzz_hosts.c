/*
 * fuzz_hosts.c - what another host says: its login shell, syncup-host there,
 * and whoever else writes into their pipes.
 *
 * The first byte chooses whether the rest is what the first session tells of
 * the machine, what sessions complain of, or what comes back from where
 * syncup-host was started; in that, 0 ends a part (the loop runs, before more
 * comes) and 1 is our version.  No process is started: forked_pair() is this
 * file's, and so is the end of what it made.
 *
 * What must hold: nothing is asked of who has not greeted and said hello in our
 * version; each question is answered at most once, well only by a line that is
 * an object with its id; what is refused is a sentence for a terminal; a
 * process or claim that is believed is read back equal.
 */
#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "state/cleanup.h"
#include "supervisor/host/bootstrap.h"
#include "supervisor/host/internal.h"
#include "supervisor/host/ops_install.h"
#include "supervisor/process/forked.h"
#include "supervisor/process/process_json.h"
#include "supervisor/version.h"
#include "tests/fuzz/fuzz.h"

enum {
	ROUNDS = 6, /* of the loop, for each part */
	QUESTIONS = 3,
	LONG_MS = 600000,
	FED_MAX = 1 << 21,
};

static struct event_base *base;
static struct fuzz_file payload;
static char machine[128]; /* as a good look says it */

/* ---- the process that there is not ---- */

#define NOBODY ((pid_t)0x7ffffff0)

static int peer = -1; /* its end of the pipe */
static int ended = -1; /* what stands for its pidfd */
static char fed[FED_MAX]; /* what it said */
static size_t fed_len;

__typeof__(forked_pair) __wrap_forked_pair;
__typeof__(pidfd_open) __wrap_pidfd_open, __real_pidfd_open;
__typeof__(kill) __wrap_kill, __real_kill;
__typeof__(waitpid) __wrap_waitpid, __real_waitpid;

bool __wrap_forked_pair(char *const argv[], char *const env[], int errors,
	int *ret_fd, pid_t *ret_pid, struct err *err)
{
	int ends[2];

	(void)argv, (void)env, (void)errors, (void)err;
	FUZZ_CHECK(peer < 0); /* the one before was reaped */
	FUZZ_CHECK(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	*ret_fd = ends[0];
	peer = ends[1];
	*ret_pid = NOBODY;
	fed_len = 0;
	return true;
}

int __wrap_pidfd_open(pid_t pid, unsigned flags)
{
	if (pid != NOBODY)
		return __real_pidfd_open(pid, flags);
	ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return ended;
}

int __wrap_kill(pid_t pid, int number)
{
	if (pid != NOBODY)
		return __real_kill(pid, number);
	FUZZ_CHECK(number == SIGKILL && ended >= 0);
	return eventfd_write(ended, 1);
}

pid_t __wrap_waitpid(pid_t pid, int *ret_status, int options)
{
	if (pid != NOBODY)
		return __real_waitpid(pid, ret_status, options);
	if (ret_status)
		*ret_status = SIGKILL;
	(void)close(peer);
	peer = ended = -1; /* whoever has the pidfd closes it */
	return pid;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct utsname here;

	(void)argc, (void)argv;
	json_object_seed(1);
	(void)signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	FUZZ_CHECK(base && uname(&here) == 0);
	(void)snprintf(
		machine, sizeof(machine), "syncup-look %s -\n", here.machine);
	fuzz_file_open(&payload);
	FUZZ_CHECK(write(payload.fd, "payload", 7) == 7);
	FUZZ_CHECK(setenv("SYNCUP_HOST", payload.path, 1) == 0);
	return 0;
}

/* ---- what was asked, and what came ---- */

struct asked {
	unsigned number;
	unsigned times;
};

static const char *const questions[QUESTIONS] = {
	"observe", "claim_see", "clock"};

/* Did it say this, in a line of its own? */
static bool has_said(
	bool (*is_it)(const char *line, size_t len, const void *what),
	const void *what)
{
	const char *line = fed, *end = fed + fed_len, *stop;

	for (; (stop = memchr(line, '\n', (size_t)(end - line)));
		line = stop + 1)
		if (is_it(line, (size_t)(stop - line), what))
			return true;
	return false;
}

static bool is_greeting(const char *line, size_t len, const void *what)
{
	(void)what;
	return len == strlen(BOOTSTRAP_GREETING) &&
	       memcmp(line, BOOTSTRAP_GREETING, len) == 0;
}

struct answer {
	json_int_t id;
	const json_t *result; /* NULL: with our version */
};

static bool is_answer(const char *line, size_t len, const void *what)
{
	const struct answer *answer = what;
	_cleanup_json_ json_t *json = json_loadb(line, len, 0, NULL);
	const json_t *id = json_object_get(json, "id");
	const json_t *result = json_object_get(json, "result");
	const char *version =
		json_string_value(json_object_get(result, "version"));

	if (!json_is_integer(id) || json_integer_value(id) != answer->id ||
		!json_is_true(json_object_get(json, "ok")))
		return false;
	return answer->result ? json_equal(result, answer->result)
			      : version && strcmp(version, SYNCUP_VERSION) == 0;
}

/* What we have written to it so far. */
static void check_asked(void)
{
	const struct answer hello = {0, NULL};
	char heard[8192];
	ssize_t len;

	while (peer >= 0 &&
		(len = recv(peer, heard, sizeof(heard), MSG_DONTWAIT)) > 0) {
		if (memmem(heard, (size_t)len, "\"hello\"", 7))
			FUZZ_CHECK(has_said(is_greeting, NULL));
		for (size_t i = 0; i < QUESTIONS; i++)
			if (memmem(heard, (size_t)len, questions[i],
				    strlen(questions[i])))
				FUZZ_CHECK(has_said(is_answer, &hello));
	}
}

static void check_seen(const json_t *result)
{
	struct process_seen seen, again;
	_cleanup_json_ json_t *one = NULL, *two = NULL;
	struct err err = {0};

	if (!process_seen_read(result, &seen, &err)) {
		fuzz_check_refusal(&err);
		return;
	}
	FUZZ_CHECK(seen.pid >= 0);
	one = process_seen_json(&seen);
	FUZZ_CHECK(one && process_seen_read(one, &again, &err));
	two = process_seen_json(&again);
	FUZZ_CHECK(json_equal(one, two));
}

static void check_claim(const json_t *result)
{
	struct claim claim, again;
	_cleanup_json_ json_t *json = NULL;

	op_claim_read(json_object_get(result, "owner"), &claim);
	json = op_claim_json(&claim);
	FUZZ_CHECK(json);
	op_claim_read(json, &again);
	/* padding is 0, too: NOLINTNEXTLINE(*-comparison, cert-*) */
	FUZZ_CHECK(memcmp(&claim, &again, sizeof(claim)) == 0);
}

static void on_result(void *arg, const json_t *result, const struct err *err)
{
	struct asked *asked = arg;
	const struct answer answer = {asked->number + 1, result};

	FUZZ_CHECK(++asked->times == 1);
	FUZZ_CHECK(!result == (err != NULL));
	if (err) {
		fuzz_check_refusal(err);
		return;
	}
	FUZZ_CHECK(has_said(is_answer, &answer));
	if (asked->number == 0)
		check_seen(result);
	else if (asked->number == 1)
		check_claim(result);
}

/* ---- the three that are heard ---- */

static void run_loop(void)
{
	for (int i = 0; i < ROUNDS; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	check_asked();
}

static void say(const char *bytes, size_t len)
{
	if (peer < 0 || fed_len + len > FED_MAX ||
		send(peer, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) !=
			(ssize_t)len)
		return;
	memcpy(fed + fed_len, bytes, len);
	fed_len += len;
}

static void talk(const uint8_t *data, size_t size)
{
	size_t from = 0;

	for (size_t i = 0; i <= size; i++) {
		if (i < size && data[i] > 1)
			continue;
		say((const char *)data + from, i - from);
		if (i < size && data[i] == 1)
			say(SYNCUP_VERSION, strlen(SYNCUP_VERSION));
		else
			run_loop();
		from = i + 1;
	}
}

static void hear_program(struct host *host, const uint8_t *data, size_t size)
{
	struct asked asked[QUESTIONS] = {0};
	struct program *program = NULL;
	struct helpers *helpers = NULL;
	struct err err = {0};

	FUZZ_CHECK(program_new(host, machine, &program, &err));
	FUZZ_CHECK(helpers_new_program(
		base, program_of(program, false), &helpers, &err));
	for (unsigned i = 0; i < QUESTIONS; i++) {
		_cleanup_json_ json_t *ask =
			json_pack("{s:s}", "op", questions[i]);

		asked[i].number = i;
		FUZZ_CHECK(helpers_ask(
			helpers, ask, LONG_MS, on_result, &asked[i], &err));
	}
	run_loop();
	talk(data, size);
	helpers_free(helpers);
	program_free(program);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	FUZZ_CHECK(peer < 0);
}

static void hear_look(struct host *host, const char *text)
{
	struct program *program = NULL;
	struct err err = {0};

	if (program_new(host, text, &program, &err))
		FUZZ_CHECK(strstr(text, "syncup-look "));
	else
		fuzz_check_refusal(&err);
	program_free(program);
}

static void hear_complaint(struct host *host, const uint8_t *data, size_t size)
{
	struct err err = {0};
	char line[150];

	FUZZ_CHECK(hear_begin(host, &err));
	for (size_t at = 0; at < size; at += 300) {
		size_t len = size - at < 300 ? size - at : 300;

		FUZZ_CHECK(write(host->errors, data + at, len) == (ssize_t)len);
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		FUZZ_CHECK(strlen(host->complaint) < sizeof(host->complaint));
	}
	ssh_last_line(host->complaint, line, sizeof(line));
	FUZZ_CHECK(line[0] && !fuzz_has_control(line));
	hear_end(host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned how = size ? data[0] : 0;
	_cleanup_free_ char *text = NULL;
	struct hosts *hosts = NULL;
	struct err err = {0};
	struct host *host;

	if (size)
		data++, size--;
	FUZZ_CHECK(hosts_new(base, "fuzz", &hosts, &err));
	host = hosts_get(hosts, "db1");
	host->errors = -1;
	text = fuzz_text(data, size);
	if (how == 'l')
		hear_look(host, text);
	else if (how == 'c')
		hear_complaint(host, data, size);
	else
		hear_program(host, data, size);
	hosts_free(hosts);
	return 0;
}
