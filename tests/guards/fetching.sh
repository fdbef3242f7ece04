# shellcheck shell=bash
# fetching.sh - a world whose new version comes over HTTPS: a server on this host,
# with a CA, certificates and archives that are thrown away with the world.
# shellcheck source-path=SCRIPTDIR source=guards.sh
. "$(dirname "${BASH_SOURCE[0]}")/guards.sh"
command -v python3 >/dev/null && command -v openssl >/dev/null ||
	{ printf 'skipped: no python3 or no openssl\n'; exit 77; }
guards_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# What is between a test and its server is no business of the test.
unset https_proxy HTTPS_PROXY http_proxy HTTP_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY

new_key() { # openssl req's arguments
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "$@" 2>/dev/null
}

# certificate NAME HOST DAYS: of the world's CA; negative: it has expired
certificate() {
	printf 'subjectAltName=DNS:%s\n' "$2" >"$W/tls/ext"
	openssl x509 -req -in "$W/tls/server.csr" -CA "$W/tls/ca.pem" -CAkey "$W/tls/ca.key" \
		-CAcreateserial -days "$3" -extfile "$W/tls/ext" -out "$W/tls/$1.pem" 2>/dev/null
}

serve() { # certificate: a server with it, its port in REPLY
	local port
	free_port
	port=$REPLY
	setsid python3 "$guards_dir/https_server.py" "$W/web" "$port" "$W/tls/$1.pem" \
		"$W/tls/server.key" >"$W/out.web.$1" 2>&1 </dev/null &
	disown
	until_true 30 grep -qs listening "$W/out.web.$1" || fail "the HTTPS server does not come up"
	REPLY=$port
}

# https_world: one process that runs FROM, and a server that has TO, at $WEB
https_world() {
	quick_world 1
	mkdir -p "$W/tls" "$W/web/files"
	new_key -x509 -keyout "$W/tls/ca.key" -out "$W/tls/ca.pem" -days 2 -subj /CN=throw-away
	new_key -keyout "$W/tls/server.key" -out "$W/tls/server.csr" -subj /CN=localhost
	certificate good localhost 2
	cp "$DIST/mongosync-debian12-x86_64-$TO.tgz" "$W/web/files/new.tgz"
	ARCHIVE=$W/web/files/new.tgz
	SIZE=$(stat -c %s "$ARCHIVE")
	SHA=$(sha256sum "$ARCHIVE" | cut -d' ' -f1)
	CACHE=$W/cache
	serve good
	WEB=https://localhost:$REPLY
	artifact
}

# artifact [KEYS]: the fleet's; by default the server's archive
# shellcheck disable=SC2120 # tests give them
artifact() {
	good_fleet
	edit_fleet "s#^artifact: .*#artifact: {${1:-url: \"$WEB/new.tgz\", sha256: $SHA}, ca: $W/tls/ca.pem, cache_dir: $CACHE, stall: ${STALL:-20}, tries: ${TRIES:-2}}#"
}

NONCE=0
fault() { # NAME JSON: from now on, and counted anew
	NONCE=$((NONCE + 1))
	jq -nc --arg name "$1" --argjson fault "$2" --argjson n $NONCE '{($name): ($fault + {n: $n})}' >"$W/web/faults.new"
	mv "$W/web/faults.new" "$W/web/faults.json"
}

healthy() { rm -f "$W/web/faults.json" "$W/web/go"; : >"$W/web/log.ndjson"; }
fresh() { healthy; rm -rf "$CACHE"; } # nothing was ever fetched

# asked COUNT FILTER: so many requests since, of which jq says so
asked() {
	local count
	count=$(jq -sc "[.[] | select($2)] | length" "$W/web/log.ndjson")
	[ "$count" = "$1" ] || fail "$count requests, not $1, with $2: $(cat "$W/web/log.ndjson")"
}

partial_bytes() { stat -c %s "$CACHE/.partial-$SHA" 2>/dev/null || printf 'none'; }
expect_partial() { # bytes, or none
	[ "$(partial_bytes)" = "$1" ] || fail "$2: $(partial_bytes) bytes are kept, not $1"
}
expect_cached() {
	cmp -s "$ARCHIVE" "$CACHE/$SHA.tgz" || fail "$1: the archive is not in the cache"
	expect_partial none "$1"
}
expect_not_cached() { [ ! -e "$CACHE/$SHA.tgz" ] || fail "$1: it is in the cache"; }

# says_no CHECK REGEX WHAT: plan alone refuses, and touches nothing of the fleet
says_no() {
	remember
	syncup plan "$W/fleet.yaml"
	expect_code 3 "$3"
	expect_refusal "$W/out.syncup" "$1" "$2" "$3"
	grep -A1 -E "^refusal  $1 " "$W/out.syncup" | grep -q -- '-> ' || fail "$3: it does not say what to do"
	expect_untouched "$3"
	expect_not_cached "$3"
}
