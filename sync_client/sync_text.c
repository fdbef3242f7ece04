/*
 * sync_text.c - one pass over the text, one output character at a time.
 */
#include "sync_client/sync_text.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define USERINFO_SHOWN "***"
#define INVALID_SHOWN "?"

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

/* Bytes of the character at text, which does not begin with NUL; 0: it is not
 * UTF-8 (cut off, longer than it must be, a surrogate, beyond Unicode). */
static size_t character_len(const char *text)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)text[0];
	size_t len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t value = first & (0x7fu >> len);

	if (first < 0x80)
		return 1;
	if (first < 0xc0 || first > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		unsigned char next = (unsigned char)text[i];

		if ((next & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (next & 0x3fu);
	}
	if (value < least[len] || (value >= 0xd800 && value <= 0xdfff) ||
		value > 0x10ffff)
		return 0;
	return len;
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
		} else if (!len) {
			put = INVALID_SHOWN;
			len = taken = 1;
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

void sync_text_clean(char *text, size_t size)
{
	char from[SYNC_TEXT_CLEAN_MAX];

	assert(size && size <= sizeof(from));
	memcpy(from, text, size);
	from[size - 1] = '\0';
	sync_text_copy(text, size, from);
}
