#include "supervisor/report/journald.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/memory.h"
#include "supervisor/report/report.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static struct {
	char fleet[65], run[RUN_ID_MAX + 1];
} about;

bool journald_is(FILE *out)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(fileno(out), &st) != 0)
		return false;
	(void)snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

const char *journald_level(FILE *out, int priority)
{
	static const char *const levels[] = {
		"<0>", "<1>", "<2>", "<3>", "<4>", "<5>", "<6>", "<7>"};

	return journald_is(out) ? levels[priority & 7] : "";
}

void journald_about(const char *fleet, const char *run)
{
	if (fleet)
		(void)snprintf(about.fleet, sizeof(about.fleet), "%s", fleet);
	if (run)
		(void)snprintf(about.run, sizeof(about.run), "%s", run);
}

static char *field(const char *name, const char *value)
{
	_cleanup_free_ char *clean = scrub(value);

	/* Not both at once: "MESSAGE=syncup@" looks like somebody's login. */
	return memory_text("%s=%s", name, clean);
}

unsigned journald_fields(const struct journald_event *event,
	char *ret_field[JOURNALD_FIELDS_MAX])
{
	char exit[16] = "", priority[16];
	const struct {
		const char *name, *value;
	} all[] = {
		{"MESSAGE", event->text},
		{"MESSAGE_ID", event_id(event->kind)},
		{"PRIORITY", priority},
		{"SYNCUP_FLEET", event->fleet},
		{"SYNCUP_RUN", event->run},
		{"SYNCUP_LANE", event->lane},
		{"SYNCUP_TARGET", event->target},
		{"SYNCUP_STEP", event->step},
		{"SYNCUP_EXIT", exit},
	};
	unsigned count = 0;

	_Static_assert(sizeof(all) / sizeof(all[0]) <= JOURNALD_FIELDS_MAX,
		"each has a place");
	(void)snprintf(priority, sizeof(priority), "%d",
		event_kind_priority(event->kind));
	if (event->exit >= 0)
		(void)snprintf(exit, sizeof(exit), "%d", event->exit);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].value && all[i].value[0])
			ret_field[count++] = field(all[i].name, all[i].value);
	return count;
}

/*
 * The journal's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), as
 * sd_journal_sendv() speaks it, which waits for a journal that hangs and so
 * would hold up the loop, and with it the clock.  False: not sent.
 */
static bool send_now(char *const field[], unsigned count)
{
	enum { PARTS = 5 };

	struct sockaddr_un journal = {
		.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
	struct iovec part[JOURNALD_FIELDS_MAX * PARTS];
	uint64_t len[JOURNALD_FIELDS_MAX];
	const struct msghdr message = {
		.msg_name = &journal,
		.msg_namelen = sizeof(journal),
		.msg_iov = part,
		.msg_iovlen = (size_t)count * PARTS,
	};
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (unsigned i = 0; i < count; i++) {
		struct iovec *at = part + (size_t)i * PARTS;
		char *value = strchr(field[i], '=') + 1;

		len[i] = htole64(strlen(value));
		at[0] = (struct iovec){
			field[i], (size_t)(value - 1 - field[i])};
		at[1] = (struct iovec){"\n", 1};
		at[2] = (struct iovec){&len[i], sizeof(len[i])};
		at[3] = (struct iovec){value, strlen(value)};
		at[4] = at[1];
	}
	return fd >= 0 &&
	       sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static bool send_event(const struct journald_event *event)
{
	char *field_text[JOURNALD_FIELDS_MAX];
	unsigned count;
	bool sent;

	if (event->kind == EVENT_NONE ||
		(!journald_is(stdout) && !journald_is(stderr)))
		return false;
	count = journald_fields(event, field_text);
	/* In the order in which it was said. */
	(void)fflush(stdout);
	sent = send_now(field_text, count);
	for (unsigned i = 0; i < count; i++)
		free(field_text[i]);
	return sent;
}

bool journald_send(enum event_kind kind, int exit, const char *text)
{
	const struct journald_event event = {
		.kind = kind,
		.fleet = about.fleet,
		.run = about.run,
		.exit = exit,
		.text = text,
	};

	return send_event(&event);
}

bool journald_send_record(const struct run_state *state, const json_t *record)
{
	_cleanup_free_ char *text = report_record_text(state, record);
	const struct journald_event event = {
		.kind = event_of_record(record),
		.fleet = about.fleet,
		.run = state->run,
		.lane = json_string_value(json_object_get(record, "lane")),
		.target = json_string_value(json_object_get(record, "target")),
		.step = json_string_value(json_object_get(record, "step")),
		.exit = event_exit(record),
		.text = text,
	};

	return text && send_event(&event);
}
