#!/usr/bin/env bash
# An instance's own file: keys that the new version needs or does not know, options
# of connection strings that it refuses, and changes since the process started.
# shellcheck source-path=SCRIPTDIR source=guards.sh
. "$(dirname "$0")/guards.sh"

shipped_table() {
	edit_fleet '/^compat:/d'
	cp "$W/fleet.yaml" "$W/good.yaml"
}

edit_config() { sed -i "$@" "$W/shard0.conf"; }
good_config() { cp -p "$W/good.conf" "$W/shard0.conf"; }

test_keys() {
	quick_world 1
	shipped_table
	cp -p "$W/shard0.conf" "$W/good.conf"
	passes configuration "shard0: $W/shard0.conf has nothing that 1.13.0 is known to refuse"
	passes unchanged "shard0: $W/shard0.conf is as it was"

	edit_config '/^acceptDisclaimer/d'
	refuses configuration "shard0: 1.13.0 needs acceptDisclaimer: true in $W/shard0.conf: " "a key that is missing"
	said "add the line \"acceptDisclaimer: true\" to $W/shard0.conf"
	good_config
	edit_config 's/^acceptDisclaimer.*/acceptDisclaimer: false/'
	refuses configuration 'shard0: 1.13.0 needs acceptDisclaimer' "a key with another value"
	good_config
	edit_config "\$a hotDocIDs: x"
	refuses configuration 'shard0: 1.13.0 does not know hotDocIDs, .*: it is new in 1.18.0' "a key that is too new"
	good_config
	edit_config "\$a loadlvl: 2"
	warns configuration "shard0: $W/shard0.conf sets loadlvl, a key that "
	good_config
}

# What would have come of it: the new version does not even start.
test_keys_are_asked_for() {
	local key code
	quick_world 1
	unpack_version 1.13.0 "$W/new"
	for key in 'hotDocIDs: x' 'loadlvl: 2'; do
		{ cat "$W/shard0.conf"; printf '%s\n' "$key"; } >"$W/other.conf"
		code=0
		timeout 20 "$W/new/mongosync" --config "$W/other.conf" >"$W/out.other" 2>&1 </dev/null || code=$?
		{ [ $code != 0 ] && [ $code != 124 ]; } || fail "it takes $key"
	done
	grep -v acceptDisclaimer "$W/shard0.conf" >"$W/other.conf"
	code=0
	timeout 20 "$W/new/mongosync" --config "$W/other.conf" >"$W/out.other" 2>&1 </dev/null || code=$?
	{ [ $code != 0 ] && [ $code != 124 ]; } || fail "it starts without acceptDisclaimer"
}

test_newer_file() {
	quick_world 1
	shipped_table
	touch -d "now + 60 seconds" "$W/shard0.conf"
	warns unchanged "shard0: $W/shard0.conf was changed [0-9]+ s after the process was started"
}

test_connection_strings() {
	world database
	instances 1
	unpack_version $FROM
	start_all
	fleet
	shipped_table
	cp -p "$W/shard0.conf" "$W/good.conf"
	passes uri 'shard0: its connection strings have no option that 1.13.0 is known to refuse'
	passes unchanged "shard0: "

	edit_config '/^cluster0/s/"$/\&socketTimeoutMS=20000"/'
	refuses uri 'shard0: 1.13.0 refuses the socketTimeoutMS of cluster0' "an option that is refused"
	timeout 20 "$W/bin/mongosync" --config "$W/shard0.conf" >"$W/out.other" 2>&1 </dev/null || true
	grep -q 'Invalid URI option, socketTimeoutMS' "$W/out.other" || fail "the reference process takes it"
	good_config
	edit_config '/^cluster1/s/"$/\&readPreference=secondary"/'
	refuses uri 'shard0: 1.13.0 refuses the readPreference of cluster1 in .*, which is not primary' "a read preference"
	good_config
	edit_config '/^cluster1/s/"$/\&w=1"/'
	refuses uri 'shard0: 1.13.0 refuses the w of cluster1 in .*, which is not majority' "a write concern"
	good_config

	# Another destination than that of the sync that runs.
	edit_config "/^cluster1/s/127.0.0.1:[0-9]*/127.0.0.1:1/"
	refuses unchanged "shard0: the process syncs with cluster1: .*, and $W/shard0.conf names another host or port" \
		"another destination"
	good_config
}

scenario "keys that a version needs or does not know" test_keys
scenario "the reference process judges them in the same way" test_keys_are_asked_for
scenario "a file that is newer than the process" test_newer_file
[ ! -x "$DATABASE" ] || scenario "options of connection strings" test_connection_strings
scenarios_end
