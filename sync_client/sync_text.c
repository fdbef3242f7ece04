/*
 * sync_text.c - one pass over the text, one output character at a time.
 */
#include "sync_client/sync_text.h"

#include <stdbool.h>
#include <string.h>

#define USERINFO_SHOWN "***"

/* The end of the userinfo of a URI whose "://" stands just before text: its
 * last '@'.  Passwords may hold anything but blanks and quotes, so that hiding
 * too much is possible and hiding too little is not. */
static const char *userinfo_end(const char *text)
{
	const char *end = NULL;

	for (; *text && !strchr(" \t\r\n\"'<>", *text); text++)
		if (*text == '@')
			end = text;
	return end;
}

static size_t character_len(const char *text)
{
	unsigned char first = (unsigned char)text[0];
	size_t len = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	return strnlen(text, len);
}

/* C0, DEL, and the C1 controls, which terminals obey as well. */
static bool is_control(const char *text, size_t len)
{
	unsigned char first = (unsigned char)text[0];

	if (len == 1)
		return first < 0x20 || first == 0x7f;
	return len == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0;
}

void sync_text_copy(char *to, size_t size, const char *from)
{
	const char *start = from ? from : "", *text = start;
	size_t used = 0;

	while (*text) {
		size_t len = character_len(text), taken = len;
		const char *put = text, *end = NULL;

		if (text - start >= 3 && !memcmp(text - 3, "://", 3))
			end = userinfo_end(text);
		/* An empty one hides nothing, and has no end to go on from. */
		if (end && end > text) {
			put = USERINFO_SHOWN;
			len = strlen(USERINFO_SHOWN);
			taken = (size_t)(end - text);
		} else if (is_control(text, len)) {
			put = " ";
			len = 1;
		}
		if (used + len >= size)
			break;
		memcpy(to + used, put, len);
		used += len;
		text += taken;
	}
	to[used] = '\0';
}
