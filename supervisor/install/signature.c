/*
 * signature.c - see signature.h.
 */
#include "supervisor/install/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <gpgme.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/install/files.h"

/* Whatever a system's own configuration says, no key comes from elsewhere and
 * no agent is left behind. */
static const char configuration[] = "no-autostart\n"
				    "no-auto-key-retrieve\n"
				    "no-auto-key-import\n"
				    "no-auto-check-trustdb\n"
				    "trust-model always\n";

static bool fail(
	struct err *err, gpgme_error_t why, const char *doing, const char *what)
{
	char text[160];

	(void)gpgme_strerror_r(why, text, sizeof(text));
	return err_set(err,
		gpgme_err_code(why) == GPG_ERR_ENOMEM ? ERR_MEMORY : ERR_CONFIG,
		"%s %s: %s", doing, what, text);
}

static bool make_home(char ret_home[PATH_MAX], struct err *err)
{
	const char *dirs[] = {getenv("TMPDIR"), "/tmp", "/var/tmp"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (!dirs[i] || dirs[i][0] != '/' ||
			!files_path(ret_home, NULL, "%s/syncup-gnupg-XXXXXX",
				dirs[i]) ||
			!mkdtemp(ret_home))
			continue;
		return files_path(path, err, "%s/gpg.conf", ret_home) &&
		       atomic_file_create(path, configuration,
			       sizeof(configuration) - 1, 0600, err);
	}
	ret_home[0] = '\0';
	return err_sys(err, ERR_CONFIG, errno,
		"making a folder for GnuPG in /tmp or TMPDIR");
}

static bool open_context(
	const char *home, gpgme_ctx_t *ret_ctx, struct err *err)
{
	gpgme_error_t why;

	(void)gpgme_check_version(NULL); /* it must be called first */
	why = gpgme_engine_check_version(GPGME_PROTOCOL_OpenPGP);
	if (!why)
		why = gpgme_new(ret_ctx);
	if (!why)
		why = gpgme_set_protocol(*ret_ctx, GPGME_PROTOCOL_OpenPGP);
	if (!why)
		why = gpgme_ctx_set_engine_info(
			*ret_ctx, GPGME_PROTOCOL_OpenPGP, NULL, home);
	if (!why)
		return true;
	return fail(err, why, "starting", "gpg (is GnuPG installed?)");
}

static bool import(gpgme_ctx_t ctx, const char *keyring, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	gpgme_import_result_t result;
	gpgme_data_t data = NULL;
	gpgme_error_t why;
	size_t len;

	if (!atomic_file_read(keyring, KEYRING_BYTES_MAX, &text, &len, err)) {
		if (err && err->code != ERR_MEMORY)
			err->code = ERR_CONFIG;
		return err_wrap(err, "reading the keyring");
	}
	why = gpgme_data_new_from_mem(&data, text, len, 0);
	if (!why)
		why = gpgme_op_import(ctx, data);
	gpgme_data_release(data);
	if (why && gpgme_err_code(why) != GPG_ERR_NO_DATA)
		return fail(err, why, "reading the keyring", keyring);
	result = why ? NULL : gpgme_op_import_result(ctx);
	if (!result || result->imported + result->unchanged <= 0)
		return err_set(err, ERR_CONFIG,
			"the keyring %s has no public key in it", keyring);
	return true;
}

/* Who a key is of; "" without a name. */
static void find_uid(gpgme_ctx_t ctx, struct signature_info *info)
{
	gpgme_key_t key = NULL;

	info->uid[0] = '\0';
	if (gpgme_get_key(ctx, info->fingerprint, &key, 0))
		return;
	if (key->uids && key->uids->uid)
		(void)snprintf(
			info->uid, sizeof(info->uid), "%s", key->uids->uid);
	/* a subkey signs; people know the key by its first */
	if (key->fpr)
		(void)snprintf(info->fingerprint, sizeof(info->fingerprint),
			"%s", key->fpr);
	gpgme_key_unref(key);
	err_mend_text(info->uid);
}

static bool judge(gpgme_ctx_t ctx, const struct _gpgme_signature *signature,
	struct signature_info *ret_info, struct err *err)
{
	char text[160];

	(void)snprintf(ret_info->fingerprint, sizeof(ret_info->fingerprint),
		"%s", signature->fpr ? signature->fpr : "?");
	switch (gpgme_err_code(signature->status)) {
	case GPG_ERR_NO_ERROR:
		find_uid(ctx, ret_info);
		return true;
	case GPG_ERR_BAD_SIGNATURE:
		return err_set(err, ERR_CONFIG,
			"BAD signature: it is of another file, or the archive "
			"was changed");
	case GPG_ERR_NO_PUBKEY:
		return err_set(err, ERR_CONFIG,
			"signed by key %s, which is not in the keyring",
			ret_info->fingerprint);
	case GPG_ERR_KEY_EXPIRED:
		find_uid(ctx, ret_info);
		return err_set(err, ERR_CONFIG,
			"the key that signed it has expired: %s %.120s",
			ret_info->fingerprint, ret_info->uid);
	case GPG_ERR_SIG_EXPIRED:
		return err_set(err, ERR_CONFIG, "the signature has expired");
	case GPG_ERR_CERT_REVOKED:
		find_uid(ctx, ret_info);
		return err_set(err, ERR_CONFIG,
			"the key that signed it was revoked: %s %.120s",
			ret_info->fingerprint, ret_info->uid);
	default:
		(void)gpgme_strerror_r(signature->status, text, sizeof(text));
		return err_set(err, ERR_CONFIG,
			"the signature cannot be verified: %s", text);
	}
}

/* All signatures of it count: one good one among bad ones proves little. */
static bool verify(gpgme_ctx_t ctx, int fd, const char *signature, size_t len,
	struct signature_info *ret_info, struct err *err)
{
	gpgme_data_t file = NULL, data = NULL;
	const struct _gpgme_signature *one = NULL;
	gpgme_error_t why;
	bool ok;

	why = gpgme_data_new_from_mem(&data, signature, len, 0);
	if (!why)
		why = gpgme_data_new_from_fd(&file, fd);
	if (!why)
		why = gpgme_op_verify(ctx, data, file, NULL);
	if (!why)
		one = gpgme_op_verify_result(ctx)->signatures;
	if (why && gpgme_err_code(why) != GPG_ERR_NO_DATA &&
		gpgme_err_code(why) != GPG_ERR_BAD_DATA)
		ok = fail(err, why, "verifying", "the signature");
	else if (!one)
		ok = err_set(err, ERR_CONFIG, "this is no OpenPGP signature");
	else
		for (ok = true; ok && one; one = one->next)
			ok = judge(ctx, one, ret_info, err);
	gpgme_data_release(data);
	gpgme_data_release(file);
	return ok;
}

bool signature_verify(const char *path, const char *signature, size_t len,
	const char *keyring, struct signature_info *ret_info, struct err *err)
{
	_cleanup_fd_ int fd =
		sys->openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	gpgme_ctx_t ctx = NULL;
	char home[PATH_MAX];
	bool ok;

	memset(ret_info, 0, sizeof(*ret_info));
	if (fd < 0)
		return err_sys(err, files_named_code(errno), errno,
			"opening %s", path);
	/* A gpg that ends early must not end us. */
	(void)signal(SIGPIPE, SIG_IGN);
	ok = make_home(home, err) && open_context(home, &ctx, err) &&
	     import(ctx, keyring, err) &&
	     verify(ctx, fd, signature, len, ret_info, err);
	gpgme_release(ctx);
	if (home[0])
		(void)!files_remove_tree(AT_FDCWD, home, NULL);
	return ok;
}
