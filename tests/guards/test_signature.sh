#!/usr/bin/env bash
# Who made the new version: a detached signature, good, forged, of somebody else,
# of another file, missing; and what is wrong is never run.
. "$(dirname "$0")/fetching.sh"
command -v gpg >/dev/null || { printf 'skipped: no gpg\n'; exit 77; }

with_gpg() { # NAME gpg's arguments: in a home of its own
	local home=$W/gpg.$1
	shift
	mkdir -p "$home" && chmod 700 "$home"
	gpg --homedir "$home" --batch --yes --quiet --pinentry-mode loopback --passphrase '' "$@" 2>>"$W/out.gpg" ||
		fail "gpg $*: $(cat "$W/out.gpg")"
}

# signer NAME [gpg's options]: a key, its public half, and its signature
signer() {
	local name=$1
	shift
	with_gpg "$name" "$@" --quick-generate-key "$name <$name@example.org>" ed25519 sign 1d
	with_gpg "$name" "$@" --armor --output "$W/$name.asc" --export
	with_gpg "$name" "$@" --output "$W/web/files/new.tgz.$name" --detach-sign "$ARCHIVE"
}

# signed SIGNATURE KEYRING [KEYS]
signed() { artifact "url: \"$WEB/new.tgz\", sha256: $SHA, signature: \"$1\", keyring: \"$2\"${3:+, $3}"; }

good() {
	fresh
	signed "$WEB/new.tgz.vendor" "$W/vendor.asc" "signed: required"
	planned "a good signature"
	FINGERPRINT=$(gpg --homedir "$W/gpg.vendor" --with-colons --list-keys 2>/dev/null | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p')
	also signature "$WEB/new.tgz: good, by key $FINGERPRINT vendor <vendor@example.org>"
	expect_cached "a good signature"
	# armored, of a path, by a keyring that is not armored and has more keys
	with_gpg vendor --armor --output "$W/new.sig" --detach-sign "$ARCHIVE"
	with_gpg vendor --import "$W/other.asc"
	with_gpg vendor --output "$W/both.gpg" --export
	signed "$W/new.sig" "$W/both.gpg"
	syncup plan "$W/fleet.yaml"
	expect_code 0 "an armored signature in a file"
	said "^pass +signature .*good, by key $FINGERPRINT"
	good_fleet
	edit_fleet "s#^artifact: .*#artifact: {file: \"$ARCHIVE\", sha256: $SHA, signature: new.sig, keyring: vendor.asc}#"
	syncup plan "$W/fleet.yaml"
	expect_code 0 "a file that is signed"
	said "^pass +signature .*good, by key $FINGERPRINT"
	artifact
	syncup plan "$W/fleet.yaml"
	said "^pass +signature .*: not asked for"
}

# An archive that would tell that it was run.
trap_archive() {
	mkdir -p "$W/pack/top/bin"
	printf '#!/bin/sh\ntouch "%s/was_run"\necho 1.13.0\n' "$W" >"$W/pack/top/bin/mongosync"
	chmod 755 "$W/pack/top/bin/mongosync"
	tar -czf "$W/web/files/trap.tgz" -C "$W/pack" top
}

forged() {
	local sum
	fresh
	trap_archive
	sum=$(sha256sum "$W/web/files/trap.tgz" | cut -d' ' -f1)
	artifact "url: \"$WEB/trap.tgz\", sha256: $sum, signature: \"$WEB/new.tgz.vendor\", keyring: $W/vendor.asc"
	refuses signature "$WEB/trap.tgz: BAD signature: it is of another file, or the archive was changed" "another file's signature"
	[ ! -e "$W/was_run" ] || fail "what has a bad signature was run"
	! grep -q '^[a-z]* *artifact ' "$W/out.syncup.err" || fail "something is said of what was not looked into"
	artifact "url: \"$WEB/trap.tgz\", sha256: $sum, signed: required"
	refuses signature "$WEB/trap.tgz: signed: required, but there is no signature:" "no signature"
	[ ! -e "$W/was_run" ] || fail "what has no signature was run"
	asked 0 '.name == "new.tgz"'
	edit_fleet 's/, signed: required//'
	syncup plan "$W/fleet.yaml"
	[ -e "$W/was_run" ] || fail "the trap does not work"
}

# wrong REGEX WHAT
wrong() {
	remember
	syncup plan "$W/fleet.yaml"
	expect_code 3 "$2"
	expect_refusal "$W/out.syncup" signature "$WEB/new.tgz: $1" "$2"
	expect_untouched "$2"
}

wrongs() {
	local old=(--faked-system-time 20200101T000000)
	fresh
	signed "$WEB/new.tgz.vendor" "$W/other.asc"
	wrong "signed by key [0-9A-F]+, which is not in the keyring" "another's key"
	signer expired "${old[@]}"
	signed "$WEB/new.tgz.expired" "$W/expired.asc"
	wrong "the key that signed it has expired: [0-9A-F]+ expired <expired@example.org>" "an expired key"
	printf 'no signature\n' >"$W/web/files/text.sig"
	signed "$WEB/text.sig" "$W/vendor.asc"
	wrong "this is no OpenPGP signature" "a text in its place"
	signed "$WEB/nowhere.sig" "$W/vendor.asc"
	wrong "$WEB/nowhere.sig: the server answers 404" "no such signature"
	signed "$W/nowhere.sig" "$W/vendor.asc"
	wrong ".*nowhere.sig.*No such file" "no such file"
	signed "$WEB/new.tgz.vendor" "$W/nowhere.asc"
	wrong "reading the keyring: .*nowhere.asc.*No such file" "no keyring"
	printf 'no key\n' >"$W/text.asc"
	signed "$WEB/new.tgz.vendor" "$W/text.asc"
	wrong "the keyring $W/text.asc has no public key in it" "a keyring without keys"
	head -c 40 "$W/web/files/new.tgz.vendor" >"$W/web/files/half.sig"
	signed "$WEB/half.sig" "$W/vendor.asc"
	wrong "" "half a signature"
	head -c 100000 /dev/urandom >"$W/web/files/large.sig"
	signed "$WEB/large.sig" "$W/vendor.asc"
	wrong "$WEB/large.sig: it is larger than 0.1 MiB" "a large signature"
	artifact "url: \"$WEB/new.tgz\", sha256: $SHA, signature: \"$WEB/new.tgz.vendor\""
	refused_early "no keyring:" "$W/fleet.yaml:[0-9]+: artifact.signature needs a keyring"
}

# The user's own keys make nobody's signature good.
own_keys_do_not_count() {
	export GNUPGHOME=$W/gpg.vendor
	signed "$WEB/new.tgz.vendor" "$W/other.asc"
	wrong "signed by key [0-9A-F]+, which is not in the keyring" "the user's own keyring"
	signed "$WEB/new.tgz.vendor" "$W/vendor.asc"
	export GNUPGHOME=$W/nowhere
	syncup plan "$W/fleet.yaml"
	expect_code 0 "no home of GnuPG"
	[ ! -e "$W/nowhere" ] || fail "a home of GnuPG was made"
	unset GNUPGHOME
}

# The whole way: the feed, its digest, the signature, and the cache emptied on it.
upgraded() {
	fresh
	jq -n --arg url "$WEB/new.tgz" --arg sha "$SHA" --arg to "$TO" --arg arch "$(uname -m)" \
		'{versions: [{version: $to, downloads: [{name: "here", arch: $arch, archive: {url: $url, sha256: $sha}}]}]}' \
		>"$W/web/files/full.json"
	artifact "feed: \"$WEB/full.json\", platform: here, signed: required, signature: \"$WEB/new.tgz.vendor\", keyring: \"$W/vendor.asc\""
	die_at "before deliver"
	expect_cached "the run that died"
	rm -rf "$CACHE" "$W/web/files/full.json" # the plan knows enough
	syncup run "$W/fleet.yaml"
	expect_code 0 "run"
	expect_upgraded
	expect_effects 1 '.event == "signal"'
	expect_cached "what was fetched again"
	jq_journal '.kind == "run" and .plan.artifact.signed_by == "'"$FINGERPRINT"'" and .plan.artifact.url == "'"$WEB/new.tgz"'"' |
		grep -qx 1 || fail "the plan does not name key and address"
}

https_world
export TMPDIR=$W/tmp
mkdir -p "$TMPDIR"
signer vendor
signer other
good
forged
wrongs
own_keys_do_not_count
upgraded
[ -z "$(ls -A "$TMPDIR")" ] || fail "something of GnuPG is left: $(ls -A "$TMPDIR")"
