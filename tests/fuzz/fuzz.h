/*
 * fuzz.h - what the subjects share.
 *
 * Each subject is one LLVMFuzzerTestOneInput(): it takes any bytes, leaves
 * nothing behind, and aborts when a promise of the product does not hold.
 * libFuzzer calls it, or corpus_main.c in an ordinary build.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "state/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Before the first input; each subject has it. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define FUZZ_CHECK(holds)                                                      \
	do {                                                                   \
		if (!(holds)) {                                                \
			(void)fprintf(stderr, "%s:%d: does not hold: %s\n",    \
				__FILE__, __LINE__, #holds);                   \
			abort();                                               \
		}                                                              \
	} while (0)

/* A copy with a NUL behind it, which ends where the input ends. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_CHECK(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* C0, DEL, and C1 as UTF-8. */
static inline bool fuzz_has_control(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c == 0x7f ||
			(c == 0xc2 && (unsigned char)text[1] < 0xa0))
			return true;
	}
	return false;
}

/* A refusal has a code and a sentence, and a terminal can show it. */
static inline void fuzz_check_refusal(const struct err *err)
{
	FUZZ_CHECK(err->code != ERR_NONE);
	FUZZ_CHECK(err->msg[0]);
	FUZZ_CHECK(!fuzz_has_control(err->msg));
}

/* A file in memory that is made once and filled again and again. */
struct fuzz_file {
	int fd;
	char path[40];
};

static inline void fuzz_file_open(struct fuzz_file *file)
{
	file->fd = memfd_create("fuzz", MFD_CLOEXEC);
	FUZZ_CHECK(file->fd >= 0);
	(void)snprintf(
		file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

static inline void fuzz_file_fill(
	struct fuzz_file *file, const void *data, size_t size)
{
	FUZZ_CHECK(ftruncate(file->fd, 0) == 0);
	FUZZ_CHECK(pwrite(file->fd, data, size, 0) == (ssize_t)size);
}

#endif
