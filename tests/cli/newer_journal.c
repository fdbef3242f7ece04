/*
 * newer_journal.c - newer-journal FORMAT [NEED...]: prints the beginning of a
 * journal as syncup 9.9.9 might write it, with a good checksum.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "state/record.h"

#define RUN "20990101T000000Z-abcdef"

int main(int argc, char **argv)
{
	_cleanup_json_ json_t *body = json_pack("{s:I, s:[], s:s, s:s}",
		"format", argc > 1 ? (json_int_t)strtol(argv[1], NULL, 10) : 0,
		"needs", "run", RUN, "syncup", "9.9.9");
	_cleanup_free_ char *line = NULL;
	struct err err = {0};
	size_t len;

	for (int i = 2; i < argc; i++)
		(void)json_array_append_new(
			json_object_get(body, "needs"), json_string(argv[i]));
	if (!record_print(RUN, 0, 0, "run", body, &line, &len, &err)) {
		(void)fprintf(stderr, "newer-journal: %s\n", err.msg);
		return EXIT_FAILURE;
	}
	return fwrite(line, 1, len, stdout) == len ? EXIT_SUCCESS
						   : EXIT_FAILURE;
}
