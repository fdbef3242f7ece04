#!/usr/bin/env bash
# Two migrations in one fleet file, two processes each.  The new version fails
# in one of them: that lane turns back, the other is upgraded, and neither
# waits for the other.
. "$(dirname "$0")/lib.sh"

TO=1.18.0 # refuses the metadata of 1.12.0, migrates that of 1.13.0

# migration NAME VERSION: NAME0 and NAME1 with clusters and a link of their own
migration() {
	local name
	mkdir -p "$W/$1/source" "$W/$1/destination"
	SOURCE=light:$W/$1/source DESTINATION=light:$W/$1/destination
	IDS=("${1}0" "${1}1")
	unpack_version "$2" "$W/$1/bin"
	for name in "${IDS[@]}"; do
		instance "$name"
		EXTRA[$name]=", link: $W/$1/bin/mongosync"
		launch "$name" "$W/$1/bin/mongosync"
	done
}

two_migrations() { # versions of north and south
	world light
	TO=1.18.0
	migration north "$1"
	migration south "$2"
	start_syncs
	LINK='' fleet
}

behave_in() { # migration json
	IDS=("${1}0" "${1}1")
	behave "${1}0" "$2"
	behave "${1}1" "$2"
}

# expect_before FILTER FILTER: the last effect of the one is before the first of the other
expect_before() {
	jq -se "([.[] | select($1) | .t_ns] | max) as \$a | ([.[] | select($2) | .t_ns] | min) as \$b |
		\$a != null and \$b != null and \$a < \$b" "$EFFECTS" >/dev/null ||
		fail "not before it: $1"
}

expect_north_back_south_upgraded() { # version of north
	local outcomes
	expect_running "$1" north0 north1
	expect_running "$TO" south0 south1
	outcomes=$("$SYNCUP" status --json "$W/fleet.yaml" | jq -c '[.lanes[] | [.name, .outcome]]')
	[ "$outcomes" = '[["north0","turned-back"],["south0","reached"]]' ] || fail "status says $outcomes"
	expect_effects 4 '.event == "paused"'
	expect_effects 4 ".event == \"signal\" and .version != \"$TO\""
	expect_effects 4 '.event == "resumed"'
	expect_effects 1 '.event == "migrated"'
	[ "$(readlink "$W/south/bin/mongosync")" = "$W/root/versions/$TO/bin/mongosync" ] ||
		fail "the link of south goes to $(readlink "$W/south/bin/mongosync")"
	[ ! -L "$W/north/bin/mongosync" ] || fail "the path of north was not given back"
}

# North is refused and back again before the slow stop of south has ended.
refused_metadata() {
	two_migrations 1.12.0 1.13.0
	behave_in south '{"stop_ms": 12000}'
	syncup run "$W/fleet.yaml"
	expect_code 9 "the metadata of one lane is refused"
	said 'lane north0: start north[01]: it ended at once: (fatal: )?Persisted metadata version: 10 is lower'
	expect_north_back_south_upgraded 1.12.0
	expect_before '.event == "resumed" and (.id | startswith("north"))' \
		".event == \"started\" and .version == \"$TO\" and (.id | startswith(\"south\"))"
	expect_effects 0 '.event == "panic" or .event == "crash"'
	# A timer's next tick leaves both alone.
	syncup run "$W/fleet.yaml"
	expect_code 9 "the same again"
	expect_effects 4 ".event == \"signal\" and .version != \"$TO\""
}

# North dies in the middle of its migration; its metadata is put back.  South is
# ready before the slow pause of north is.
dies_migrating() {
	two_migrations 1.13.0 1.13.0
	ON_FAILURE=restore LINK='' fleet
	behave_in north '{"pause_ms": 6000, "migrate_then_die": 2}'
	syncup run "$W/fleet.yaml"
	expect_code 9 "one lane dies while it migrates"
	expect_north_back_south_upgraded 1.13.0
	# Twice by the program's own account: it is started once more, no oftener.
	expect_effects 2 ".event == \"crash\" and .version == \"$TO\" and (.id | startswith(\"north\"))"
	expect_effects 2 '.event == "panic" or .event == "crash"'
	expect_before '.event == "resumed" and (.id | startswith("south"))' \
		'.event == "paused" and (.id | startswith("north"))'
}

scenario "one lane refuses its metadata" refused_metadata
scenario "one lane dies while it migrates" dies_migrating
scenarios_end
