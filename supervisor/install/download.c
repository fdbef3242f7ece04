/*
 * download.c - see download.h.
 */
#include "supervisor/install/download.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "state/sys.h"

#define MIB (1024.0 * 1024.0)

enum {
	REST_MS = 1000, /* before the second try; then twice as long */
	REST_MAX_MS = 30000,
	SHOW_MS = 200,
	BUFFER = 256 * 1024,
};

enum outcome { WHOLE, AGAIN, REFUSED };

struct attempt { /* one of the tries */
	struct download *download;
	CURL *curl;
	uint64_t begun_at, answered; /* offset asked for; first byte told */
	int64_t begun_ms, moved_ms, shown_ms;
	curl_off_t seen; /* bytes at moved_ms */
	bool began, is_range, is_stalled, is_late, failed;
	char etag[200];
	struct err why; /* if failed */
};

const char *fetch_show(const char *url, char ret_shown[FETCH_SHOWN])
{
	(void)snprintf(
		ret_shown, FETCH_SHOWN, "%.*s", (int)strcspn(url, "?#"), url);
	return ret_shown;
}

static const char *base_of(const char *shown)
{
	const char *slash = strrchr(shown, '/');

	return slash && slash[1] ? slash + 1 : shown;
}

static bool fail(struct attempt *attempt)
{
	attempt->failed = true;
	return false;
}

static bool has_length(const struct attempt *attempt, uint64_t *ret_bytes)
{
	curl_off_t bytes = -1;

	if (curl_easy_getinfo(attempt->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
		    &bytes) != CURLE_OK ||
		bytes < 0)
		return false;
	*ret_bytes = (uint64_t)bytes;
	return true;
}

static bool refuse_size(struct attempt *attempt)
{
	(void)err_set(&attempt->why, ERR_CONFIG,
		"it is larger than %.1f MiB, which cannot be right",
		(double)attempt->download->max / MIB);
	attempt->download->too_large = true;
	return fail(attempt);
}

static bool start_over(struct attempt *attempt)
{
	struct download *download = attempt->download;

	download->have = 0;
	download->resumed = false;
	return download->restart(download->sink, &attempt->why) ||
	       fail(attempt);
}

/* Is this the file, or the rest of it that we asked for? */
static bool begin(struct attempt *attempt)
{
	struct download *download = attempt->download;
	uint64_t bytes;
	long code = 0;

	attempt->began = true;
	(void)curl_easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &code);
	if (code == 200) {
		if (download->have > 0 && !start_over(attempt))
			return false;
	} else if (code == 206 && attempt->is_range &&
		   attempt->answered == download->have) {
		download->resumed = download->have > 0;
	} else {
		(void)err_set(&attempt->why, ERR_CONFIG,
			"the server answers %ld with something that was not "
			"asked for",
			code);
		return fail(attempt);
	}
	(void)snprintf(
		download->etag, sizeof(download->etag), "%s", attempt->etag);
	if (!has_length(attempt, &bytes))
		return true;
	if (bytes > download->max || download->have + bytes > download->max)
		return refuse_size(attempt);
	return !download->expect ||
	       download->expect(
		       download->sink, download->have + bytes, &attempt->why) ||
	       fail(attempt);
}

static size_t on_data(char *data, size_t one, size_t len, void *arg)
{
	struct attempt *attempt = arg;
	struct download *download = attempt->download;

	(void)one; /* is 1 */
	if (!attempt->began && !begin(attempt))
		return 0;
	if (download->have > download->max ||
		len > download->max - download->have) {
		(void)refuse_size(attempt);
		return 0;
	}
	if (!download->write(download->sink, data, len, &attempt->why)) {
		attempt->failed = true;
		return 0;
	}
	download->have += len;
	return len;
}

/* A weak one does not promise the same bytes. */
static void keep_etag(struct attempt *attempt, const char *value, size_t len)
{
	while (len > 0 && (value[len - 1] == '\r' || value[len - 1] == '\n'))
		len--;
	if (len > 1 && len < sizeof(attempt->etag) && value[0] == '"')
		(void)snprintf(attempt->etag, sizeof(attempt->etag), "%.*s",
			(int)len, value);
}

static size_t on_header(char *line, size_t one, size_t len, void *arg)
{
	static const char range[] = "content-range: bytes ";
	static const char etag[] = "etag: ";
	struct attempt *attempt = arg;
	char number[24];

	(void)one;
	if (len > 5 && strncasecmp(line, "HTTP/", 5) == 0) {
		attempt->is_range = false; /* after a redirect, anew */
		attempt->etag[0] = '\0';
	} else if (len > sizeof(etag) - 1 &&
		   strncasecmp(line, etag, sizeof(etag) - 1) == 0) {
		keep_etag(attempt, line + sizeof(etag) - 1,
			len - (sizeof(etag) - 1));
	} else if (len > sizeof(range) - 1 &&
		   strncasecmp(line, range, sizeof(range) - 1) == 0) {
		/* The line has no NUL. */
		(void)snprintf(number, sizeof(number), "%.*s",
			(int)(len - (sizeof(range) - 1)),
			line + sizeof(range) - 1);
		attempt->is_range = number[0] >= '0' && number[0] <= '9';
		attempt->answered = strtoull(number, NULL, 10);
	}
	return len;
}

/* One line, rewritten. */
static void show(struct attempt *attempt, int64_t now, bool is_end)
{
	const struct download *download = attempt->download;
	double spent = (double)(now - attempt->begun_ms) / 1000.0;
	double here = (double)(download->have - attempt->begun_at) / MIB;
	char shown[FETCH_SHOWN], of[64] = "";
	uint64_t rest = 0;

	if (!download->spec->shows || !attempt->began ||
		!isatty(STDERR_FILENO) ||
		(!is_end && now - attempt->shown_ms < SHOW_MS))
		return;
	attempt->shown_ms = now;
	if (has_length(attempt, &rest) && rest > 0) {
		uint64_t all =
			rest + (attempt->is_range ? attempt->begun_at : 0);

		(void)snprintf(of, sizeof(of), " of %.1f MiB, %.0f %%",
			(double)all / MIB,
			100.0 * (double)download->have / (double)all);
	}
	(void)fprintf(stderr,
		"\rsyncup: fetching %s: %.1f%s, %.1f MiB/s\x1b[K%s",
		base_of(fetch_show(download->url, shown)),
		(double)download->have / MIB, of[0] ? of : " MiB",
		spent > 0 ? here / spent : 0.0, is_end ? "\n" : "");
}

static int on_progress(void *arg, curl_off_t total, curl_off_t got,
	curl_off_t up_total, curl_off_t up)
{
	struct attempt *attempt = arg;
	const struct fetch_spec *spec = attempt->download->spec;
	int64_t now = sys_monotonic_ms();

	(void)total, (void)up_total, (void)up;
	if (got != attempt->seen) {
		attempt->seen = got;
		attempt->moved_ms = now;
	}
	attempt->is_late = now >= spec->deadline_ms;
	attempt->is_stalled =
		now - attempt->moved_ms >= (int64_t)spec->stall_s * 1000;
	show(attempt, now, false);
	return attempt->is_late || attempt->is_stalled;
}

static bool set_up(
	struct attempt *attempt, char *problem, struct curl_slist **headers)
{
	const struct download *download = attempt->download;
	CURL *curl = attempt->curl;
	char range[32], if_range[220];
	bool ok = true;

#define SET(option, value)                                                     \
	(ok = ok && curl_easy_setopt(curl, option, value) == CURLE_OK)
	SET(CURLOPT_URL, download->url);
	SET(CURLOPT_ERRORBUFFER, problem);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, (long)FETCH_REDIRECTS_MAX);
	SET(CURLOPT_FAILONERROR, 1L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_USERAGENT, "syncup");
	SET(CURLOPT_BUFFERSIZE, (long)BUFFER);
	SET(CURLOPT_WRITEFUNCTION, on_data);
	SET(CURLOPT_WRITEDATA, attempt);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, attempt);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, attempt);
	if (download->spec->ca) {
		SET(CURLOPT_CAINFO, download->spec->ca);
		SET(CURLOPT_CAPATH, NULL);
	}
	if (download->spec->proxy)
		SET(CURLOPT_PROXY, download->spec->proxy);
	if (download->have > 0) {
		(void)snprintf(
			range, sizeof(range), "%" PRIu64 "-", download->have);
		SET(CURLOPT_RANGE, range);
	}
	if (download->have > 0 && download->etag[0]) {
		(void)snprintf(if_range, sizeof(if_range), "If-Range: %s",
			download->etag);
		*headers = curl_slist_append(NULL, if_range);
		ok = ok && *headers;
		SET(CURLOPT_HTTPHEADER, *headers);
	}
#undef SET
	return ok;
}

static enum outcome again(struct err *err, const char *text)
{
	(void)err_set(err, ERR_AGAIN, "%s", text);
	return AGAIN;
}

static enum outcome refused(struct err *err, const char *text)
{
	(void)err_set(err, ERR_CONFIG, "%s", text);
	return REFUSED;
}

static enum outcome judge_status(struct attempt *attempt, struct err *err)
{
	long code = 0;

	(void)curl_easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &code);
	if (code == 416 && attempt->download->have > 0) {
		/* We have more than there is: it is another file. */
		if (!start_over(attempt)) {
			*err = attempt->why;
			return REFUSED;
		}
		return again(err, "the server has less than was fetched");
	}
	if (code == 408 || code == 429 || code >= 500) {
		(void)err_set(err, ERR_AGAIN, "the server answers %ld", code);
		return AGAIN;
	}
	(void)err_set(err, ERR_CONFIG, "the server answers %ld%s", code,
		code == 404 ? " (not found)" : "");
	return REFUSED;
}

static enum outcome judge(struct attempt *attempt, CURLcode code,
	const char *text, struct err *err)
{
	static const char quotes[] = "Unsupported proxy";
	const struct fetch_spec *spec = attempt->download->spec;

	if (attempt->failed) {
		*err = attempt->why;
		return REFUSED;
	}
	if (attempt->is_late) {
		(void)again(err, "it took longer than timeouts.deliver allows");
		return REFUSED;
	}
	if (attempt->is_stalled) {
		(void)err_set(
			err, ERR_AGAIN, "nothing came for %u s", spec->stall_s);
		return AGAIN;
	}
	/* libcurl's sentence quotes it all, the password, too. */
	if (code != CURLE_OK && strncmp(text, quotes, strlen(quotes)) == 0)
		return refused(err,
			"the proxy's address is malformed, or of an unknown "
			"kind");
	switch (code) {
	case CURLE_OK:
		return WHOLE;
	case CURLE_HTTP_RETURNED_ERROR:
		return judge_status(attempt, err);
	case CURLE_OUT_OF_MEMORY:
		(void)err_set(err, ERR_MEMORY, "out of memory");
		return REFUSED;
	case CURLE_UNSUPPORTED_PROTOCOL:
		return refused(
			err, "it leads on to an address that is not https://");
	case CURLE_TOO_MANY_REDIRECTS:
		return refused(err, "it leads on and on to other addresses");
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_URL_MALFORMAT:
		return refused(err, text);
	default:
		return again(err, text);
	}
}

static enum outcome try_once(struct download *download, struct err *err)
{
	char problem[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = NULL;
	struct attempt attempt = {
		.download = download,
		.curl = curl_easy_init(),
		.begun_at = download->have,
		.begun_ms = sys_monotonic_ms(),
	};
	enum outcome outcome = REFUSED;
	CURLcode code;

	attempt.moved_ms = attempt.begun_ms;
	if (attempt.curl && set_up(&attempt, problem, &headers)) {
		code = curl_easy_perform(attempt.curl);
		/* An empty body is an answer, too. */
		if (code == CURLE_OK && !attempt.began && !begin(&attempt))
			code = CURLE_WRITE_ERROR;
		show(&attempt, sys_monotonic_ms(), true);
		outcome = judge(&attempt, code,
			problem[0] ? problem : curl_easy_strerror(code), err);
	} else {
		(void)err_set(err, ERR_MEMORY,
			"libcurl has no memory, or cannot do what is asked of "
			"it");
	}
	curl_easy_cleanup(attempt.curl);
	curl_slist_free_all(headers);
	return outcome;
}

/* False: its time is over before the next try. */
static bool rest(const struct download *download, unsigned tried)
{
	int64_t ms = REST_MS;
	struct timespec pause;

	while (--tried > 0 && ms < REST_MAX_MS)
		ms *= 2;
	if (ms > REST_MAX_MS)
		ms = REST_MAX_MS;
	if (sys_monotonic_ms() + ms >= download->spec->deadline_ms)
		return false;
	pause.tv_sec = (time_t)(ms / 1000);
	pause.tv_nsec = (long)(ms % 1000) * 1000000;
	(void)nanosleep(&pause, NULL);
	return true;
}

bool download_run(struct download *download, struct err *err)
{
	enum outcome outcome = AGAIN;
	struct err why = {0};
	unsigned tried = 0;
	char shown[FETCH_SHOWN];

	/* A server that goes away must not end us. */
	(void)signal(SIGPIPE, SIG_IGN);
	while (outcome == AGAIN && tried < download->spec->tries) {
		if (tried > 0 && !rest(download, tried))
			break;
		why = (struct err){0};
		outcome = try_once(download, &why);
		tried++;
	}
	if (outcome == WHOLE)
		return true;
	(void)fetch_show(download->url, shown);
	if (outcome == REFUSED)
		return err_set(err, why.code, "%s: %s", shown, why.msg);
	return err_set(err, why.code, "%s: %s (tried %u time%s)", shown,
		why.msg, tried, tried == 1 ? "" : "s");
}
