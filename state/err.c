#include "state/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WHOLE_MAX 1024 /* what is made before it is cut to err->msg */

static bool is_between(unsigned char c, unsigned char least, unsigned char most)
{
	return c >= least && c <= most;
}

/* The length of the character at text, or 0: too long a spelling, half a
 * surrogate pair and what is beyond U+10FFFF are no characters. */
static size_t character_len(const char *text)
{
	unsigned char first = (unsigned char)text[0], least = 0x80, most = 0xbf;
	size_t len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (first < 0x80)
		return 1;
	if (!is_between(first, 0xc2, 0xf4))
		return 0;
	if (first == 0xe0)
		least = 0xa0;
	else if (first == 0xed)
		most = 0x9f;
	else if (first == 0xf0)
		least = 0x90;
	else if (first == 0xf4)
		most = 0x8f;
	for (size_t i = 1; i < len; i++) {
		if (!is_between((unsigned char)text[i], least, most))
			return 0;
		least = 0x80;
		most = 0xbf;
	}
	return len;
}

void err_mend_text(char *text)
{
	while (*text) {
		size_t len = character_len(text);

		if (!len)
			*text = '?';
		text += len ? len : 1;
	}
}

/* Cut where a character begins, so that what is shown stays valid UTF-8. */
static void put_message(struct err *err, const char *text)
{
	static const char dots[] = "...";
	size_t len = strlen(text);

	if (len >= sizeof(err->msg)) {
		len = sizeof(err->msg) - sizeof(dots);
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
		memcpy(err->msg + len, dots, sizeof(dots));
	} else {
		err->msg[len] = '\0';
	}
	memcpy(err->msg, text, len);
	err_mend_text(err->msg);
}

bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	char whole[WHOLE_MAX] = "";
	va_list args;

	if (!err)
		return false;
	/* Made apart from err, because an argument may be err->msg. */
	va_start(args, fmt);
	(void)vsnprintf(whole, sizeof(whole), fmt, args);
	va_end(args);
	err->code = code;
	err->sys = 0;
	put_message(err, whole);
	return false;
}

bool err_sys(struct err *err, enum err_code code, int sys, const char *fmt, ...)
{
	char whole[WHOLE_MAX] = "", text[WHOLE_MAX / 2] = "", why[128];
	va_list args;

	if (!err)
		return false;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)snprintf(whole, sizeof(whole), "%s: %s", text,
		strerror_r(sys, why, sizeof(why)));
	err->code = code;
	err->sys = sys;
	put_message(err, whole);
	return false;
}

bool err_wrap(struct err *err, const char *fmt, ...)
{
	char whole[WHOLE_MAX] = "", text[WHOLE_MAX / 2] = "";
	va_list args;

	if (!err)
		return false;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)snprintf(whole, sizeof(whole), "%s: %s", text, err->msg);
	put_message(err, whole);
	return false;
}

static const int exit_codes[] = {
	[ERR_NONE] = 0,
	[ERR_BUG] = 1,
	[ERR_USAGE] = 2,
	[ERR_CONFIG] = 3,
	[ERR_HELD] = 4,
	[ERR_JOURNAL] = 5,
	[ERR_STEP] = 6,
	[ERR_DECIDE] = 7,
	[ERR_STORAGE] = 8,
	[ERR_STOPPED] = 8,
	[ERR_TURNED] = 9,
	[ERR_AGAIN] = 6,
	[ERR_MISSING] = 3,
	[ERR_MEMORY] = 8,
};

int err_exit_code(enum err_code code)
{
	return exit_codes[code];
}
