#include "rounds.h"

#include "alloc_fault.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../unit/scratch.h"

#define ROUNDS_MAX 20000
#define STRIDE 7

enum { /* exit codes of a copy of us */
	PLAYED = 0, /* until N was not met any more */
	DIED = 8, /* memory_out() */
	WRONG = 99,
};

/* Shared with the copies, so that one's end loses nothing. */
struct tally {
	unsigned long at; /* N of the round that is played, or was last */
	unsigned long failed, died, survived;
};

static _Noreturn void wrong(
	const struct subject *subject, const char *what, const struct err *err)
{
	(void)fprintf(stderr, "%s: %s (code %d: %s)", subject->name, what,
		(int)err->code, err->msg);
	_exit(WRONG);
}

/* In a round that crashed. */
static void say_where(int number)
{
	void *frames[12];
	int count;

	alloc_fault_disarm();
	count = backtrace(frames, 12);
	backtrace_symbols_fd(frames, count, STDERR_FILENO);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static const char *place_of(const void *site)
{
	static char name[300];
	Dl_info info = {0};

	(void)dladdr(site, &info);
	(void)snprintf(name, sizeof(name), "%s+%lx (%s)",
		info.dli_fname ? info.dli_fname : "?",
		(unsigned long)((uintptr_t)site - (uintptr_t)info.dli_fbase),
		info.dli_sname ? info.dli_sname : "?");
	return name;
}

/* libyaml loses what it had read of a document when memory ends, libarchive
 * what it had opened; the loader keeps its last error, libcrypto a queue of
 * them. */
static bool is_ours_to_free(const void *site)
{
	static const char *const forgiven[] = {
		"libyaml-0.so", "libarchive.so", "ld-linux", "libcrypto.so"};
	const char *place = place_of(site);

	for (size_t i = 0; i < sizeof(forgiven) / sizeof(forgiven[0]); i++)
		if (strstr(place, forgiven[i]))
			return false;
	return true;
}

static bool is_fair(const struct subject *subject, const struct err *err)
{
	if (err->code == ERR_MEMORY)
		return strcasestr(err->msg, "memory") != NULL;
	if (subject->may_say_any)
		return err->msg[0];
	return subject->may_say_again && err->code == ERR_AGAIN && err->msg[0];
}

/* "From then on" mostly ends as "once" does: unless FULL is set only every
 * seventh N is tried, a choice that SEED moves. */
static unsigned long stride(bool from_on)
{
	return from_on && !getenv("FULL") ? STRIDE : 1;
}

static unsigned long first_of_stride(void)
{
	const char *seed = getenv("SEED");

	return 1 + (seed ? strtoul(seed, NULL, 10) : 0) % stride(true);
}

/* False: N was not met. */
static bool play(
	const struct subject *subject, struct tally *tally, bool from_on)
{
	struct err err = {0};
	const void *site = NULL;
	unsigned long left;
	const char *bad;
	bool ok;

	if (subject->prepare)
		subject->prepare();
	alloc_fault_arm(tally->at, from_on);
	ok = subject->act(&err);
	alloc_fault_disarm();
	left = alloc_fault_left(is_ours_to_free, &site);
	if (!ok && !alloc_fault_fired())
		wrong(subject, "it fails by itself", &err);
	if (!ok && !is_fair(subject, &err))
		wrong(subject, "it does not say that there is no memory", &err);
	if (left) {
		(void)fprintf(stderr, "%lu blocks, one from %s: ", left,
			place_of(site));
		wrong(subject, "it leaks", &err);
	}
	bad = subject->check ? subject->check(ok) : "";
	if (bad[0])
		wrong(subject, bad, &err);
	if (!alloc_fault_fired())
		return false;
	tally->failed++;
	tally->survived += ok;
	return true;
}

static _Noreturn void play_on(
	const struct subject *subject, struct tally *tally, bool from_on)
{
	/* Nothing returns into cmocka from here. */
	(void)signal(SIGSEGV, say_where);
	(void)signal(SIGBUS, say_where);
	(void)signal(SIGABRT, say_where);
	(void)setenv("CMOCKA_TEST_ABORT", "1", 1);
	while (play(subject, tally, from_on) && tally->at < ROUNDS_MAX)
		tally->at += stride(from_on);
	_exit(PLAYED);
}

/* Plays until a round ends the copy; what that said is in said. */
static int play_apart(const struct subject *subject, struct tally *tally,
	bool from_on, char *said, size_t size)
{
	int ends[2], status = 0;
	size_t len = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(ends[1], STDERR_FILENO);
		(void)close(ends[0]);
		(void)close(ends[1]);
		play_on(subject, tally, from_on);
	}
	(void)close(ends[1]);
	while ((got = read(ends[0], said + len, size - 1 - len)) > 0)
		len += (size_t)got;
	said[len] = '\0';
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* An end that is allowed: by memory_out(), or within a library that is only
 * used in children for that reason. */
static bool is_fair_end(
	const struct subject *subject, int status, const char *said)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == WRONG)
		return false;
	if (subject->may_end_in && strstr(said, subject->may_end_in))
		return true;
	return WIFEXITED(status) && WEXITSTATUS(status) == DIED &&
	       subject->may_die && strstr(said, "out of memory");
}

static bool play_all(const struct subject *subject, struct tally *tally,
	bool from_on, char *why, size_t size)
{
	char said[1500];
	int status;

	for (tally->at = from_on ? first_of_stride() : 1;;
		tally->at += stride(from_on)) {
		const char *bad = "";

		status =
			play_apart(subject, tally, from_on, said, sizeof(said));
		if (WIFEXITED(status) && WEXITSTATUS(status) == PLAYED)
			return true;
		if (!is_fair_end(subject, status, said))
			break;
		tally->failed++;
		tally->died++;
		if (subject->check)
			bad = subject->check(false);
		if (bad[0]) {
			(void)snprintf(said, sizeof(said), "ended: %s", bad);
			break;
		}
	}
	(void)snprintf(why, size,
		"%s, allocation %lu%s: status %#x, it said: %s", subject->name,
		tally->at, from_on ? " and on" : "", (unsigned)status, said);
	return false;
}

static bool play_both(const struct subject *subject, struct tally *ret_tally,
	char *why, size_t size)
{
	struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool ok;

	assert_true(tally != MAP_FAILED);
	ok = play_all(subject, tally, false, why, size) &&
	     play_all(subject, tally, true, why, size);
	*ret_tally = *tally;
	(void)munmap(tally, sizeof(*tally));
	return ok;
}

bool rounds_are_well(const struct subject *subject, char *why, size_t size)
{
	struct tally tally;

	return play_both(subject, &tally, why, size);
}

unsigned long rounds_run(const struct subject *subject)
{
	struct tally tally;
	struct err err = {0};
	char why[1800];

	/* What libraries keep for ever, they have from here on. */
	for (int i = 0; i < 2; i++) {
		if (subject->prepare)
			subject->prepare();
		if (!subject->act(&err))
			fail_msg("%s: %s", subject->name, err.msg);
	}
	if (!play_both(subject, &tally, why, sizeof(why)))
		fail_msg("%s", why);
	assert_true(tally.failed > 0 && tally.at < ROUNDS_MAX);
	print_message(
		"%-28s %5lu allocations failed: %lu errors, %lu ends, %lu "
		"went on\n",
		subject->name, tally.failed,
		tally.failed - tally.died - tally.survived, tally.died,
		tally.survived);
	return tally.failed;
}
