#!/usr/bin/env bash
# Syncs in a state, a version or a company in which they must not be upgraded.
. "$(dirname "$0")/cli.sh"

# The end of a migration must not be disturbed.
test_cut_over() {
	quick_world 1
	behave shard0 '{"commit_ms": 600000, "noop_ms": 200}'
	until_true 30 eval 'api shard0 progress | jq -e .progress.canCommit >/dev/null' || fail "it cannot commit"
	curl -sS -m 60 -d '{}' "http://127.0.0.1:$(port_of shard0)/api/v1/commit" >"$W/out.commit" 2>&1 &
	wait_state shard0 COMMITTING
	refused COMMITTING state 'shard0: it is COMMITTING.*: a cut-over must not be disturbed$'
	behave shard0 '{"commit_ms": 0, "noop_ms": 200}'
	wait_state shard0 COMMITTED
	refused COMMITTED state 'shard0: it is COMMITTED.*: a cut-over must not be disturbed$'
}

test_reversing() {
	quick_world 1
	behave shard0 '{"reverse_ms": 600000, "noop_ms": 200, "progress": {"kind": "lie", "state": "REVERSING"}}'
	refused REVERSING state 'shard0: it is REVERSING.*: a cut-over must not be disturbed$'
}

test_two_migrations_on_one_link() {
	world light
	IDS=()
	mkdir -p "$W/destination2"
	instance one -
	DESTINATION=light:$W/destination2
	instance two -
	unpack_version $FROM
	start_all
	fleet
	refused "two migrations on one link" link "two: lane one is started through the same link $W/bin/mongosync"
	said "$W/root/two/current"
}

test_downgrade() {
	world light
	FROM=1.13.0 TO=1.12.0
	IDS=()
	instance shard0 -
	unpack_version $FROM
	start_all
	fleet
	refused "a downgrade" version 'test: 1.13.0 to 1.12.0 is a downgrade'
}

# Two destinations, which the fleet file joins: each sync runs by itself.
test_mixed_versions() {
	world light
	IDS=()
	mkdir -p "$W/destination2"
	instance one -
	DESTINATION=light:$W/destination2
	instance two -
	unpack_version 1.13.0
	mv "$W/bin/mongosync" "$W/bin/elsewhere"
	unpack_version $FROM
	start_all
	kill -KILL "$(pid_of two)"
	launch two "$W/bin/elsewhere"
	wait_state two RUNNING
	EXTRA=([one]=', lane: both' [two]=', lane: both')
	fleet
	refused "two versions in a lane" version 'both: its processes run different versions: one runs 1.12.0, two runs 1.13.0$'
}

for test in test_cut_over test_reversing test_two_migrations_on_one_link test_downgrade test_mixed_versions; do
	($test) || exit 1
done
