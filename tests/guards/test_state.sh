#!/usr/bin/env bash
# A migration whose end has begun must not be disturbed.
. "$(dirname "$0")/guards.sh"

quick_world 1
passes state 'shard0: RUNNING, '
behave shard0 '{"reverse_ms": 600000, "noop_ms": 200, "progress": {"kind": "lie", "state": "REVERSING"}}'
refuses state 'shard0: it is REVERSING.*: a cut-over must not be disturbed$' REVERSING
behave shard0 '{"commit_ms": 600000, "noop_ms": 200}'
until_true 30 eval 'api shard0 progress | jq -e .progress.canCommit >/dev/null' || fail "it cannot commit"
curl -sS -m 60 -d '{}' "http://127.0.0.1:$(port_of shard0)/api/v1/commit" >"$W/out.commit" 2>&1 &
wait_state shard0 COMMITTING
refuses state 'shard0: it is COMMITTING.*: a cut-over must not be disturbed$' COMMITTING
behave shard0 '{"commit_ms": 0, "noop_ms": 200}'
wait_state shard0 COMMITTED
refuses state 'shard0: it is COMMITTED.*: a cut-over must not be disturbed$' COMMITTED
