#!/usr/bin/env bash
# A download that breaks: what came is kept, gone on with, and never taken for the
# archive before its digest is right.  Nothing of the fleet is touched meanwhile.
. "$(dirname "$0")/fetching.sh"

plain() {
	fresh
	planned "an archive that is to be fetched"
	also artifact "$WEB/new.tgz: fetched, sha256 as given, runs here, says version $TO"
	grep -qx "syncup: fetching $WEB/new.tgz" "$W/out.syncup.err" || fail "it does not say that it fetches"
	expect_cached "plan"
	asked 1 '.status == 200'
	syncup plan --json "$W/fleet.yaml"
	expect_code 0 "plan with a cache"
	[ ! -s "$W/out.syncup.err" ] || fail "it spoke of what is in the cache"
	found pass artifact 'in the cache' || fail "not taken from the cache"
	asked 1 true
	printf 'rotten' >>"$CACHE/$SHA.tgz"
	syncup plan "$W/fleet.yaml"
	expect_code 0 "plan with a damaged cache"
	expect_cached "a damaged cache"
	asked 2 '.status == 200'
}

cut_once() {
	fresh
	fault new.tgz '{"kind": "cut", "after": 20000, "times": 1}'
	syncup plan "$W/fleet.yaml"
	expect_code 0 "cut once"
	expect_cached "cut once"
	asked 1 '.status == 200 and .sent == 20000'
	asked 1 ".status == 206 and .from == 20000 and .sent == $((SIZE - 20000))"
}

cut_for_ever() {
	fresh
	fault new.tgz '{"kind": "cut", "after": 10000}'
	says_no artifact "$WEB/new.tgz: .* \(tried 2 times\)" "cut for ever"
	expect_partial 20000 "cut for ever"
	healthy
	syncup plan "$W/fleet.yaml"
	expect_code 0 "after the cuts"
	said "from byte 20000 on"
	expect_cached "after the cuts"
	asked 1 ".status == 206 and .from == 20000 and .sent == $((SIZE - 20000))"
	asked 1 true
}

without_ranges() {
	fresh
	fault new.tgz '{"kind": "cut", "after": 20000, "times": 1}'
	TRIES=1 artifact
	says_no artifact "$WEB/new.tgz" "cut, and one try"
	fault new.tgz '{"kind": "no_range"}'
	syncup plan "$W/fleet.yaml"
	expect_code 0 "a server without ranges"
	expect_cached "a server without ranges"
	asked 1 ".range == \"bytes=20000-\" and .status == 200 and .sent == $SIZE"
	fresh
	fault new.tgz '{"kind": "cut", "after": 20000, "times": 1}'
	says_no artifact "$WEB/new.tgz" "cut, and one try"
	fault new.tgz '{"kind": "odd_range"}'
	says_no artifact "$WEB/new.tgz: the server answers 206 with something that was not asked for" "another range"
	artifact
}

# Between two parts the file becomes another: parts of two are never put together.
changed_between() {
	fresh
	fault new.tgz '{"kind": "cut", "after": 20000, "times": 1}'
	TRIES=1 artifact
	says_no artifact "$WEB/new.tgz" "cut, and one try"
	cp "$ARCHIVE" "$W/kept.tgz"
	head -c "$SIZE" /dev/urandom >"$W/web/files/other" && mv "$W/web/files/other" "$ARCHIVE"
	healthy
	says_no artifact "$WEB/new.tgz: what came has SHA-256 [0-9a-f]{64}, not $SHA as it should, and was removed" "changed between"
	expect_partial none "changed between"
	asked 1 '.status == 206'
	asked 1 '.status == 200'
	cp "$W/kept.tgz" "$ARCHIVE"
	# What was left is of another file: the whole one is asked for, and is right.
	head -c 30000 /dev/urandom >"$CACHE/.partial-$SHA"
	syncup plan "$W/fleet.yaml"
	expect_code 0 "another file's rest"
	expect_cached "another file's rest"
	rm -rf "$CACHE" && mkdir -p "$CACHE"
	head -c $((SIZE + 5)) /dev/urandom >"$CACHE/.partial-$SHA"
	TRIES=2 artifact
	syncup plan "$W/fleet.yaml"
	expect_code 0 "a rest that is longer than the file"
	expect_cached "a rest that is longer than the file"
	# It lacked only its name.
	healthy
	mv "$CACHE/$SHA.tgz" "$CACHE/.partial-$SHA"
	syncup plan "$W/fleet.yaml"
	expect_code 0 "a whole file without its name"
	expect_cached "a whole file without its name"
	asked 0 true
	artifact
}

wrong_bodies() {
	fresh
	artifact "url: \"$WEB/new.tgz\", sha256: ${SHA//[0-7]/a}"
	refuses artifact "$WEB/new.tgz: what came has SHA-256 $SHA, not [0-9a-f]{64} as it should, and was removed" "a wrong digest"
	[ -z "$(find "$CACHE" -type f)" ] || fail "a wrong digest: something is kept"
	artifact
	fresh
	fault new.tgz '{"kind": "short", "after": 100}'
	says_no artifact "$WEB/new.tgz: what came has SHA-256" "a truncated file"
	expect_partial none "a truncated file"
	fault new.tgz '{"kind": "empty"}'
	says_no artifact "$WEB/new.tgz: what came has SHA-256 e3b0c44298fc1c14" "an empty file"
	fault new.tgz '{"kind": "huge_length"}'
	says_no artifact "$WEB/new.tgz: it is larger than 512.0 MiB" "a length of 4 GiB"
	expect_partial none "a length of 4 GiB"
	fault new.tgz '{"kind": "endless"}'
	says_no artifact "$WEB/new.tgz: it is larger than 512.0 MiB" "an endless body"
	expect_partial none "an endless body"
}

slow() {
	fresh
	STALL=1 TRIES=1 artifact
	fault new.tgz '{"kind": "stall", "after": 20000}'
	says_no artifact "$WEB/new.tgz: nothing came for 1 s" "a server that stalls"
	expect_partial 20000 "a server that stalls"
	artifact
	edit_fleet 's/timeouts: {/&deliver: 2, /'
	fault new.tgz '{"kind": "drip"}'
	says_no artifact "$WEB/new.tgz: it took longer than timeouts.deliver allows" "a byte at a time"
	artifact
}

statuses() {
	fresh
	mv "$ARCHIVE" "$W/kept.tgz"
	says_no artifact "$WEB/new.tgz: the server answers 404 \(not found\)" "a file that is not there"
	mv "$W/kept.tgz" "$ARCHIVE"
	asked 1 '.status == 404'
	fault new.tgz '{"kind": "status", "code": 500}'
	says_no artifact "$WEB/new.tgz: the server answers 500 \(tried 2 times\)" "500"
	asked 2 '.status == 500'
	fault new.tgz '{"kind": "status", "code": 500, "times": 1}'
	syncup plan "$W/fleet.yaml"
	expect_code 0 "500, then good"
	expect_cached "500, then good"
}

kept_at_least() { [ "$(partial_bytes)" != none ] && [ "$(partial_bytes)" -ge "$1" ]; }

killed() {
	local pid
	fresh
	fault new.tgz '{"kind": "hold", "after": 20000}'
	remember
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.run" 2>&1 </dev/null &
	pid=$!
	until_true 30 kept_at_least 20000 || fail "nothing comes"
	kill -KILL $pid
	wait $pid 2>/dev/null || true
	expect_untouched "killed while it fetches"
	[ ! -e "$(journal)" ] || fail "a journal was begun"
	touch "$W/web/go"
	until_true 10 grep -q . "$W/web/log.ndjson" || fail "the server does not end"
	healthy
	syncup run "$W/fleet.yaml"
	expect_code 0 "the same command again"
	asked 1 ".status == 206 and .from == 20000 and .sent == $((SIZE - 20000))"
	asked 1 true
	expect_upgraded
	expect_effects 1 '.event == "signal"'
}

killed_at_points() {
	local point
	for point in "fetch: wrote" "fetch: sync" "fetch: synced" "install: renamed"; do
		fresh
		fault new.tgz '{"kind": "cut", "after": 20000, "times": 1}'
		die_at "$point"
		[ ! -e "$(journal)" ] || fail "a journal was begun before $point"
		syncup plan "$W/fleet.yaml"
		expect_code 0 "after a death at $point"
		expect_cached "after a death at $point"
		expect_effects 0 '.event == "signal"'
	done
}

two_at_once() {
	local first second
	fresh
	fault new.tgz '{"kind": "hold", "after": 20000}'
	"$SYNCUP" plan "$W/fleet.yaml" >"$W/out.first" 2>&1 </dev/null &
	first=$!
	until_true 30 kept_at_least 20000 || fail "nothing comes"
	"$SYNCUP" plan "$W/fleet.yaml" >"$W/out.second" 2>&1 </dev/null &
	second=$!
	until_true 30 grep -q '^syncup: another syncup fetches the same' "$W/out.second" || fail "it does not wait"
	touch "$W/web/go"
	wait $first || fail "the first of two"
	wait $second || fail "the second of two"
	expect_cached "two at once"
	asked 1 true
	grep -q '^pass     artifact .*: in the cache' "$W/out.second" || fail "the second fetched it again"
}

# On a terminal it is one line, rewritten, and still not among the findings.
on_a_terminal() {
	command -v script >/dev/null || { printf 'skipped: no script\n'; return; }
	fresh
	SYNCUP_PLAN="'$SYNCUP' plan --json '$W/fleet.yaml' >'$W/out.json'" \
		script -qefc 'eval "$SYNCUP_PLAN"' "$W/out.terminal" >/dev/null </dev/null || fail "plan on a terminal"
	grep -qaE $'\rsyncup: fetching new.tgz: [0-9.]+ of [0-9.]+ MiB, 100 %, [0-9.]+ MiB/s' "$W/out.terminal" ||
		fail "no progress is shown: $(cat "$W/out.terminal")"
	jq -e '.refused == false' "$W/out.json" >/dev/null || fail "what it prints is no JSON"
}

# A disk that is full, in a mount of its own.
full_disk() {
	local real=$SYNCUP
	fresh
	unshare -m mount -t tmpfs tmpfs /mnt 2>/dev/null || { printf 'skipped: no mounts\n'; return; }
	mkdir -p "$CACHE"
	printf '#!/bin/sh\nmount -t tmpfs -o size=16k tmpfs "%s" && exec "%s" "$@"\n' "$CACHE" "$real" >"$W/small"
	printf '#!/bin/sh\nexec unshare -m "%s" "$@"\n' "$W/small" >"$W/syncup.small"
	chmod 755 "$W/small" "$W/syncup.small"
	SYNCUP=$W/syncup.small
	says_no artifact "$WEB/new.tgz: .*No space left on device" "a full disk"
	said 'make room there, or name another folder by cache_dir:'
	SYNCUP=$real
}

https_world
plain
on_a_terminal
full_disk
cut_once
cut_for_ever
without_ranges
changed_between
wrong_bodies
slow
statuses
two_at_once
killed_at_points
killed
