/*
 * corpus_main.c - the corpus as an ordinary test, without libFuzzer.
 *
 * Every file of the folders given is one input; then each is cut and has bytes
 * changed, always in the same way.  It says what it did, and which file it was
 * at when something aborts.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

enum { CUTS = 8, CHANGES = 32 };

static char current[PATH_MAX + 64];

/* A failed check aborts. */
static void say_where(int signal_number)
{
	(void)signal_number;
	(void)!write(STDERR_FILENO, "at ", 3);
	(void)!write(STDERR_FILENO, current, strlen(current));
	(void)!write(STDERR_FILENO, "\n", 1);
}

/* AddressSanitizer calls it. */
void __asan_on_error(void);
void __asan_on_error(void)
{
	say_where(0);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Exactly as long as the input, so that reading over its end is seen. */
static void run_one(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	FUZZ_CHECK(copy);
	if (size)
		memcpy(copy, data, size);
	FUZZ_CHECK(LLVMFuzzerTestOneInput(copy, size) == 0);
	free(copy);
}

static unsigned run_mutated(const char *path, uint8_t *data, size_t size)
{
	uint32_t seed = 1;
	unsigned runs = 0;

	for (size_t cut = 0; size && cut < CUTS; cut++, runs++) {
		(void)snprintf(
			current, sizeof(current), "%s, cut %zu", path, cut);
		run_one(data, size * cut / CUTS);
	}
	for (unsigned change = 0; size && change < CHANGES; change++, runs++) {
		size_t at = next_random(&seed) % size;
		uint8_t was = data[at];

		(void)snprintf(current, sizeof(current), "%s, change %u", path,
			change);
		data[at] = change % 2 ? (uint8_t)next_random(&seed)
				      : data[next_random(&seed) % size];
		run_one(data, size);
		data[at] = was;
	}
	return runs;
}

static unsigned run_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data;
	unsigned runs;

	FUZZ_CHECK(fd >= 0 && fstat(fd, &st) == 0);
	data = malloc((size_t)st.st_size + 1);
	FUZZ_CHECK(data);
	FUZZ_CHECK(read(fd, data, (size_t)st.st_size) == st.st_size);
	(void)close(fd);
	(void)snprintf(current, sizeof(current), "%s", path);
	run_one(data, (size_t)st.st_size);
	runs = 1 + run_mutated(path, data, (size_t)st.st_size);
	free(data);
	return runs;
}

int main(int argc, char **argv)
{
	unsigned files = 0, runs = 0;

	(void)signal(SIGABRT, say_where);
	(void)LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		const struct dirent *entry;
		char path[PATH_MAX];

		FUZZ_CHECK(dir);
		while ((entry = readdir(dir))) {
			if (entry->d_name[0] == '.')
				continue;
			(void)snprintf(path, sizeof(path), "%s/%s", argv[i],
				entry->d_name);
			runs += run_file(path);
			files++;
		}
		(void)closedir(dir);
	}
	(void)printf("%u files, %u inputs\n", files, runs);
	return files ? 0 : 1;
}
