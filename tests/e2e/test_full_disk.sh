#!/usr/bin/env bash
# A disk that is really full: a small ext4 of its own, filled before the run and
# at each stage of it.  What can be known beforehand is refused before anything
# is touched; later the run ends with the resumable code and says what was full,
# or goes on with the room that it had reserved.  Once there is room the plain
# command finishes, and nothing is done twice.
#
# The disk is a file, mounted in a namespace of this test alone.
if [ ! "${FULL_DISK_NAMESPACE:-}" ]; then
	if ! command -v mkfs.ext4 >/dev/null || ! unshare -m --propagation private true 2>/dev/null; then
		printf 'skipped: a file system cannot be mounted here (root and e2fsprogs are needed)\n'
		exit 77
	fi
	FULL_DISK_NAMESPACE=1 exec unshare -m --propagation private bash "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
AT_ONCE=$((AT_ONCE * 2)) # they mostly wait

# mount_disk: $W/disk is an ext4 of 64 MiB.  It goes when the world goes.
mount_disk() {
	mkdir "$W/disk"
	truncate -s 64M "$W/disk.image"
	mkfs.ext4 -q -m 0 -O ^has_journal "$W/disk.image"
	mount -o loop "$W/disk.image" "$W/disk" || { printf 'cannot mount\n' >&2; exit 77; }
	trap disk_away EXIT
}

disk_away() {
	local code=$?
	canary || code=1
	until_true 10 none_is_left || code=1
	umount "$W/disk" || umount -l "$W/disk" || code=1
	rm -f "$W/disk.image"
	(exit "$code") || { clean_up; } # which takes the code
	clean_up
}

# world_on WHAT...: of state and root, what is on the disk; the rest is not.
# The metadata has something to copy: two megabytes.
world_on() {
	local what
	world light
	instances 1
	unpack_version "$FROM"
	mount_disk
	for what; do
		rmdir "$W/$what"
		mkdir "$W/disk/$what"
		ln -s "disk/$what" "$W/$what"
	done
	start_all
	ON_FAILURE=stop fleet
	sed -i 's/ stop: 20/ stop: 4/; s/movement: 10/movement: 1/' "$W/fleet.yaml"
	head -c 1500000 /dev/zero | base64 -w 1000 | sed 's/.*/{"_id": "&"}/' \
		>"$W/destination/mongosync_reserved_for_internal_use/large.ndjson"
}

fill() { # [KiB that stay free]
	dd if=/dev/zero of="$W/disk/fill" bs=64k 2>/dev/null || true
	dd if=/dev/zero of="$W/disk/fill2" bs=1k 2>/dev/null || true
	[ ! "${1:-}" ] || truncate -s "-${1}K" "$W/disk/fill"
	sync -f "$W/disk/fill"
}
make_room() { rm -f "$W/disk/fill" "$W/disk/fill2"; }

nothing_was_touched() {
	expect_effects 0 '.event == "paused" or .event == "signal" or .event == "resumed"'
	expect_no_claims
}

finish() {
	make_room
	syncup run "$W/fleet.yaml"
	expect_code 0 "the plain command with room again"
	expect_upgraded
	expect_effects 1 '.event == "paused"'
	expect_effects 1 '.event == "signal"'
	expect_effects 1 '.event == "resumed"'
	expect_effects 1 ".event == \"started\" and .version == \"$TO\""
	"$SYNCUP" journal verify "$W/fleet.yaml" >/dev/null || fail "the journal does not verify"
	[ -z "$(find "$W/state/test/metadata/" -name '*.partial' -o -name '.room-*')" ] || fail "room is still held"
}

full_before() { # KiB free, what is said, what is on the disk...
	world_on "${@:3}"
	fill "$1"
	syncup plan "$W/fleet.yaml"
	expect_code 3 "plan on a full disk"
	syncup run "$W/fleet.yaml"
	expect_code 3 "run on a full disk"
	said "$2"
	said 'refused before anything was touched'
	nothing_was_touched
	[ ! -e "$W/state/test/run.journal" ] || fail "a run was begun"
	finish
}

# Not even what a look at it needs: it says so, and nothing else happens.
nothing_free() {
	world_on state root
	fill
	syncup run "$W/fleet.yaml"
	[ "$CODE" = 8 ] || [ "$CODE" = 3 ] || fail "exit $CODE on a disk without a byte"
	nothing_was_touched
	finish
}

# It ended as it may: with 8 and a word about the disk; or it needed no room, or
# had it.
ended_well() {
	[ "$CODE" != 0 ] || return 0
	[ "$CODE" = 8 ] || fail "exit $CODE on a full disk"
	said 'No space left on device'
	said 'Type: syncup run'
}

full_at() { # crash point, what is on the disk...
	world_on "${@:2}"
	die_at "$1"
	fill
	syncup run "$W/fleet.yaml"
	ended_well
	printf '%s, full at "%s": exit %s\n' "${*:2}" "$1" "$CODE"
	finish
}

# What was reserved is there: the run goes to its end on the full disk.
reserved_at() { # crash point
	world_on state
	die_at "$1"
	fill
	syncup run "$W/fleet.yaml"
	expect_code 0 "with what was reserved, full at $1"
	finish
}

# The supervisor lives while the disk fills.
filled_during() { # step
	world_on state root
	behave shard0 '{"pause_ms": 1500, "stop_ms": 1500, "silence_ms": 1500, "resume_ms": 1500}'
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null &
	local pid=$!
	until_true 20 eval "[ \"\$(jq_journal '.kind == \"intent\" and .step == \"$1\"')\" != 0 ]" ||
		fail "it never came to $1"
	fill
	CODE=0
	wait $pid || CODE=$?
	ended_well
	printf 'filled during %s: exit %s\n' "$1" "$CODE"
	finish
}

# What cron types each minute says so once, looks again after a while, and goes on
# when there is room: nobody has to type anything.
each_minute() { # CODE WHAT
	syncup run --scheduled --unfinished "$W/fleet.yaml"
	expect_code "$1" "$2"
}
expect_silence() { if [ -s "$W/out.syncup" ] || [ -s "$W/out.syncup.err" ]; then fail "it spoke: $1"; fi; }
minutes_pass() { touch -m -d "$1 minutes ago" "$W/state/test/disk-failed"; }
by_cron() { # crash point, what is on the disk...
	world_on "${@:2}"
	die_at "$1"
	fill
	each_minute 8 "the first time"
	said 'No space left on device'
	each_minute 8 "the next minute"
	expect_silence "the next minute"
	minutes_pass 11
	each_minute 8 "still full"
	expect_silence "still full"
	make_room
	minutes_pass 5
	each_minute 8 "soon after"
	expect_silence "soon after"
	minutes_pass 11
	each_minute 0 "with room again"
	[ ! -e "$W/state/test/disk-failed" ] || fail "the mark stays"
	expect_upgraded
	expect_effects 1 '.event == "paused"'
	expect_effects 1 '.event == "signal"'
}

scenario "full before, for the state" full_before 4096 'refusal +room .*journal 8.0, copy of the metadata' state
scenario "full before, for the version" full_before 1024 'refusal +room .*new version' root
scenario "full before, for both" full_before 12288 'refusal +room .*metadata .*new version' state root
scenario "not a byte free" nothing_free
for point in "after claim" "before deliver" "before pause" "before hold" "before stop" "before save" \
	"before activate" "before start" "before resume" "before settle" "before release"; do
	scenario "full at: $point" full_at "$point" state root
done
scenario "full at: before hold, only the root" full_at "before hold" root
for point in "after claim" "before hold" "before start"; do scenario "by cron: $point" by_cron "$point" state root; done
for point in "before pause" "before save"; do scenario "reserved: $point" reserved_at "$point"; done
for step in pause stop start resume; do scenario "filled during $step" filled_during "$step"; done
scenarios_end
