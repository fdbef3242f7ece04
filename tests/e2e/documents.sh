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
	has_password "${NAMES[0]}" || fail "there was no password to be found"
}
has_password() { grep -qF "$SECRET" "$(conf_of "$1")"; }

# --- clusters that are folders: source and destination, in $W or in the folder given

# light_documents COUNT [DIR]: a light source that has documents, so that they can
# be compared; a world without them only counts what it copies.
light_documents() {
	local source=${2:-$W}/source
	mkdir -p "$source/shop" "$source/refsync_changelog"
	seq "$1" | jq -c '{_id: ., name: "document \(.)"}' >"$source/shop/docs.ndjson"
	: >"$source/refsync_changelog/events.ndjson"
}

# Somebody inserts a document, changes one and deletes one, each in the source
# first and then in its log, as a change stream would tell it.
light_write() { # [DIR]
	local source=${1:-$W}/source seq last
	local docs=$source/shop/docs.ndjson log=$source/refsync_changelog/events.ndjson
	seq=$(wc -l <"$log")
	last=$(jq -s 'map(._id) | max' "$docs")
	jq -c --argjson n $((last + 1)) --argjson gone $((seq + 1)) --argjson new "$((seq + 2))" \
		'select(._id != $gone) | if ._id == $new then .name += " changed" else . end' "$docs" >"$docs.new"
	jq -nc --argjson n $((last + 1)) '{_id: $n, name: "written later"}' >>"$docs.new"
	mv "$docs.new" "$docs"
	{
		cat "$log"
		jq -nc --argjson s "$seq" --argjson n $((last + 1)) '
			{_id: ($s + 1), ns: "shop.docs", op: "d", id: ($s + 1)},
			{_id: ($s + 2), ns: "shop.docs", op: "u", id: ($s + 2),
				doc: {_id: ($s + 2), name: "document \($s + 2) changed"}},
			{_id: ($s + 3), ns: "shop.docs", op: "i", id: $n, doc: {_id: $n, name: "written later"}}'
	} >"$log.new"
	mv "$log.new" "$log"
}

light_is_equal() { # [DIR]
	diff <(jq -cS . "${1:-$W}/source/shop/docs.ndjson" 2>/dev/null) \
		<(jq -cS . "${1:-$W}/destination/shop/docs.ndjson" 2>/dev/null) >"$W/out.differs"
}

is_complete() { # [DIR]: every partition was copied to its end
	jq -se 'length > 0 and all(.partitionPhase == "done")' \
		"${1:-$W}"/destination/*internal*/partitions.ndjson >/dev/null 2>&1
}

WHOLE_S=30 # a sync that is late is not lost
# The sync is the one that it was: nothing was copied a second time, source and
# destination are equal, and what is written now arrives.
expect_whole() { # [DIR]
	local dir=${1:-$W}
	if [ "$MODE" = database ]; then
		expect_equal "$(running_version "${NAMES[0]}")"
		return
	fi
	[ -s "$dir/source/shop/docs.ndjson" ] || fail "there is nothing to compare"
	[ "$(effects '.event == "partition" and .again == true')" = 0 ] || sync_lost "copied a second time"
	until_true "$WHOLE_S" is_complete "$dir" || sync_lost "the copy does not end"
	until_true "$WHOLE_S" light_is_equal "$dir" || sync_lost "source and destination differ"
	light_write "$dir"
	until_true "$WHOLE_S" light_is_equal "$dir" || sync_lost "what is written now does not arrive"
}
