/*
 * version.c - version numbers, and asking an executable for its own.
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

enum { DEADLINE_MS = 5000, DIGITS_MAX = 6 };

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '-';
}

/* The length of N.N.N at text, or 0. */
static size_t numbers_len(const char *text)
{
	size_t at = 0;

	for (int part = 0; part < 3; part++) {
		size_t digits;

		if (part > 0 && text[at++] != '.')
			return 0;
		digits = strspn(text + at, "0123456789");
		if (digits == 0 || digits > DIGITS_MAX)
			return 0;
		at += digits;
	}
	return at;
}

bool version_is_valid(const char *version)
{
	size_t at = numbers_len(version);

	if (at == 0 || strlen(version) >= VERSION_MAX)
		return false;
	if (version[at] == '\0')
		return true;
	if (version[at] != '-' || !isalnum((unsigned char)version[at + 1]))
		return false;
	while (version[++at])
		if (!is_word(version[at]))
			return false;
	return true;
}

int version_compare(const char *a, const char *b)
{
	for (int part = 0; part < 3; part++) {
		char *end_a, *end_b;
		unsigned long number_a = strtoul(a, &end_a, 10);
		unsigned long number_b = strtoul(b, &end_b, 10);

		if (number_a != number_b)
			return number_a < number_b ? -1 : 1;
		a = *end_a == '.' ? end_a + 1 : end_a;
		b = *end_b == '.' ? end_b + 1 : end_b;
	}
	if (*a == '\0' || *b == '\0') /* 1.2.0-rc1 comes before 1.2.0 */
		return (*a == '\0') - (*b == '\0');
	return strverscmp(a, b);
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
		len = numbers_len(at);
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
