#include "supervisor/report/event.h"

#include <string.h>
#include <syslog.h>

#include "state/run_state.h"
#include "supervisor/report/event_ids.h"

static const struct {
	const char *id;
	int priority;
} events[] = {
	[EVENT_NONE] = {NULL, LOG_INFO},
	[EVENT_STARTED] = {EVENT_ID_STARTED, LOG_NOTICE},
	[EVENT_CONTINUED] = {EVENT_ID_CONTINUED, LOG_NOTICE},
	[EVENT_MARGIN_LOW] = {EVENT_ID_MARGIN_LOW, LOG_CRIT},
	[EVENT_TURNING] = {EVENT_ID_TURNING, LOG_WARNING},
	[EVENT_STEP_FAILED] = {EVENT_ID_STEP_FAILED, LOG_ERR},
	[EVENT_NEEDS_PERSON] = {EVENT_ID_NEEDS_PERSON, LOG_ALERT},
	[EVENT_TURNED_BACK] = {EVENT_ID_TURNED_BACK, LOG_ERR},
	[EVENT_DONE] = {EVENT_ID_DONE, LOG_NOTICE},
	[EVENT_REFUSED] = {EVENT_ID_REFUSED, LOG_ERR},
	[EVENT_HELD] = {EVENT_ID_HELD, LOG_ERR},
	[EVENT_JOURNAL] = {EVENT_ID_JOURNAL, LOG_ALERT},
	[EVENT_STORAGE] = {EVENT_ID_STORAGE, LOG_CRIT},
	[EVENT_GIVEN_UP] = {EVENT_ID_GIVEN_UP, LOG_ALERT},
};

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static bool is_outcome(const json_t *record, enum run_outcome outcome)
{
	return strcmp(text_of(record, "outcome"), run_outcome_name(outcome)) ==
	       0;
}

const char *event_id(enum event_kind kind)
{
	return events[kind].id;
}

enum event_kind event_of_record(const json_t *record)
{
	const char *kind = text_of(record, "kind");

	if (strcmp(kind, "run") == 0)
		return EVENT_STARTED;
	if (strcmp(kind, "resumed") == 0)
		return EVENT_CONTINUED;
	if (strcmp(kind, "turn") == 0)
		return EVENT_TURNING;
	if (strcmp(kind, "halt") == 0)
		return event_exit(record) == err_exit_code(ERR_STEP)
			       ? EVENT_STEP_FAILED
			       : EVENT_NEEDS_PERSON;
	/* A reading of the margin is no louder than what was said before. */
	if (strcmp(kind, "clock") == 0 &&
		!json_object_get(record, "margin_s") &&
		json_integer_value(json_object_get(record, "loud")) > 0)
		return EVENT_MARGIN_LOW;
	if (strcmp(kind, "end") != 0)
		return EVENT_NONE;
	if (is_outcome(record, RUN_REACHED))
		return EVENT_DONE;
	return is_outcome(record, RUN_TURNED_BACK) ? EVENT_TURNED_BACK
						   : EVENT_NONE;
}

enum event_kind event_of_error(enum err_code code)
{
	switch (code) {
	case ERR_CONFIG:
		return EVENT_REFUSED;
	case ERR_HELD:
		return EVENT_HELD;
	case ERR_JOURNAL:
		return EVENT_JOURNAL;
	case ERR_STORAGE:
		return EVENT_STORAGE;
	default:
		return EVENT_NONE;
	}
}

int event_kind_priority(enum event_kind kind)
{
	return events[kind].priority;
}

int event_priority(const json_t *record)
{
	enum event_kind kind = event_of_record(record);

	if (kind != EVENT_NONE)
		return events[kind].priority;
	return strcmp(text_of(record, "kind"), "failed") == 0 ? LOG_WARNING
							      : LOG_INFO;
}

int event_exit(const json_t *record)
{
	const json_t *code = json_object_get(record, "code");

	if (!code)
		code = json_object_get(record, "exit");
	return code ? (int)json_integer_value(code) : -1;
}
