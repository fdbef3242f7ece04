/*
 * test_feed.c - which archive of the vendor's feed is ours, and what a feed
 * that has none is told to have.
 */
#include "scratch.h"

#include <stdio.h>

#include "supervisor/install/feed.h"

#define SHA "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
#define LOWER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ENTRY(name, arch, url)                                                 \
	"{\"name\": \"" name "\", \"arch\": \"" arch                           \
	"\", \"archive\": {\"url\": \"" url "\", \"sha256\": \"" SHA "\"}}"
#define RELEASE(version, downloads)                                            \
	"{\"version\": \"" version "\", \"downloads\": [" downloads "]}"
#define FEED(releases) "{\"versions\": [" releases "], \"extra\": [1]}"

static const char feed[] = FEED(RELEASE("1.12.0",
	ENTRY("rhel80", "x86_64", "https://h/12")) ", " RELEASE("1.13.0",
	ENTRY("rhel80", "x86_64", "https://h/rhel80") ", " ENTRY("amazon2023",
		"x86_64", "https://h/amazon") ", " ENTRY("amazon2023-arm64",
		"arm64", "https://h/amazon-arm") ", " ENTRY("rhel90", "aarch64",
		"https://h/rhel90-arm") ", " ENTRY("rhel90", "amd64",
		"https://h/rhel90")));

static bool choose(const char *text, const char *version, const char *platform,
	const char *arch, struct feed_choice *ret_choice, struct err *err)
{
	const struct feed_wanted wanted = {version, platform, arch};

	memset(err, 0, sizeof(*err));
	return feed_choose(text, strlen(text), &wanted, ret_choice, err);
}

static void test_feed_choose_by_version_platform_and_arch(void **state)
{
	static const struct {
		const char *version, *platform, *arch, *url;
	} cases[] = {
		{"1.12.0", "rhel80", "x86_64", "https://h/12"},
		{"1.13.0", "rhel80", "x86_64", "https://h/rhel80"},
		{"1.13.0", "amazon2023", "x86_64", "https://h/amazon"},
		{"1.13.0", "amazon2023", "aarch64", "https://h/amazon-arm"},
		{"1.13.0", "amazon2023-arm64", "aarch64",
			"https://h/amazon-arm"},
		{"1.13.0", "rhel90", "x86_64", "https://h/rhel90"},
		{"1.13.0", "rhel90", "aarch64", "https://h/rhel90-arm"},
	};
	struct feed_choice choice;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!choose(feed, cases[i].version, cases[i].platform,
			    cases[i].arch, &choice, &err))
			fail_msg("%s", err.msg);
		assert_string_equal(choice.url, cases[i].url);
		assert_string_equal(choice.sha256, LOWER);
	}
}

static void test_feed_choose_says_what_there_is(void **state)
{
	static const struct {
		const char *text, *version, *platform, *arch, *says;
	} cases[] = {
		{feed, "1.14.0", "rhel80", "x86_64",
			"the feed has no version 1.14.0; it has 1.13.0, "
			"1.12.0"},
		{feed, "1.13.0", "rhel80", "aarch64",
			"the feed has 1.13.0, but not for rhel80 aarch64; it "
			"has rhel80 x86_64, amazon2023 x86_64, "
			"amazon2023-arm64 arm64, rhel90 aarch64, rhel90 "
			"amd64"},
		{feed, "1.13.0", "amazon2023-arm64", "x86_64",
			"but not for amazon2023-arm64 x86_64"},
		{feed, "1.13", "rhel80", "x86_64", "no version 1.13;"},
		{FEED(""), "1.13.0", "rhel80", "x86_64", "it has none at all"},
		{FEED(RELEASE("1.13.0", "")), "1.13.0", "rhel80", "x86_64",
			"it has nothing"},
		{FEED(RELEASE("a\\u0007b", "")), "1.13.0", "rhel80", "x86_64",
			"it has none at all, and more"},
		{"{}", "1.13.0", "rhel80", "x86_64", "no list \"versions\""},
		{"[]", "1.13.0", "rhel80", "x86_64", "no list \"versions\""},
		{"", "1.13.0", "rhel80", "x86_64", "is no JSON (line 1)"},
		{"{\"versions\": [", "1.13.0", "rhel80", "x86_64",
			"is no JSON"},
		{"{\"versions\": [1, null, {\"version\": 2}]}", "1.13.0",
			"rhel80", "x86_64", "it has none at all"},
		{FEED(RELEASE(
			 "1.13.0", "7, " ENTRY("x", "x86_64", "http://h/x"))),
			"1.13.0", "x", "x86_64", "no https:// address"},
		{FEED(RELEASE(
			 "1.13.0", ENTRY("x", "x86_64", "https://u:p@h/x"))),
			"1.13.0", "x", "x86_64", "no https:// address"},
		{FEED(RELEASE("1.13.0", ENTRY("x", "x86_64", "https://h/a b"))),
			"1.13.0", "x", "x86_64", "no https:// address"},
		{FEED(RELEASE("1.13.0",
			 "{\"name\": \"x\", \"archive\": {\"url\": "
			 "\"https://h/x\", \"sha256\": \"12\"}}")),
			"1.13.0", "x", "x86_64", "SHA-256 of the archive"},
	};
	struct feed_choice choice;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(choose(cases[i].text, cases[i].version,
			cases[i].platform, cases[i].arch, &choice, &err));
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.msg, cases[i].says))
			fail_msg("%s, not %s", err.msg, cases[i].says);
	}
}

static void test_feed_choose_without_digest_or_arch(void **state)
{
	struct feed_choice choice;
	struct err err;

	(void)state;
	assert_true(choose(FEED(RELEASE("1.13.0",
				   "{\"name\": \"x\", \"archive\": {\"url\": "
				   "\"https://h/x\"}}")),
		"1.13.0", "x", "x86_64", &choice, &err));
	assert_string_equal(choice.url, "https://h/x");
	assert_string_equal(choice.sha256, "");
}

/* A long list is cut where a word ends, and says so. */
static void test_feed_choose_many_versions(void **state)
{
	char text[8000] = "{\"versions\": [{\"version\": \"1.0.0\"}";
	struct feed_choice choice;
	struct err err;
	size_t len;

	(void)state;
	for (int i = 1; i < 200; i++) {
		len = strlen(text);
		(void)snprintf(text + len, sizeof(text) - len,
			", {\"version\": \"1.0.%d\"}", i);
	}
	len = strlen(text);
	(void)snprintf(text + len, sizeof(text) - len, "]}");
	assert_false(choose(text, "1.13.0", "x", "x86_64", &choice, &err));
	assert_non_null(strstr(err.msg, "it has 1.0.199, 1.0.198, "));
	assert_string_equal(err.msg + strlen(err.msg) - 10, ", and more");
	assert_true(strlen(err.msg) < 300);
}

static void test_feed_platform_of_every_system(void **state)
{
	static const struct {
		const char *text, *platform; /* NULL: there is no rule */
	} cases[] = {
		{"PRETTY_NAME=\"Ubuntu 22.04.3 LTS\"\nNAME=\"Ubuntu\"\n"
		 "VERSION_ID=\"22.04\"\nID=ubuntu\nID_LIKE=debian\n",
			"ubuntu2204"},
		{"ID=\"rhel\"\nVERSION_ID=\"9.3\"\n", "rhel90"},
		{"ID='rocky'\nVERSION_ID='8.10'\nID_LIKE=\"rhel centos "
		 "fedora\"",
			"rhel80"},
		{"ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n"
		 "VERSION_ID=\"10\"\n",
			"rhel100"},
		{"ID=\"amzn\"\nID_LIKE=\"centos rhel fedora\"\n"
		 "VERSION_ID=\"2\"\n",
			"amazon2"},
		{"ID=\"amzn\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"2023\"\n",
			"amazon2023"},
		{"VERSION_ID=\"12\"\nID=debian\n", "debian12"},
		{"ID=sles\nVERSION_ID=15.5\n", "suse15"},
		{"ID=debian\n", NULL},
		{"ID=fedora\nVERSION_ID=39\n", NULL},
		{"ID=x\nID_LIKE=myrhel\nVERSION_ID=1\n", NULL},
		{"ID=debian\nVERSION_ID=\"\"\n", NULL},
		{"ID=debian\nVERSION_ID=sid\n", NULL},
		{"XID=debian\nVERSION_ID=12\n", NULL},
		{"", NULL},
	};
	char platform[FEED_WORD_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool known = feed_platform(cases[i].text, platform);

		assert_int_equal(known, cases[i].platform != NULL);
		if (known)
			assert_string_equal(platform, cases[i].platform);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_feed_choose_by_version_platform_and_arch),
		cmocka_unit_test(test_feed_choose_says_what_there_is),
		cmocka_unit_test(test_feed_choose_without_digest_or_arch),
		cmocka_unit_test(test_feed_choose_many_versions),
		cmocka_unit_test(test_feed_platform_of_every_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
