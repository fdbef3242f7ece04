/*
 * test_memory.c - the Nth allocation fails, for parsing, journal, fold, plan,
 * archives and requests: an error that says so or a clean end, no leak, nothing
 * half done.
 */
#include "alloc_fault.h"
#include "subjects.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <jansson.h>

#include "../../unit/scratch.h"
#include "supervisor/memory.h"

char subject_dir[200];
static unsigned long failed;
static bool as_in_program; /* jansson and libevent end it, as in main() */

const char *subject_path(const char *name)
{
	static char paths[4][300];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", subject_dir, name);
	return path;
}

static void run_all(const struct subject *subjects)
{
	for (; subjects->name; subjects++) {
		struct subject subject = *subjects;

		if (subject.only_in_program && !as_in_program)
			continue;
		subject.may_say_any |= !as_in_program;
		subject.may_die = as_in_program;
		failed += rounds_run(&subject);
	}
}

/* jansson takes some failures for bad text: any error will do, but nothing
 * may crash, leak, or be done by half.  That jansson's json_dumps() can leave
 * out what it found no room for is one of the reasons for memory.h. */
static void test_memory_state_by_itself(void **state)
{
	(void)state;
	as_in_program = false;
	subjects_state_begin();
	run_all(subjects_state);
}

static void test_memory_files_by_themselves(void **state)
{
	(void)state;
	as_in_program = false;
	subjects_files_begin();
	run_all(subjects_files);
}

/* What is set before the first event base must stay. */
static void begin_program(void)
{
	as_in_program = true;
	json_set_alloc_funcs(memory_alloc, free);
	event_set_mem_functions(memory_alloc, memory_realloc, free);
}

static void test_memory_state(void **state)
{
	(void)state;
	begin_program();
	run_all(subjects_state);
}

static void test_memory_files(void **state)
{
	(void)state;
	begin_program();
	run_all(subjects_files);
}

static void test_memory_supervisor(void **state)
{
	(void)state;
	begin_program();
	subjects_supervisor_begin();
	run_all(subjects_supervisor);
}

static void test_memory_http(void **state)
{
	(void)state;
	begin_program();
	subjects_http_begin();
	run_all(subjects_http);
	subjects_http_end();
}

/* The rounds themselves: they see a leak, a silence and a crash. */
static bool leak(struct err *err)
{
	void *kept = malloc(1), *missing = malloc(1);

	if (kept && missing)
		free(kept);
	free(missing);
	return (kept && missing) || err_set(err, ERR_MEMORY, "out of memory");
}

static bool keep_silent(struct err *err)
{
	void *p = malloc(1);

	free(p);
	return p || err_set(err, ERR_BUG, "something is wrong");
}

static bool crash(struct err *err)
{
	char *p = malloc(1);

	(void)err;
	*(volatile char *)p = 1;
	free(p);
	return true;
}

static void test_rounds_see_what_is_wrong(void **state)
{
	static const struct {
		struct subject subject;
		const char *says;
	} bad[] = {
		{{.name = "leaks", .act = leak}, "it leaks"},
		{{.name = "silent", .act = keep_silent}, "does not say"},
		{{.name = "crash", .act = crash}, "status 0x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char said[600] = "";

		assert_false(
			rounds_are_well(&bad[i].subject, said, sizeof(said)));
		if (!strstr(said, bad[i].says))
			fail_msg("%s: %s", bad[i].subject.name, said);
	}
}

static int set_up(void **state)
{
	struct scratch scratch;

	(void)state;
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	scratch_make(&scratch);
	memcpy(subject_dir, scratch.dir, sizeof(subject_dir));
	return 0;
}

static int tear_down(void **state)
{
	struct scratch scratch = {0};

	(void)state;
	memcpy(scratch.dir, subject_dir, sizeof(subject_dir));
	scratch_remove(&scratch);
	curl_global_cleanup();
	print_message("%lu allocations failed in all\n", failed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds_see_what_is_wrong),
		cmocka_unit_test(test_memory_state_by_itself),
		cmocka_unit_test(test_memory_files_by_themselves),
		cmocka_unit_test(test_memory_state),
		cmocka_unit_test(test_memory_files),
		cmocka_unit_test(test_memory_supervisor),
		cmocka_unit_test(test_memory_http),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
