#include "supervisor/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "state/err.h"

_Noreturn void memory_out(void)
{
	static const char what[] =
		": out of memory; nothing is lost, type the same command "
		"again\n";
	/* stdio might want memory. */
	struct iovec line[] = {
		{program_invocation_short_name,
			strlen(program_invocation_short_name)},
		{(char *)what, sizeof(what) - 1},
	};

	(void)!writev(STDERR_FILENO, line, 2);
	_exit(err_exit_code(ERR_MEMORY));
}

void *memory_must(void *p)
{
	if (!p)
		memory_out();
	return p;
}

void *memory_alloc(size_t size)
{
	void *p = malloc(size);

	if (!p && size)
		memory_out();
	return p;
}

void *memory_calloc(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (!p && count && size)
		memory_out();
	return p;
}

char *memory_strdup(const char *text)
{
	return memory_must(strdup(text));
}

void *memory_realloc(void *p, size_t size)
{
	void *grown = realloc(p, size);

	if (!grown && size)
		memory_out();
	return grown;
}

char *memory_text(const char *fmt, ...)
{
	char *made;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&made, fmt, args);
	va_end(args);
	if (len < 0)
		memory_out();
	return made;
}
