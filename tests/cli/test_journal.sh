#!/usr/bin/env bash
# Journals that are damaged, too new, or gone: exit 5, and never a new plan.
. "$(dirname "$0")/cli.sh"

# unreadable WHAT REGEX: every verb that needs the journal refuses it
unreadable() {
	local verb
	remember
	for verb in run 'run --unfinished' 'run --as-planned' rollback abort status 'status --json' 'journal show' 'journal verify'; do
		# shellcheck disable=SC2086 # two words
		syncup $verb "$W/fleet.yaml"
		[ "$verb" != 'journal show' ] || : >"$W/out.syncup" # it shows what comes before
		expect_sentence 5 "$2" "$verb, $1"
	done
	expect_untouched "$1"
}

test_damaged() {
	cp "$(journal)" "$W/good.journal"
	sed -i '5s/"seq"/"sed"/' "$(journal)"
	unreadable "a damaged line" "line 5 of $(journal) is damaged, and not by a torn write: line [0-9]+ was written after it was synced$"
	cp "$W/good.journal" "$(journal)"
	sed -i '3d' "$(journal)"
	unreadable "a lost line" "line 3 of $(journal) is damaged, "
	cp "$W/good.journal" "$(journal)"
	sed -i '1d' "$(journal)"
	unreadable "a lost beginning" "line 1 of $(journal): "
	: >"$(journal)"
	unreadable "an empty journal" "line 1 of $(journal) is not the first record of a run$"
	head -c 5000 /dev/urandom >"$(journal)"
	unreadable "noise" "line 1 of $(journal)[ :]"
	cp "$W/good.journal" "$(journal)"
}

# A kill in the middle of a write leaves this: it is cut, and that is said.
test_torn_tail() {
	printf 'deadbeef {"seq":' >>"$(journal)"
	syncup journal verify "$W/fleet.yaml"
	expect_code 0 "a torn tail"
	said "all good; a torn tail begins at line $(($(wc -l <"$W/good.journal") + 1)) and will be cut"
	syncup status "$W/fleet.yaml"
	expect_code 0 "status with a torn tail"
	cp "$W/good.journal" "$(journal)"
}

# newer WHAT REGEX FORMAT [NEED...]
newer() {
	"$BUILD/tests/cli/newer-journal" "${@:3}" >"$(journal)"
	unreadable "$1" "line 1 of $(journal): $2; written by syncup 9.9.9$"
	cp "$W/good.journal" "$(journal)"
}

test_newer() {
	newer "a newer format" 'format is 2, this version reads up to 1' 2
	newer "an unknown need" 'needs "pigeons", which this version does not have' 1 pigeons
}

# lost REGEX: every verb that needs the journal says that it is lost
lost() {
	local verb
	remember
	for verb in run 'run --unfinished' 'run --retry' rollback abort status; do
		# shellcheck disable=SC2086 # two words
		syncup $verb "$W/fleet.yaml"
		expect_sentence 5 "$1; bring $(journal) back$" "$verb without a journal"
		said "^Type: syncup run --take-over RUN $W/fleet.yaml "
	done
	expect_untouched "looking for a lost journal"
}

test_gone() {
	local run
	run=$(run_id)
	mv "$(journal)" "$W/away.journal"
	rm -f "$(journal).prev"
	lost "the metadata copy $run-test-1 is of a run that did not end and whose journal is lost"
	mv "$W/state/test/metadata" "$W/away.metadata"
	lost "the journal of run $run is lost, and [^ ]+ is still claimed by it"
	mv "$W/away.metadata"/* "$W/state/test/metadata"
	# Given up, the lost run still holds the link: that is for a person to undo.
	remember
	syncup run --take-over "$run" "$W/fleet.yaml"
	expect_code 3 "giving up a run that holds the link"
	said "^refusal  link +test: $W/bin/mongosync is held by run $run"
	expect_untouched "giving up a run that holds the link"
	# Brought back, it goes on.
	mv "$W/away.journal" "$(journal)"
	syncup run "$W/fleet.yaml"
	expect_code 0 "with the journal brought back"
	expect_upgraded
	expect_views reached
}

test_given_up() {
	local run
	quick_world 1
	die_at "before pause"
	run=$(run_id)
	rm "$(journal)"
	lost "the journal of run $run is lost, and [^ ]+ is still claimed by it"
	syncup run --take-over "$run" "$W/fleet.yaml"
	expect_code 0 "giving up a lost run"
	expect_upgraded
}

# A folder that was never one of ours does not become one.
test_folders() {
	mkdir "$W/folder"
	syncup run "$W/folder"
	expect_sentence 3 "there is no run in $W/folder, and a new one needs the fleet file$" "run of a strange folder"
	for verb in rollback abort status 'run --unfinished'; do
		# shellcheck disable=SC2086 # two words
		syncup $verb "$W/folder"
		expect_code 0 "$verb of a strange folder"
	done
	syncup journal verify "$W/folder"
	expect_sentence 3 "reading the journal $W/folder/run.journal: No such file or directory$" "verify of a strange folder"
	[ -z "$(ls -A "$W/folder")" ] || fail "a strange folder was made one of ours"
}

(
	quick_world 1
	die_at "before activate"
	expect_views unfinished
	test_damaged
	test_torn_tail
	test_newer
	test_folders
	test_gone
) || exit 1
(test_given_up) || exit 1
