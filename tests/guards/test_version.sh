#!/usr/bin/env bash
# The pair of versions: documented, impossible, unknown, downward; and the table
# that says so, which may be another one, broken, or missing.
# shellcheck source-path=SCRIPTDIR source=guards.sh
. "$(dirname "$0")/guards.sh"

# pair FROM TO: a sync that runs FROM, a fleet that asks for TO; the table that
# came with syncup counts
pair() {
	world light
	FROM=$1 TO=$2
	instances 1
	unpack_version "$FROM"
	start_all
	fleet
	edit_fleet '/^compat:/d'
}

table() { # jq's filter: a table of our own from the one that is shipped
	jq "$1" "$here/../../deploy/compat/mongosync.json" >"$W/table.json"
	edit_fleet '/^compat:/d'
	edit_fleet "1i compat: $W/table.json"
}

# What was accepted must be in the journal.
frozen() { # jq's filter
	jq_journal ".kind == \"run\" and (.plan.lanes[0].compat | $1)"
}

test_documented() {
	pair 1.12.0 1.13.0
	passes table 'test: which version can be upgraded to which is looked up in .*/compat/mongosync.json$'
	passes version 'test: 1.12.0 to 1.13.0: Supported from 1.12, .*release notes, 1.13'
	syncup run "$W/fleet.yaml"
	expect_code 0 "a documented pair"
	[ "$(frozen '.verdict == "documented" and .sure == "stated" and (.accepted | not)')" = 1 ] ||
		fail "the journal does not say why the pair was thought possible"
	expect_upgraded
	passes version 'test: all 1 processes run 1.13.0 already'
}

test_impossible() {
	pair 1.12.0 1.14.0
	refuses version 'test: 1.12.0 to 1.14.0: There is no live upgrade to 1.14.*release notes, 1.14' "an impossible pair"
	said 'the nearest version that can be reached is 1.13.0 \(mongosync release notes, 1.13'
	# It is no unknown pair, and to accept those is no word for this one.
	syncup run --accept-unlisted "$W/fleet.yaml"
	expect_code 3 "an impossible pair, accepted"
	expect_version shard0 1.12.0
}

test_leads_nowhere() {
	pair 1.18.0 1.20.0
	refuses version 'test: 1.18.0 to 1.20.0: There is no live upgrade to 1.20' "an impossible pair without a way"
	said 'no upgrade from 1.18.0 is documented: finish the migration with it'
}

test_unknown() {
	pair 1.12.0 1.13.0
	table 'del(.targets[] | select(.versions.at_least == "1.13.0"))'
	refuses version 'test: 1.12.0 to 1.13.0 is not in the table: ' "an unknown pair"
	said -- '--accept-unlisted'
	warns version 'test: 1.12.0 to 1.13.0, by --accept-unlisted: ' --accept-unlisted
	syncup run --accept-unlisted "$W/fleet.yaml"
	expect_code 0 "an unknown pair, accepted"
	[ "$(frozen '.verdict == "unknown" and .accepted')" = 1 ] || fail "the journal does not say what was accepted"
	expect_upgraded
}

test_downgrade() {
	pair 1.13.0 1.12.0
	refuses version 'test: 1.13.0 to 1.12.0 is a downgrade' "a downgrade"
	said 'start the migration again with 1.12.0 from an empty destination \(mongosync documentation'
}

test_table() {
	pair 1.12.0 1.13.0
	table '.targets[1].sure = "hardly"'
	refuses table "test: $W/table.json: targets\[1\].sure must be one of stated, presumed" "a broken table"
	printf '{' >"$W/table.json"
	refuses table "test: $W/table.json:1: no JSON" "a table that is none"
	rm "$W/table.json"
	refuses table "test: compat: $W/table.json is not there" "a table that is missing"
	table '.targets[0].note = "Changed by hand."'
	passes table "test: which version can be upgraded to which is looked up in $W/table.json"

	# A program without its files, as one that was copied by hand.
	edit_fleet '/^compat:/d'
	[ ! -e /etc/syncup/mongosync.json ] || return 0
	mkdir "$W/alone"
	cp "$SYNCUP" "$W/alone/syncup"
	SYNCUP=$W/alone/syncup
	[ ! -e "$(strings -a "$SYNCUP" | grep -x '/.*/syncup/compat/mongosync.json' | head -n 1)" ] || return 0
	refuses table 'test: no table of versions is there, neither /etc/syncup/mongosync.json nor ' "no table at all"
	said 'cmake --install'
}

scenario "a documented pair is upgraded" test_documented
scenario "an impossible pair is refused" test_impossible
scenario "a version that leads nowhere" test_leads_nowhere
scenario "an unknown pair needs a word" test_unknown
scenario "a downgrade is refused" test_downgrade
scenario "the table that counts" test_table
scenarios_end
