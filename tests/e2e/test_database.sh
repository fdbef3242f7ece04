#!/usr/bin/env bash
# A real database, real documents, somebody who goes on writing: the processes
# are upgraded in the middle of their initial copy, and in the end source and
# destination are equal.  The URIs have a password, which lib.sh looks for.
. "$(dirname "$0")/lib.sh"

# shellcheck source=documents.sh
. "$(dirname "$0")/documents.sh"

needs_database

has_migrated() { [ "$(effects '.event == "migrated"')" = 1 ]; }

expect_saved_copy() { # one that mongorestore would take: BSON documents end to end
	local files file size at length
	files=$(find "$W/state/test/metadata" -name '*.bson')
	[ -n "$files" ] || fail "no copy was saved"
	for file in $files; do
		size=$(stat -c %s "$file") at=0
		while [ "$at" -lt "$size" ]; do
			length=$(od -An -tu4 -j "$at" -N 4 "$file" | tr -d ' ')
			[ "$length" -ge 5 ] || fail "a document of $length bytes at $at in $file"
			at=$((at + length))
			[ "$at" -le "$size" ] || fail "$file ends within a document"
			[ "$(od -An -tu1 -j $((at - 1)) -N 1 "$file" | tr -d ' ')" = 0 ] ||
				fail "no document ends at $at in $file"
		done
		jq -e '(.indexes | type) == "array"' "${file%.bson}.metadata.json" >/dev/null ||
			fail "no metadata.json beside $file"
		[ "$(stat -c %a "$file")" = 600 ] || fail "others may read $file"
	done
	grep -q . <<<"$(find "$W/state/test/metadata" -name resumeData.bson -size +0)" || fail "resumeData is not in it"
}

killed_once() { # how many processes
	copying "$1"
	die_at "before save"
	syncup run "$W/fleet.yaml"
	expect_code 0 "the plain command after a kill"
	expect_upgraded
	expect_effects "$1" '.event == "paused"'
	expect_effects "$1" '.event == "signal"'
	expect_effects 1 '.event == "migrated"'
	expect_saved_copy
	expect_equal $TO
}

# The new version has migrated the metadata; its old form is put back.
rolled_back() {
	copying 3
	die_at "after start"
	until_true 20 has_migrated || fail "it does not migrate"
	syncup rollback --restore-metadata "$W/fleet.yaml"
	expect_code 9 "rollback with consent"
	expect_back
	expect_equal $FROM
}

scenario "three processes, one kill" killed_once 3
scenario "one process, one kill" killed_once 1
scenario "rollback after the migration" rolled_back
scenarios_end
