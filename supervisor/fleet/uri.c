#include "supervisor/fleet/uri.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME "mongodb://"
#define PORT ":27017"

/* Text and length of the list of hosts; length 0: it names none. */
static const char *find_hosts(const char *uri, size_t *ret_len)
{
	const char *start, *at;

	*ret_len = 0;
	if (!uri || strncasecmp(uri, SCHEME, strlen(SCHEME)) != 0)
		return "";
	start = uri + strlen(SCHEME);
	*ret_len = strcspn(start, "/?");
	/* A password ought to be encoded, and is not always. */
	for (at = start; at < start + *ret_len; at++) {
		if (*at == '@') {
			*ret_len -= (size_t)(at + 1 - start);
			start = at + 1;
		}
	}
	return start;
}

static const char *port_of(const char *host, size_t len)
{
	const char *colon = NULL;

	/* [::1]:27017 */
	for (size_t i = 0; i < len; i++) {
		if (host[i] == ':')
			colon = host + i;
		else if (host[i] == ']')
			colon = NULL;
	}
	return colon ? colon : host + len;
}

/* "host" and "host:27017" are the same. */
static void spell(const char *host, size_t len, char *ret, size_t size)
{
	const char *port = port_of(host, len);

	(void)snprintf(ret, size, "%.*s%s", (int)len, host,
		port == host + len ? PORT : "");
}

/* Who may also be known by another name. */
static bool is_address(const char *host)
{
	return host[0] == '[' || isdigit((unsigned char)host[0]) ||
	       strncasecmp(host, "localhost", strlen("localhost")) == 0;
}

/* Both are spelled out. */
static enum uri_match match(const char *one, const char *other)
{
	const char *port = port_of(one, strlen(one));
	size_t label = strcspn(one, ".:");

	if (strcasecmp(one, other) == 0)
		return URI_SAME;
	if (strcmp(port, port_of(other, strlen(other))) != 0)
		return URI_OTHER;
	if (is_address(one) || is_address(other))
		return URI_PERHAPS;
	/* with and without its domain */
	return label == strcspn(other, ".:") &&
			       strncasecmp(one, other, label) == 0
		       ? URI_PERHAPS
		       : URI_OTHER;
}

enum uri_match uri_match_host(const char *uri, const char *host)
{
	char one[300], other[300];
	enum uri_match best = URI_OTHER;
	size_t len, part;
	const char *hosts = find_hosts(uri, &len);

	if (len == 0)
		return URI_PERHAPS;
	spell(host, strlen(host), other, sizeof(other));
	for (; len > 0; hosts += part, len -= part) {
		enum uri_match is;

		part = strcspn(hosts, ",/?");
		if (part > len)
			part = len;
		spell(hosts, part, one, sizeof(one));
		is = match(one, other);
		if (is > best)
			best = is;
		part += part < len; /* the comma */
	}
	return best;
}

const char *uri_options(const char *uri)
{
	const char *scheme = uri ? strstr(uri, "://") : NULL;
	const char *mark;

	if (!scheme)
		return "";
	mark = strchr(scheme, '?');
	return mark ? mark + 1 : "";
}

static int hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0'
					 : tolower((unsigned char)c) - 'a' + 10;
}

static void decode(const char *from, size_t len, char *to, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < len && used + 1 < size; i++) {
		if (from[i] == '%' && i + 2 < len &&
			isxdigit((unsigned char)from[i + 1]) &&
			isxdigit((unsigned char)from[i + 2])) {
			to[used++] = (char)(hex(from[i + 1]) * 16 +
					    hex(from[i + 2]));
			i += 2;
		} else {
			to[used++] = from[i];
		}
	}
	to[used] = '\0';
}

bool uri_next_option(const char **at, struct uri_option *ret_option)
{
	size_t len, name;

	*at += strspn(*at, "&;");
	if (!**at)
		return false;
	len = strcspn(*at, "&;");
	name = strcspn(*at, "=&;");
	decode(*at, name, ret_option->name, sizeof(ret_option->name));
	decode(*at + name + (name < len), len - name - (name < len),
		ret_option->value, sizeof(ret_option->value));
	*at += len;
	return true;
}
