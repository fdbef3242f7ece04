/*
 * subjects_files.c - archives and claims.
 */
#include "subjects.h"

#include "../../unit/install_world.h"
#include "supervisor/install/claim.h"

static char root[300], archive[300], sha256[65];
static const struct claim claim = {
	.run = "r-1",
	.host = "here",
	.state_dir = "/somewhere",
	.fleet = "shop",
	.pid = 1,
	.from = "1.12.0",
	.to = "1.13.0",
};

/* libarchive ends the process when its texts find no room, crashes in one
 * place, and cannot tell zlib's want of memory from a bad archive: that is why
 * it is only used in children. */
static bool inspect(struct err *err)
{
	struct artifact_info info;

	if (!artifact_inspect(archive, sha256, "mongosync", &info, err))
		return false;
	return (strcmp(info.version, "1.13.0") == 0 && info.files == 2) ||
	       err_set(err, ERR_BUG, "it saw version \"%s\", %u files",
		       info.version, info.files);
}

static void remove_root(void)
{
	(void)nftw(root, scratch_remove_entry_, 8, FTW_DEPTH | FTW_PHYS);
	assert_int_equal(mkdir(root, 0755), 0);
}

static bool unpack(struct err *err)
{
	return artifact_unpack(
		archive, sha256, NULL, "mongosync", root, "1.13.0", err);
}

/* The version is there whole or not at all, and the next try makes it. */
static const char *is_whole_or_absent(bool ok)
{
	char dir[400];
	struct err err = {0};
	struct artifact_info info;

	assert_true(
		artifact_inspect(archive, sha256, "mongosync", &info, NULL));
	if (!artifact_check(
		    root, "1.13.0", "mongosync", info.binary_sha256, &err) &&
		(ok || err.code != ERR_MISSING))
		return "versions/1.13.0 is not what was packed";
	if (!unpack(&err))
		return "the next try fails";
	(void)snprintf(dir, sizeof(dir), "%s/versions", root);
	return scratch_count_entries(dir) == 1 ? "" : "a part is left";
}

static bool own(struct err *err)
{
	struct claim seen;

	return claim_create(root, "a/b", &claim, NULL, err) &&
	       claim_check(root, "a/b", "r-1", err) &&
	       claim_read(root, "a/b", &seen, err) &&
	       claim_take_over(root, "a/b", &claim, "r-1", NULL, err) &&
	       claim_remove(root, "a/b", "r-1", err);
}

static bool is_ours(
	void *arg, const char *name, const struct claim *seen, struct err *err)
{
	(void)name;
	if (strcmp(seen->run, claim.run) != 0 ||
		strcmp(seen->state_dir, claim.state_dir) != 0)
		return err_set(err, ERR_BUG, "a claim is not whole");
	(*(unsigned *)arg)++;
	return true;
}

static const char *claims_are_whole(bool ok)
{
	unsigned count = 0;

	if (!claim_each(root, is_ours, &count, NULL))
		return "a claim cannot be read";
	return count <= (ok ? 0 : 1) ? "" : "a claim is left";
}

static bool count_claims(struct err *err)
{
	unsigned count = 0;

	if (!claim_each(root, is_ours, &count, err))
		return false;
	return count == 1 || err_set(err, ERR_BUG, "%u claims", count);
}

static void make_claim(void)
{
	remove_root();
	assert_true(claim_create(root, "a/b", &claim, NULL, NULL));
}

const struct subject subjects_files[] = {
	{.name = "archive: inspect",
		.act = inspect,
		.may_say_any = true,
		.may_end_in = "libarchive"},
	{.name = "archive: unpack",
		.prepare = remove_root,
		.act = unpack,
		.may_say_any = true,
		.may_end_in = "libarchive",
		.check = is_whole_or_absent},
	{.name = "claim",
		.only_in_program = true,
		.prepare = remove_root,
		.act = own,
		.check = claims_are_whole},
	{.name = "claim: all of them",
		.only_in_program = true,
		.prepare = make_claim,
		.act = count_claims},
	{0},
};

void subjects_files_begin(void)
{
	(void)snprintf(root, sizeof(root), "%s", subject_path("opt"));
	(void)snprintf(archive, sizeof(archive), "%s", subject_path("new.tgz"));
	assert_int_equal(mkdir(root, 0755), 0);
	make_release(archive, "1.13.0");
	assert_true(sha256_file(archive, sha256, NULL));
}
