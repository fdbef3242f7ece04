/*
 * mongo_lib.c - see mongo_lib.h.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "tests/refsync/mongo_lib.h"

#define LIBRARY "libmongoc-1.0.so.0"

struct mongo_lib mongo;
static unsigned users;

static const struct {
	const char *name;
	void **place;
} functions[] = {
#define X(function) {#function, (void **)&mongo.function},
	MONGO_FUNCTIONS(X)
#undef X
};

bool mongo_lib_open(struct err *err)
{
	void *library;

	if (users++)
		return true;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		users = 0;
		return err_set(
			err, ERR_CONFIG, "loading %s: %s", LIBRARY, dlerror());
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		*functions[i].place = dlsym(library, functions[i].name);
		if (!*functions[i].place) {
			users = 0;
			return err_set(err, ERR_CONFIG, "%s lacks %s", LIBRARY,
				functions[i].name);
		}
	}
	(void)setenv("MONGOC_DISABLE_SHM", "1", 1);
	mongo.mongoc_init();
	mongo.mongoc_log_set_handler(NULL, NULL); /* errors are returned */
	return true;
}

void mongo_lib_close(void)
{
	/* stays loaded: its TLS library does not like to be unloaded */
	if (users && !--users)
		mongo.mongoc_cleanup();
}
