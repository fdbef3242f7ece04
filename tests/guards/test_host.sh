#!/usr/bin/env bash
# This host: the new version's archive, whose things these are, and room.
. "$(dirname "$0")/guards.sh"

# artifact FILE: the fleet asks for this archive
artifact() {
	edit_fleet "s#^artifact: .*#artifact: {file: \"$1\", sha256: $(sha256sum "$1" | cut -d' ' -f1)}#"
}

artifacts() {
	edit_fleet 's/sha256: [0-9a-f]\{8\}/sha256: 00000000/'
	refuses artifact '[^ ]+.tgz: has SHA-256 [0-9a-f]{64}, not 00000000' "a wrong checksum"
	good_fleet
	edit_fleet 's#file: "[^"]*"#file: /nowhere/mongosync.tgz#'
	refuses artifact '/nowhere/mongosync.tgz: .*No such file or directory' "a missing artifact"
	good_fleet
	edit_fleet 's/^version: .*/version: 1.14.0/'
	refuses artifact '.*says version 1.13.0, the fleet asks for 1.14.0$' "an artifact of another version"
	good_fleet

	mkdir -p "$W/pack/top/bin"
	printf 'no program\n' >"$W/pack/top/README"
	tar -czf "$W/empty.tgz" -C "$W/pack" top
	artifact "$W/empty.tgz"
	refuses artifact '[^ ]+: the archive has no executable file named mongosync$' "an artifact without mongosync"
	printf 'no program\n' >"$W/pack/top/bin/mongosync"
	tar -czf "$W/data.tgz" -C "$W/pack" top
	artifact "$W/data.tgz"
	refuses artifact '[^ ]+: .*"top/bin/mongosync" is not executable$' "a mongosync that is no executable"
	printf '#!/bin/sh\nexit 1\n' >"$W/pack/top/bin/mongosync"
	chmod 755 "$W/pack/top/bin/mongosync"
	tar -czf "$W/dumb.tgz" -C "$W/pack" top
	artifact "$W/dumb.tgz"
	refuses artifact '[^ ]+: top/bin/mongosync --version names no version' "a mongosync that does not tell its version"
	printf 'no archive\n' >"$W/text.tgz"
	artifact "$W/text.tgz"
	refuses artifact '[^ ]+text.tgz: the archive cannot be read: ' "a text file"
	good_fleet
}

# The destination says how much of it there is to be copied.
room() {
	local faults=$W/destination/helper_faults.json
	printf '{"bytes": 8000000000000000}\n' >"$faults"
	refuses room '[^ ]+/state: [0-9.]+ MiB needed .*copy of the metadata' "a disk that is too small"
	printf '{"bytes": -1}\n' >"$faults"
	warns room 'how large .* cannot be told'
	rm "$faults"
}

# Another fleet's run was begun, and has not ended.
claims() {
	local owner
	die_at "before pause"
	owner=$(run_id)
	edit_fleet 's/^name: .*/name: other/'
	refuses claim "shard0: it belongs to run $owner of fleet test, begun from host [^ ]+ \(state in $W/state/test\)$" \
		"claims of another run" 4
	expect_refusal "$W/out.syncup.err" claim "$W/bin/mongosync: it belongs to run $owner" "the link's claim"
}

quick_world 1
planned "all is well"
also artifact '.*sha256 as given, runs here, says version 1.13.0'
also room '.* MiB free'
also claim 'shard0: no run owns it'
artifacts
room
[ ! -e "$(journal)" ] || fail "a journal was begun"
claims
