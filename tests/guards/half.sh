# shellcheck shell=bash
# half.sh - worlds whose metadata a new version changes in part, and what must be
# true of it afterwards.  For a test that has sourced guards.sh.

SYNCS=mongosync_reserved_for_internal_use

documents() { # of the metadata, that a migration has to change
	cat "$W/destination/$SYNCS"/{resumeData,partitions,uuidMap,statistics}.ndjson | wc -l
}

# What a PAUSED or a quiet sync does not change itself.
still() { cat "$W/destination/$SYNCS"/{partitions,uuidMap,statistics}.ndjson; }

# All of it has the old form again, and is what it was.
expect_metadata_as_saved() {
	jq -se 'all(.documentVersion == 10) and all(has("migratingTo") | not)' \
		"$W/destination/$SYNCS"/*.ndjson >/dev/null || fail "$1: the metadata is not in its old form"
	[ ! -e "$W/destination/__mdb_internal_mongosync" ] || fail "$1: the new version's database is left"
	diff <(still) "$W/still" >&2 || fail "$1: the metadata is not what was saved"
}

# A world whose copy is complete: from then on only the resume points move.
migrating_world() { # processes, on_failure
	ON_FAILURE=$2
	copied_world "$1"
	until_true 30 is_complete || fail "the copy does not end"
	until_true 30 light_is_equal || fail "the copy is not whole"
	still >"$W/still"
}

# Nothing runs the sync in any version, nobody was told to /start, and it says why.
expect_stopped() { # WHAT
	expect_code 7 "$1"
	said 'the new version has changed it'
	said "Type: syncup run "
	expect_effects "$2" '.event == "request" and .path == "/api/v1/start"'
	expect_effects 0 '.event == "resumed"'
	CODE=0
	syncup status "$W/fleet.yaml"
	said '  stopped: start shard0: '
	said '  its log: '
}

# Each death is seen twice: it is started once more before it is judged.
expect_deaths() {
	[ "$(effects '.event == "crash"')" = "$2" ] || fail "$1: $(effects '.event == "crash"') deaths, not $2"
}
