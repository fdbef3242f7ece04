/*
 * disk_lab.c - see disk_lab.h.
 */
#include "tests/sim/disk_lab.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

void lab_make(struct lab *lab)
{
	const char *memory =
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(
		lab->dir, sizeof(lab->dir), "%s/syncup-disks-XXXXXX", memory);
	assert_non_null(mkdtemp(lab->dir));
	(void)snprintf(lab->disk, sizeof(lab->disk), "%s/disk", lab->dir);
	(void)snprintf(lab->bench, sizeof(lab->bench), "%s/bench", lab->dir);
	(void)snprintf(lab->trace, sizeof(lab->trace), "%s/trace", lab->dir);
	assert_int_equal(mkdir(lab->disk, 0700), 0);
	assert_int_equal(mkdir(lab->bench, 0700), 0);
	assert_int_equal(mkdir(lab->trace, 0700), 0);
}

static void empty(int dir, bool itself, const char *name)
{
	int fd = openat(
		dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!list) {
		fail_msg("opening %s: %s", name, strerror(errno));
		return; /* what fail_msg() does, unknown to clang */
	}
	while ((entry = readdir(list)))
		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0)
			continue;
		else if (unlinkat(fd, entry->d_name, 0) < 0)
			empty(fd, true, entry->d_name);
	assert_int_equal(closedir(list), 0);
	if (itself)
		assert_int_equal(unlinkat(dir, name, AT_REMOVEDIR), 0);
}

void lab_empty(const char *directory)
{
	empty(AT_FDCWD, false, directory);
}

void lab_remove(struct lab *lab)
{
	empty(AT_FDCWD, true, lab->dir);
}

void lab_put(const struct lab *lab, const struct disk *disk)
{
	lab_empty(lab->bench);
	disk_write(disk, 0, lab->bench);
}

void lab_prepare(const struct lab *lab, const char *root)
{
	if (!recorder_prepare(lab->trace, root))
		fail_msg("the recorder cannot write: %s", strerror(errno));
}

void lab_begin(const struct lab *lab, const char *root, unsigned long cut_at)
{
	if (!recorder_begin(lab->trace, root, cut_at ? cut_at : ULONG_MAX))
		fail_msg("the recorder does not begin: %s", strerror(errno));
}

bool lab_in_child(const struct lab *lab, unsigned long cut_at,
	void (*work)(void *arg), void *arg)
{
	pid_t child;
	int status;

	(void)fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (!recorder_begin(
			    lab->trace, lab->disk, cut_at ? cut_at : ULONG_MAX))
			_exit(2);
		work(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("a child ended with status %x", (unsigned)status);
	return false;
}

bool lab_takes(unsigned percent)
{
	static unsigned long state;
	const char *full = getenv("FULL"), *seed = getenv("SEED");

	if (full && full[0])
		return true;
	if (!state)
		state = 1 + (seed ? strtoul(seed, NULL, 10) : 0);
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % 100 < percent;
}

void *lab_share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static double now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void lab_count_begin(struct lab_count *count)
{
	*count = (struct lab_count){.begin = now()};
}

void lab_count_end(const struct lab_count *count, const char *what)
{
	double took = now() - count->begin;

	print_message("%s: disk_states=%lu wrong=%lu per_cpu_second=%.0f\n",
		what, count->states, count->wrong,
		(double)count->states / (took > 0 ? took : 1));
	assert_int_equal(count->wrong, 0);
}
