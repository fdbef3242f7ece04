/*
 * main.c - syncup: upgrades running sync processes without losing the sync.
 */
#include <curl/curl.h>
#include <signal.h>

#include "supervisor/cli/cli.h"
#include "supervisor/fleet/secret.h"

int main(int argc, char **argv)
{
	int code;

	/* Output that fails, or a closed terminal, must not end a run. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return err_exit_code(ERR_BUG);
	code = cli_main(argc, argv);
	scrub_forget();
	curl_global_cleanup();
	return code;
}
