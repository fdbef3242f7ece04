/*
 * main.c - syncup: upgrades running sync processes without losing the sync.
 */
#include <curl/curl.h>
#include <event2/event.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>

#include "supervisor/cli/cli.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/memory.h"
#include "supervisor/report/service.h"

/* libcurl goes by them, and a message of it might name one. */
static void know_proxies(void)
{
	static const char *const names[] = {"https_proxy", "HTTPS_PROXY",
		"all_proxy", "ALL_PROXY", "http_proxy"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		scrub_add_uri(getenv(names[i]));
}

int main(int argc, char **argv)
{
	int code;

	/* Output that fails, or a closed terminal, must not end a run. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	/* What these build for us is never built in part. */
	json_set_alloc_funcs(memory_alloc, free);
	event_set_mem_functions(memory_alloc, memory_realloc, free);
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, memory_alloc, free,
		    memory_realloc, memory_strdup, memory_calloc) != 0)
		memory_out();
	know_proxies();
	service_begin();
	code = cli_main(argc, argv);
	scrub_forget();
	curl_global_cleanup();
	return code;
}
