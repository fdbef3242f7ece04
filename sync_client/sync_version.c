/*
 * sync_version.c - see sync_version.h.
 */
#include "sync_client/sync_version.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 6 };

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '-';
}

size_t version_numbers_len(const char *text)
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
	size_t at = version_numbers_len(version);

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
