/*
 * check_names.c - prints the name of every check of preflight, one a line, as
 * the program has them: run.sh asks what the guards have to prove.
 */
#include <stdio.h>

#include "supervisor/plan/checks.h"

int main(void)
{
	for (const struct check *check = checks; check->name; check++)
		(void)puts(check->name);
	return 0;
}
