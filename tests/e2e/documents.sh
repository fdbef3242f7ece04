# shellcheck shell=bash
# documents.sh - documents for the syncs to copy.  In real databases: a writer that
# goes on, and in the end the question whether source and destination are equal;
# needs_database comes first.  For a test that has sourced lib.sh.

WORKLOAD=$BUILD/tests/workload/workload
DOCUMENTS=${DOCUMENTS:-3000}

needs_database() {
	[ -x "$DATABASE" ] || { printf 'SKIP: no database at %s\n' "$DATABASE"; exit 77; }
}

partitions_of() { # version: how many it has finished
	effects ".event == \"partition\" and .complete and .version == \"$1\""
}
has_copied() { [ "$(partitions_of "$1")" -ge "$2" ]; }

# The same servers by a URI without a password, as it is an argument here.
work() { # verb, options
	local arguments=("${@/sync:$SECRET@/}")
	"$WORKLOAD" "${arguments[@]/\?authMechanism=PLAIN/}" >"$W/out.$1" 2>&1
}

# copying COUNT: so many processes in the middle of their copy, and a writer
copying() {
	local name
	world database
	work load --uri "$SOURCE" --documents "$DOCUMENTS" || fail "no documents"
	instances "$1"
	for name in "${NAMES[@]}"; do
		behave "$name" "{\"partition_docs\": 100, \"partition_docs_per_s\": $((200 / $1))}"
	done
	unpack_version "$FROM"
	start_all
	work write --uri "$SOURCE" --rate 30 --until-file "$W/enough" &
	WRITER=$!
	until_true 30 has_copied "$FROM" 3 || fail "the copy does not begin"
	fleet
}

sync_lost() { fail "the sync is lost: $*"; }

# The copy goes on where it was, the writer stops, and nothing is missing.
expect_equal() { # version that has to do the rest
	local name before
	before=$(partitions_of "$1")
	for name in "${NAMES[@]}"; do behave "$name" '{"partition_docs": 100}'; done
	touch "$W/enough"
	wait "$WRITER" || fail "the writer failed"
	work caught-up --source "$SOURCE" --destination "$DESTINATION" \
		--instances ${#NAMES[@]} --timeout 60 || sync_lost "it does not catch up"
	work compare --source "$SOURCE" --destination "$DESTINATION" || sync_lost "source and destination differ"
	grep -qE '^documents=[1-9][0-9]{3,} differing=0$' "$W/out.compare" || fail "too little was compared"
	has_copied "$1" $((before + 1)) || fail "the copy was over too early: this proves little"
	[ "$(effects '.event == "partition" and .again == true')" = 0 ] || sync_lost "copied a second time"
	grep -qF "$SECRET" "$W/shard0.conf" || fail "there was no password to be found"
}

# light_documents COUNT: a light source that has documents, so that they can be
# compared; a world without them only counts what it copies.
light_documents() {
	mkdir -p "$W/source/shop" "$W/source/refsync_changelog"
	seq "$1" | jq -c '{_id: ., name: "document \(.)"}' >"$W/source/shop/docs.ndjson"
	: >"$W/source/refsync_changelog/events.ndjson"
}
