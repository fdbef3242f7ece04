#!/usr/bin/env bash
# A state folder is worked with by its owner alone: what root wrote there, the next
# run of the owner's timer could not read.
. "$(dirname "$0")/cli.sh"
[ "$EUID" = 0 ] || { echo "needs root, to give a folder away"; exit 77; }

refused_as_other() { # VERB WHAT
	remember
	syncup "$@" "$W/fleet.yaml"
	expect_sentence 3 "$W/state/test belongs to user nobody, who alone works with it$" "$1 as another user"
	said "^Type: runuser -u nobody -- syncup $* $W/fleet.yaml$"
	expect_untouched "$1 as another user"
}

test_another_user() {
	quick_world 1
	die_at "before pause"
	chown -R nobody "$W/state/test"
	refused_as_other run --retry
	refused_as_other rollback
	refused_as_other abort
	syncup status "$W/fleet.yaml"
	expect_code 0 "status as root"
	chown -R root "$W/state/test"
	syncup run "$W/fleet.yaml"
	expect_code 0 "run as the owner"
	expect_upgraded
}

# Who may not even look is told as whom to.
test_no_right_to_look() {
	quick_world 1
	chmod 755 "$W" "$W/state"
	die_at "before pause"
	CODE=0
	setpriv --reuid nobody --regid nogroup --clear-groups "$SYNCUP" status "$W/fleet.yaml" \
		>"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || CODE=$?
	expect_sentence 3 "$W/state/test belongs to user root, who alone works with it$" "status as nobody"
	said "^Type: sudo -u root syncup status $W/fleet.yaml$"
}

for test in test_another_user test_no_right_to_look; do
	($test) || exit 1
done
