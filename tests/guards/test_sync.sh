#!/usr/bin/env bash
# What a sync is doing, and what an interruption costs it: how far behind it is,
# what is copied or hashed again, and which writes stay refused meanwhile.
. "$(dirname "$0")/guards.sh"

# slow_copy [START BODY]: one process in its initial copy, which will not end
slow_copy() {
	world light
	instances 1
	unpack_version "$FROM"
	behave shard0 "$1"
	launch shard0
	wait_state shard0 IDLE
	api shard0 start "${2:-$BODY}" | jq -e .success >/dev/null || fail "it does not start"
	until_true 20 in_phase "collection copy" || fail "it does not copy"
	fleet
}
BODY='{"source":"cluster0","destination":"cluster1"}'

in_phase() { api shard0 progress | jq -e --arg phase "$1" '.progress.info == $phase' >/dev/null; }
has_partition_in_progress() {
	grep -q '"partitionPhase":"in progress"' \
		"$W/destination/mongosync_reserved_for_internal_use/partitions.ndjson"
}

test_lag() {
	passes lag '^shard0: [0-9]+ s behind the source$'
	behave shard0 '{"lag_s": 4000}'
	warns lag '^shard0: it is 4[0-9]{3} s behind the source'
	api shard0 pause '{}' >/dev/null
	wait_state shard0 PAUSED
	passes lag '^shard0: PAUSED: it tells none$'
	api shard0 resume '{}' >/dev/null
	wait_state shard0 RUNNING
	behave shard0 '{}'
}

test_verifier() {
	passes verifier '^shard0: it has not started: nothing is lost$'
	behave shard0 '{"verifier_docs": 3000000, "verifier_hashed": 1200000}'
	warns verifier '^shard0: its verifier .* starts over after the upgrade, with 3000000 documents in 3000 collections to hash \(1200000 are\), and takes about 11.5 GB'
	behave shard0 '{}'
}

running() {
	quick_world 1
	until_true 20 in_phase "change event application" || fail "it does not get through its copy"
	passes phase '^test: change event application$'
	passes natural-order '^test: no copy in natural order is interrupted$'
	# what /start does by itself in this version
	warns write-blocking '^test: destinationOnly: it stays so while the sync stands still'
	test_lag
	test_verifier
}

copying() {
	slow_copy '{"partition_docs_per_s": 20, "partition_docs": 1000, "batch_docs": 1}' \
		'{"source":"cluster0","destination":"cluster1","enableUserWriteBlocking":"none"}'
	until_true 20 has_partition_in_progress || fail "no partition is begun"
	warns phase '^test: collection copy: 0 of 2 partitions are done, .* MiB are copied; 1 in progress .* copied again from their beginning'
	passes natural-order '^test: no copy in natural order'
	passes write-blocking '^test: the sync blocks no writes$'
	# It is only a warning: the copy goes on, and no finished partition is copied again.
	behave shard0 '{}'
	syncup run "$W/fleet.yaml"
	expect_code 0 "run in the copy"
	expect_upgraded
	until_true 30 in_phase "change event application" || fail "the copy does not end"
	expect_effects 0 '.event == "partition" and .again'
}

natural_order() {
	slow_copy '{"partition_docs_per_s": 20, "natural_order": 1}'
	warns natural-order '^test: some collections are copied in natural order: a copy .* begins at its collection.s beginning again'
	# once it applies changes nothing of that is lost any more
	behave shard0 '{}'
	until_true 30 in_phase "change event application" || fail "the copy does not end"
	passes natural-order '^test: no copy in natural order'
}

both_blocked() {
	slow_copy '{"partition_docs_per_s": 20}' '{"source":"cluster0","destination":"cluster1","enableUserWriteBlocking":"sourceAndDestination"}'
	warns write-blocking '^test: sourceAndDestination: .*writes to the clusters that it blocks are refused as before'
}

# What is read of a real server's documents.
with_database() {
	[ -x "$DATABASE" ] || { printf 'skipped: no database\n'; return; }
	world database
	instances 1
	unpack_version "$FROM"
	behave shard0 '{"natural_order": 2}'
	start_all
	fleet
	until_true 30 in_phase "change event application" || fail "the copy does not end"
	passes phase '^test: change event application$'
	passes natural-order '^test: no copy in natural order'
	warns write-blocking '^test: destinationOnly'
	passes metadata '^test: mongosync_reserved_for_internal_use, version 10, in the states'
	jq -e '.plan.targets[] | select(.type == "metadata") | .before.options.natural_order == "all"' \
		"$W/out.syncup" >/dev/null || fail "natural order is not read from globalState"
	behave shard0 '{"metadata_state": "COMMITTED"}'
	until_true 10 metadata_says COMMITTED || fail "the metadata does not change"
	refuses metadata 'shard0: its API says RUNNING, its metadata on the destination COMMITTED' "metadata that has cut over"
}

# What the destination says of itself, and what the table says of that.
old_server() {
	[ -x "$DATABASE" ] || { printf 'skipped: no database\n'; return; }
	world database
	printf '{"commands":[{"command":"buildInfo","merge":true,"reply":{"version":"3.6.1"}}]}\n' >"$W/override.json"
	database again "$W/override.json" && DESTINATION=$REPLY
	instances 1
	unpack_version "$FROM"
	start_all
	fleet
	warns destination '^test: its server is 3.6.1, which 1.13.0 does not support: 3.x is no destination'
	printf '{"commands":[]}\n' >"$W/override.new"
	mv "$W/override.new" "$W/override.json"
	syncup plan --json "$W/fleet.yaml"
	! found warning destination 'its server is' || fail "its own version is not supported either"
}
metadata_says() {
	syncup plan --json "$W/fleet.yaml"
	found refusal metadata "$1"
}

scenario "a sync that applies changes" running
scenario "a sync that copies" copying
scenario "a copy in natural order" natural_order
scenario "writes blocked on both clusters" both_blocked
scenario "a real server" with_database
scenario "a server that is not supported" old_server
scenarios_end
