/*
 * program.c - syncup-host, as it is sent to a host.
 *
 * A login shell there may be any (csh, fish), so it is only asked to run sh
 * with one word in single quotes, which holds no single quote, backslash,
 * exclamation mark or end of line.  All else comes over standard input, after
 * which nothing is said until the program has greeted: what reads it may read
 * ahead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/host/bootstrap.h"
#include "supervisor/host/internal.h"
#include "supervisor/memory.h"
#include "supervisor/version.h"
#include "sync_client/sync_text.h"

#define PROGRAM_MAX (64u << 20)
#define LOOK_WORD "syncup-look"

struct payload { /* a program file as it is sent, kept for the next host */
	LIST_ENTRY(payload) next;
	char path[PATH_MAX];
	bool packed;
	unsigned char *data;
	size_t len, plain; /* as sent; as it is there */
};

struct program {
	char name[HOST_NAME_SIZE + 32], script[1600];
	struct ssh_words words;
	json_t *hello;
	struct helper_program quick, slow;
};

const char *const program_look[] = {"sh", "-c",
	"'echo " LOOK_WORD " $(uname -m) $(command -v gzip || echo -)'", NULL};

/* ---- the file ---- */

static bool pack(struct payload *payload, struct err *err)
{
	z_stream stream = {0};
	uLong bound;
	unsigned char *packed;
	bool ok;

	/* 16: with the head and tail of a gzip file. */
	if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + 16, 8,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(err, ERR_MEMORY, "out of memory");
	bound = deflateBound(&stream, payload->plain);
	packed = memory_alloc(bound);
	stream.next_in = payload->data;
	stream.avail_in = (uInt)payload->plain;
	stream.next_out = packed;
	stream.avail_out = (uInt)bound;
	ok = deflate(&stream, Z_FINISH) == Z_STREAM_END;
	payload->len = stream.total_out;
	(void)deflateEnd(&stream);
	free(payload->data);
	payload->data = packed;
	return ok ||
	       err_set(err, ERR_BUG, "%s cannot be packed", payload->path);
}

static void payload_free(struct payload *payload)
{
	free(payload->data);
	free(payload);
}

void payloads_free(struct hosts *hosts)
{
	while (!LIST_EMPTY(&hosts->payloads)) {
		struct payload *payload = LIST_FIRST(&hosts->payloads);

		LIST_REMOVE(payload, next);
		payload_free(payload);
	}
}

static bool payload_get(struct hosts *hosts, const char *path, bool packed,
	struct payload **ret_payload, struct err *err)
{
	struct payload *payload;
	char *data;

	LIST_FOREACH (payload, &hosts->payloads, next) {
		if (payload->packed == packed &&
			strcmp(payload->path, path) == 0)
			break;
	}
	if (payload) {
		*ret_payload = payload;
		return true;
	}
	payload = memory_calloc(1, sizeof(*payload));
	(void)snprintf(payload->path, sizeof(payload->path), "%s", path);
	payload->packed = packed;
	if (!atomic_file_read(path, PROGRAM_MAX, &data, &payload->plain, err)) {
		payload_free(payload);
		return false;
	}
	payload->data = (unsigned char *)data;
	payload->len = payload->plain;
	if (packed && !pack(payload, err)) {
		payload_free(payload);
		return false;
	}
	LIST_INSERT_HEAD(&hosts->payloads, payload, next);
	*ret_payload = payload;
	return true;
}

/* Of another machine type it has that type's name behind its own. */
static bool find_file(
	const char *machine, char *ret_path, size_t size, struct err *err)
{
	struct utsname here = {0};
	char path[PATH_MAX];

	if (!helpers_find_program(
		    "SYNCUP_HOST", "host", "syncup-host", path, sizeof(path)))
		return err_set(err, ERR_CONFIG,
			"%s is missing here: install syncup whole, or set "
			"SYNCUP_HOST",
			path);
	(void)uname(&here);
	if (strcmp(here.machine, machine) == 0) {
		(void)snprintf(ret_path, size, "%s", path);
		return true;
	}
	if (snprintf(ret_path, size, "%s-%s", path, machine) < (int)size &&
		access(ret_path, R_OK) == 0)
		return true;
	return err_set(err, ERR_CONFIG,
		"it is a %s, this one a %s: put a syncup-host that was built "
		"for it at %.150s",
		machine, here.machine, ret_path);
}

/* ---- the program ---- */

/* A login shell may have spoken before. */
static bool read_look(const char *said, char ret_machine[static 32],
	bool *ret_gzip, struct err *err)
{
	const char *line = said;
	char gzip[64] = "";

	while ((line = strstr(line, LOOK_WORD " "))) {
		if ((line == said || line[-1] == '\n') &&
			sscanf(line, LOOK_WORD " %31[A-Za-z0-9_.-] %63s",
				ret_machine, gzip) == 2) {
			*ret_gzip = gzip[0] == '/';
			return true;
		}
		line++;
	}
	return err_set(err, ERR_CONFIG,
		"its login shell does not say which machine it is");
}

/* A package that is installed by halves, or while we ran: an older one may
 * lack what is asked of it. */
static bool is_of_our_version(const json_t *hello, struct err *err)
{
	const char *said = json_string_value(json_object_get(hello, "version"));
	char version[32];

	if (said && strcmp(said, SYNCUP_VERSION) == 0)
		return true;
	sync_text_copy(version, sizeof(version), said ? said : "unknown");
	return err_set(err, ERR_CONFIG,
		"the syncup-host to send is of version %s, syncup of %s: "
		"install syncup whole, and type the same command again",
		version, SYNCUP_VERSION);
}

bool program_new(const struct host *host, const char *said,
	struct program **ret_program, struct err *err)
{
	struct program *program;
	struct payload *payload;
	char machine[32], path[PATH_MAX];
	const char *const run[] = {"sh", "-c", NULL};
	bool gzip = false;

	if (!read_look(said, machine, &gzip, err) ||
		!find_file(machine, path, sizeof(path), err) ||
		!payload_get(host->hosts, path, gzip, &payload, err))
		return false;
	program = memory_calloc(1, sizeof(*program));
	(void)snprintf(program->name, sizeof(program->name),
		"syncup-host on %s", host->name);
	(void)snprintf(program->script, sizeof(program->script), BOOTSTRAP,
		payload->plain, payload->len, gzip ? "gzip -dc" : "cat",
		payload->plain);
	ssh_session_words(host, run, &program->words);
	program->words.word[program->words.count] = program->script;
	/* One machine may have two names in a fleet file: then it has two
	 * connections, which must not end each other. */
	program->hello = json_pack("{s:s, s:o, s:s}", "op", "hello", "owner",
		json_sprintf("%s%s%s", host->hosts->owner,
			host->hosts->owner[0] ? " " : "",
			host->hosts->owner[0] ? host->name : ""),
		"connection", host->connection);
	program->quick = (struct helper_program){.name = program->name,
		.argv = program->words.word,
		.most = 1,
		.errors = host->errors,
		.prologue = payload->data,
		.prologue_len = payload->len,
		.greeting = BOOTSTRAP_GREETING,
		.trouble = BOOTSTRAP_TROUBLE,
		.hello = program->hello,
		.greets = is_of_our_version};
	program->slow = program->quick;
	program->slow.most = 3;
	*ret_program = program;
	return true;
}

void program_free(struct program *program)
{
	if (!program)
		return;
	json_decref(program->hello);
	free(program);
}

const struct helper_program *program_of(
	const struct program *program, bool slow)
{
	return slow ? &program->slow : &program->quick;
}
