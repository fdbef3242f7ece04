#!/usr/bin/env bash
# A real database, real documents, somebody who goes on writing: the processes
# are upgraded in the middle of their initial copy, and in the end source and
# destination are equal.  The URIs have a password, which lib.sh looks for.
. "$(dirname "$0")/lib.sh"

WORKLOAD=$BUILD/tests/workload/workload
DOCUMENTS=3000
[ -x "$DATABASE" ] || { printf 'SKIP: no database at %s\n' "$DATABASE"; exit 77; }

partitions_of() { # version: how many it has finished
	effects ".event == \"partition\" and .complete and .version == \"$1\""
}
has_copied() { [ "$(partitions_of "$1")" -ge "$2" ]; }
has_migrated() { [ "$(effects '.event == "migrated"')" = 1 ]; }

# The same servers by a URI without a password, as it is an argument here.
work() { # verb, options
	local arguments=("${@/sync:$SECRET@/}")
	"$WORKLOAD" "${arguments[@]/\?authMechanism=PLAIN/}" >"$W/out.$1" 2>&1
}

# copying COUNT: so many processes in the middle of their copy, and a writer
copying() {
	local name
	world database
	work load --uri "$SOURCE" --documents $DOCUMENTS || fail "no documents"
	instances "$1"
	for name in "${NAMES[@]}"; do
		behave "$name" "{\"partition_docs\": 100, \"partition_docs_per_s\": $((200 / $1))}"
	done
	unpack_version $FROM
	start_all
	work write --uri "$SOURCE" --rate 30 --until-file "$W/enough" &
	WRITER=$!
	until_true 30 has_copied $FROM 3 || fail "the copy does not begin"
	fleet
}

# The copy goes on where it was, the writer stops, and nothing is missing.
expect_equal() { # version that has to do the rest
	local name before
	before=$(partitions_of "$1")
	for name in "${NAMES[@]}"; do behave "$name" '{"partition_docs": 100}'; done
	touch "$W/enough"
	wait "$WRITER" || fail "the writer failed"
	work caught-up --source "$SOURCE" --destination "$DESTINATION" \
		--instances ${#NAMES[@]} --timeout 60 || fail "it does not catch up"
	work compare --source "$SOURCE" --destination "$DESTINATION" || fail "they differ"
	grep -qE '^documents=[1-9][0-9]{3,} differing=0$' "$W/out.compare" || fail "too little was compared"
	has_copied "$1" $((before + 1)) || fail "the copy was over too early: this proves little"
	expect_effects 0 '.event == "partition" and .again == true'
	grep -qF "$SECRET" "$W/shard0.conf" || fail "there was no password to be found"
}

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

refused() {
	copying 3
	TO=1.14.0
	fleet
	syncup run "$W/fleet.yaml"
	expect_code 9 "a version that refuses the metadata"
	said 'lower than the minimum supported metadata version'
	expect_back
	expect_effects 0 '.event == "migrated"'
	expect_equal $FROM
}

scenario "three processes, one kill" killed_once 3
scenario "one process, one kill" killed_once 1
scenario "rollback after the migration" rolled_back
scenario "a version that refuses the metadata" refused
scenarios_end
