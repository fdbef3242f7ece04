#!/usr/bin/env bash
# The judge itself: what is not whole must be called lost.
. "$(dirname "$0")/guards.sh"

GUARDS_TALLY=/dev/null # what is lost here is so on purpose
WHOLE_S=3
DOCS=shop/docs.ndjson

# finds WHAT FILTER: with this done to the destination's documents
finds() {
	cp "$W/destination/$DOCS" "$W/kept"
	jq -c "$2" "$W/kept" >"$W/destination/$DOCS"
	! (expect_whole) 2>"$W/out.judge" || fail "not found: $1"
	grep -q 'the sync is lost: source and destination differ' "$W/out.judge" || fail "otherwise: $1"
	cp "$W/kept" "$W/destination/$DOCS"
}

copied_world 2
expect_whole
finds "a document that is missing" 'select(._id != 77)'
finds "a document that differs" 'if ._id == 77 then .name = "other" else . end'
finds "one too many" '., (select(._id == 77) | ._id = 77000)'
for name in "${NAMES[@]}"; do
	api "$name" pause '{}' >/dev/null
	wait_state "$name" PAUSED
done
! (expect_whole) 2>"$W/out.judge" || fail "not found: a sync that does not follow"
grep -q 'what is written now does not arrive' "$W/out.judge" || fail "otherwise: a sync that does not follow"
for name in "${NAMES[@]}"; do api "$name" resume '{}' >/dev/null; done
WHOLE_S=30 expect_whole
# As the reference process tells it.
again=$(head -n 1 "$EFFECTS" | jq -c '.event = "partition" | .again = true')
printf '%s\n' "$again" >>"$EFFECTS"
! (expect_whole) 2>"$W/out.judge" || fail "not found: a second copy"
