#!/usr/bin/env bash
# How long the sync may stand still, and how long saving the metadata takes.
. "$(dirname "$0")/guards.sh"

test_margin_of_the_oplog() {
	oplog 86400
	passes margin 'it may stand still for (23 h 5|24 h ).* \(read from the oplog\)'
	oplog 400
	warns margin 'it may stand still for [0-9]+ (s|min) \(read from the oplog\)'
	oplog 60
	refuses margin 'test: it may stand still for [0-9]+ s \(read from the oplog\)' "an oplog of a minute"
	# Its place is gone already.
	oplog -600
	refuses margin 'test: it may stand still for 0 s ' "an oplog that begins behind the resume point"
}

test_margin_is_that_of_the_worst_shard() {
	local now
	now=$(date +%s)
	printf '[{"id": "shard0", "first": "%s.1"}, {"id": "shard1", "first": "%s.1"}]\n' \
		$((now - 90000)) $((now - 30)) >"$W/source/oplog.json"
	refuses margin 'test: it may stand still for [0-9]+ s ' "one shard whose oplog is short"
}

# What cannot be read is said, and what stands in its place is named.
test_margin_without_an_oplog() {
	printf '[{"id": "shard0", "first": "%s.1"}, {"id": "shard1", "error": "not authorized on local"}]\n' \
		$(($(date +%s) - 90000)) >"$W/source/oplog.json"
	passes margin 'oplog_window in the fleet file, minus the lag.*the oplog is not used: shard shard1: not authorized on local'
	rm "$W/source/oplog.json"
	passes margin 'oplog_window in the fleet file.*there is no oplog'
	edit_fleet 's/^oplog_window: .*/oplog_window: 100/'
	refuses margin 'test: it may stand still for [0-9]+ s \(oplog_window' "a short oplog_window"
	edit_fleet '/^oplog_window/d'
	refuses margin 'test: how long the sync may stand still is not known: shard source: there is no oplog' \
		"nobody knows the margin"
	good_fleet
}

test_save() {
	passes save 'saving the metadata takes about 1 s'
	# At ten MiB a second it is a minute, and the margin are two hundred seconds.
	printf '{"bytes": 629145600}\n' >"$W/destination/helper_faults.json"
	oplog 220
	refuses save 'test: saving the metadata takes about 61 s .*more than a quarter of the time' "metadata too large to be saved"
	rm "$W/source/oplog.json"
	printf '{"bytes": -1}\n' >"$W/destination/helper_faults.json"
	warns save 'how long saving the metadata will take cannot be told'
	rm "$W/destination/helper_faults.json"
}

# The other way round, what has to stay is in the oplog of cluster1.
test_margin_of_a_sync_that_was_reversed() {
	world light
	light_documents 20
	instances 1
	unpack_version $FROM
	launch shard0
	fleet
	wait_state shard0 IDLE
	api shard0 start '{"source":"cluster0","destination":"cluster1","reversible":true}' | jq -e .success >/dev/null ||
		fail "it does not start"
	until_true 30 eval 'api shard0 progress | jq -e .progress.canCommit >/dev/null' || fail "it cannot commit"
	api shard0 commit '{}' >/dev/null
	wait_state shard0 COMMITTED
	api shard0 reverse '{}' >/dev/null
	wait_state shard0 RUNNING
	oplog 60
	mv "$W/source/oplog.json" "$W/destination/oplog.json"
	oplog 86400
	refuses margin 'test: it may stand still for [0-9]+ s \(read from the oplog\)' "a sync that was reversed, an oplog of a minute"
	mv "$W/source/oplog.json" "$W/destination/oplog.json"
	oplog 60
	passes margin 'it may stand still for (23 h 5|24 h ).* \(read from the oplog\)'
	# Its clock reads the same.
	syncup run "$W/fleet.yaml"
	expect_code 0 "a sync that was reversed"
	[ "$(jq_journal '.kind == "clock" and has("resume_s")')" -gt 0 ] || fail "no clock was read"
	[ "$(jq_journal '.kind == "clock" and has("margin_s") and .margin_s < 80000')" = 0 ] || fail "the clock read another oplog"
}

quick_world 2
test_margin_of_the_oplog
test_margin_is_that_of_the_worst_shard
test_margin_without_an_oplog
test_save
[ ! -e "$(journal)" ] || fail "a journal was begun"
scenario "a sync that was reversed" test_margin_of_a_sync_that_was_reversed
scenarios_end
