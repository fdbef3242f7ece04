/*
 * version.c - asking an executable for its version.
 *
 * How mongosync prints its version is documented nowhere, so any text will do
 * that has three numbers in it.
 */
#include "supervisor/install/version.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "supervisor/install/capture.h"

enum { DEADLINE_MS = 5000 };

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '-';
}

/* Not in "go1.21.3", "so.1.2.3" or "10.0.0.1", but in "v1.2.3". */
static bool is_start(const char *text, const char *at)
{
	if (at > text && tolower((unsigned char)at[-1]) == 'v')
		at--;
	return at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '.');
}

bool version_find(const char *text, char ret_version[VERSION_MAX])
{
	for (const char *at = text; *at; at++) {
		size_t len;

		if (!isdigit((unsigned char)*at) || !is_start(text, at))
			continue;
		len = version_numbers_len(at);
		if (len == 0 || isalnum((unsigned char)at[len]) ||
			(at[len] == '.' && isalnum((unsigned char)at[len + 1])))
			continue;
		if (at[len] == '-')
			while (is_word(at[len]))
				len++;
		while (!isalnum((unsigned char)at[len - 1]))
			len--;
		if (len >= VERSION_MAX)
			continue;
		memcpy(ret_version, at, len);
		ret_version[len] = '\0';
		return true;
	}
	return false;
}

/* Its first line, for a message. */
static const char *first_line(char *text)
{
	text[strcspn(text, "\r\n")] = '\0';
	for (char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
	return text;
}

static bool judge(struct capture *said, const char *shown,
	char ret_version[VERSION_MAX], struct err *err)
{
	bool is_clean =
		WIFEXITED(said->status) && WEXITSTATUS(said->status) == 0;

	if (said->exec_errno)
		return err_sys(err,
			said->exec_errno == ENOENT ? ERR_MISSING : ERR_CONFIG,
			said->exec_errno, "running %s --version", shown);
	if (said->is_late)
		return err_set(err, ERR_CONFIG,
			"%s --version did not end within %d seconds", shown,
			DEADLINE_MS / 1000);
	if (WIFSIGNALED(said->status))
		return err_set(err, ERR_CONFIG,
			"%s --version was ended by signal %d", shown,
			WTERMSIG(said->status));
	if (version_find(said->out, ret_version))
		return true;
	/* what a failing program complains of has versions in it, too */
	if (is_clean && version_find(said->diag, ret_version))
		return true;
	return err_set(err, ERR_CONFIG,
		"%s --version names no version (exit %d): %.80s", shown,
		WEXITSTATUS(said->status),
		first_line(said->out[0] ? said->out : said->diag));
}

static bool ask(const char *path, int fd, const char *shown,
	char ret_version[VERSION_MAX], int *ret_exec_errno, struct err *err)
{
	/* nothing of ours: the environment may hold secrets */
	static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
		"HOME=/nonexistent", "LC_ALL=C", NULL};
	const char *argv[] = {path, "--version", NULL};
	struct capture_spec spec = {
		.argv = argv, .fd = fd, .env = env, .deadline_ms = DEADLINE_MS};
	struct capture said;
	bool ok;

	if (!capture_run(&spec, &said, err))
		return false;
	if (ret_exec_errno)
		*ret_exec_errno = said.exec_errno;
	ok = judge(&said, shown, ret_version, err);
	capture_done(&said);
	return ok;
}

bool version_of_fd(int fd, const char *shown, char ret_version[VERSION_MAX],
	int *ret_exec_errno, struct err *err)
{
	bool ok = ask(shown, fd, shown, ret_version, ret_exec_errno, err);

	/* not the executable: what its "#!" names */
	if (!ok && err && err->code == ERR_MISSING)
		err->code = ERR_CONFIG;
	return ok;
}

bool version_of_binary(
	const char *path, char ret_version[VERSION_MAX], struct err *err)
{
	return ask(path, -1, path, ret_version, NULL, err);
}
