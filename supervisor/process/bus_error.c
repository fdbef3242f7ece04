/*
 * bus_error.c - see bus_error.h.
 */
#include "supervisor/process/bus_error.h"

#include <errno.h>

#include "state/cleanup.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/process/bus.h"
#include "sync_client/sync_text.h"

void bus_clean(char *to, size_t size, const char *from)
{
	_cleanup_free_ char *clean = scrub(from ? from : "");

	sync_text_copy(to, size, clean);
}

static bool is_lost(const sd_bus_error *error)
{
	static const char *const names[] = {
		SD_BUS_ERROR_NO_REPLY,
		SD_BUS_ERROR_TIMEOUT,
		SD_BUS_ERROR_DISCONNECTED,
		SD_BUS_ERROR_NO_SERVER,
		SD_BUS_ERROR_SERVICE_UNKNOWN,
		SD_BUS_ERROR_NAME_HAS_NO_OWNER,
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sd_bus_error_has_name(error, names[i]))
			return true;
	return false;
}

void bus_explain(
	const char *method, const sd_bus_error *error, struct err *ret_err)
{
	char text[300];

	bus_clean(text, sizeof(text),
		error->message ? error->message : error->name);
	if (is_lost(error)) {
		(void)err_set(ret_err, ERR_AGAIN,
			"systemd did not answer %s: %s", method, text);
		return;
	}
	(void)err_set(
		ret_err, ERR_STEP, "systemd refuses %s: %s", method, text);
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED) ||
		sd_bus_error_has_name(
			error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
		ret_err->sys = EACCES;
	else if (sd_bus_error_has_name(error, SYSTEMD_NAME ".NoSuchUnit"))
		ret_err->sys = ENOENT;
}
