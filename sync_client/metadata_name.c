/*
 * metadata_name.c - see metadata_name.h.
 */
#include "sync_client/metadata_name.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BETA_PREFIX "mongosync_internal_"

enum {
	FILE_NAME_MAX = 238, /* mongodump's: leaves room for its endings */
	FILE_NAME_KEPT = 208,
	SHA1_LEN = 20,
};

static const struct {
	const char *database;
	int rank;
} known[] = {
	{"__mdb_internal_mongosync", 3},
	{"mongosync_reserved_for_internal_use", 2},
	{"__mdb_internal_mongosync_verifier_src", 0},
	{"__mdb_internal_mongosync_verifier_dst", 0},
	{"mongosync_reserved_for_verification_src_metadata", 0},
	{"mongosync_reserved_for_verification_dst_metadata", 0},
};

static int find_known(const char *database)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(database, known[i].database) == 0)
			return (int)i;
	return -1;
}

enum metadata_name metadata_name_of(const char *database)
{
	if (find_known(database) >= 0)
		return METADATA_NAME_OURS;
	if (strncmp(database, BETA_PREFIX, strlen(BETA_PREFIX)) == 0 &&
		database[strlen(BETA_PREFIX)] && !strchr(database, '/'))
		return METADATA_NAME_LIKELY;
	return METADATA_NAME_FOREIGN;
}

bool metadata_name_proves(const char *collection)
{
	return strcmp(collection, "resumeData") == 0 ||
	       strcmp(collection, "globalState") == 0;
}

int metadata_name_rank(const char *database)
{
	int found = find_known(database);

	return found >= 0 ? known[found].rank : 1;
}

bool metadata_name_is_system(const char *collection)
{
	return strncmp(collection, "system.", 7) == 0 &&
	       strcmp(collection, "system.js") != 0;
}

/* What Go's url.PathEscape leaves alone. */
static bool stays(unsigned char c)
{
	return isalnum(c) || (c && strchr("-_.~$&+:=@", c));
}

static char *escape(const char *text)
{
	char *escaped = malloc(3 * strlen(text) + 1), *to = escaped;

	for (; escaped && *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x80 && stays(c))
			*to++ = (char)c;
		else
			to += snprintf(to, 4, "%%%02X", c);
	}
	if (escaped)
		*to = '\0';
	return escaped;
}

/* Base64 for URLs, without padding. */
static bool hash_name(const char *collection, char ret_text[4 * SHA1_LEN])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_Digest(collection, strlen(collection), sum, &len, EVP_sha1(),
		    NULL) != 1)
		return false;
	(void)EVP_EncodeBlock((unsigned char *)ret_text, sum, (int)len);
	ret_text[strcspn(ret_text, "=")] = '\0';
	for (char *c = ret_text; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	return true;
}

char *metadata_name_file(const char *collection)
{
	char *escaped = escape(collection), hash[4 * SHA1_LEN];
	char *cut = NULL;

	if (!escaped || strlen(escaped) <= FILE_NAME_MAX)
		return escaped;
	if (!hash_name(collection, hash) ||
		asprintf(&cut, "%.*s%%24%s", FILE_NAME_KEPT, escaped, hash) < 0)
		cut = NULL;
	free(escaped);
	return cut;
}
