/*
 * journal.c - `syncup journal show|verify`.
 */
#include <string.h>
#include <sys/stat.h>

#include "state/journal.h"
#include "supervisor/cli/cli.h"

static bool show_record(void *arg, const struct record *record, struct err *err)
{
	(void)arg, (void)err;
	(void)json_dumpf(record->json, stdout, JSON_COMPACT);
	(void)putchar('\n');
	return true;
}

static int show(const char *path)
{
	struct err err = {0};

	if (journal_read(path, show_record, NULL, NULL, &err))
		return 0;
	return cli_fail(&err);
}

static int verify(const char *path)
{
	struct run_state state = {0};
	struct err err = {0};
	unsigned long line = 0;
	int code = 0;

	if (journal_read(path, run_state_apply, &state, &line, &err)) {
		(void)printf("%s: %llu records of run %s, all good", path,
			(unsigned long long)state.records, state.run);
		if (line)
			(void)printf("; a torn tail begins at line %lu and "
				     "will be cut",
				line);
		(void)printf("\n");
	} else {
		code = cli_fail(&err);
	}
	run_state_done(&state);
	return code;
}

int verb_journal(const struct cli_args *args)
{
	bool is_show = strcmp(args->word[0], "show") == 0;
	struct cli_place place = {0};
	const char *path = args->word[1];
	size_t len = strlen(path);
	struct err err = {0};
	int code;

	if (!is_show && strcmp(args->word[0], "verify") != 0)
		return cli_usage_error(
			args->verb, "journal wants show or verify");
	/* A journal of its own, from history/ for example. */
	if (len > 8 && strcmp(path + len - 8, ".journal") == 0)
		return is_show ? show(path) : verify(path);
	if (!cli_place_find(path, &place, &err))
		return cli_fail(&err);
	code = is_show ? show(place.journal) : verify(place.journal);
	cli_place_done(&place);
	return code;
}
