/*
 * main.c - systemd-fake DIR: the made-up manager of the units in DIR.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "manager.h"

int main(int argc, char **argv)
{
	struct manager manager = {.dir = argv[1]};
	sigset_t child;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: systemd-fake DIR\n");
		return 2;
	}
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, NULL);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (sd_event_default(&manager.event) < 0)
		return 1;
	return manager_serve(&manager) < 0;
}
