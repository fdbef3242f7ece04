#include "state/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WHOLE_MAX 1024 /* what is made before it is cut to err->msg */

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
