#!/usr/bin/env bash
# A lane: is it whole, is it alone, is there a way back, and is its link ours to
# turn?
. "$(dirname "$0")/guards.sh"

destination() {
	cp "$W/shard0.conf" "$W/good.conf"
	sed -i "s#^cluster1: .*#cluster1: \"light:$W/nowhere\"#" "$W/shard0.conf"
	refuses destination '[^ ]+: cannot be asked who it is: .*cannot be reached' "a destination that is not there"
	cp "$W/good.conf" "$W/shard0.conf"
}

# The metadata names an instance that the fleet lacks.
complete() {
	edit_fleet '/name: shard1/d'
	refuses complete "test: the sync's metadata names \"shard1\", which no instance of this lane" \
		"a lane that lacks an instance"
	edit_fleet "\$a lane_complete: assumed"
	warns complete "test: the sync's metadata names \"shard1\""
	good_fleet
}

coordinator() {
	behave shard1 '{"progress": "other_lane", "noop_ms": 200}'
	refuses coordinator 'test: its instances report two coordinators, "shard0" and ' "two coordinators"
	behave shard1 '{"noop_ms": 200}'
}

# link PATH REGEX WHAT: not a byte of it may change
link() {
	local before
	before=$(stat -c '%i %Y %Z %s %F' "$1" 2>/dev/null || printf 'nothing')
	edit_fleet "s#^link: .*#link: $1#"
	refuses link "$2" "$3"
	[ "$before" = "$(stat -c '%i %Y %Z %s %F' "$1" 2>/dev/null || printf 'nothing')" ] || fail "$3 was changed"
	good_fleet
}

links() {
	printf 'not a program\n' >"$W/bin/notes"
	link "$W/bin/notes" "test: $W/bin/notes is neither an executable nor a link into $W/root/versions$" "a foreign file"
	mkdir "$W/bin/folder"
	link "$W/bin/folder" "test: $W/bin/folder is neither" "a folder"
	ln -s /bin/true "$W/bin/pointer"
	link "$W/bin/pointer" "test: $W/bin/pointer is neither" "a foreign link"
	link "$W/none/mongosync" "test: .*$W/none" "a link in no folder"
	if command -v dpkg >/dev/null && dpkg -S /usr/bin/env >/dev/null 2>&1; then
		link /usr/bin/env 'test: /usr/bin/env belongs to the package "coreutils"' "a packaged path"
	else
		printf 'skipped: no dpkg\n'
	fi
	# An argv that does not go through the link could be started behind our back.
	edit_fleet "s#$W/shard0.conf}#$W/shard0.conf, spawn: {argv: [$W/bin/other, --config, $W/shard0.conf]}}#"
	cp "$W/bin/mongosync" "$W/bin/other"
	refuses link "shard0: argv starts $W/bin/other, which is not reached through the link $W/bin/mongosync$" \
		"an argv beside the link"
	good_fleet
}

one_lane() {
	quick_world 2
	planned "a destination that does not say who it is"
	also destination 'test: it does not tell its own identity'
	also complete 'test: 2 of 2 instances'
	also coordinator 'test: "shard0", by all that tell one'
	also link "test: $W/bin/mongosync will be adopted"
	also pause 'test: what is saved can be put back'
	printf 'cluster:aa\n' >"$W/destination/identity"
	passes destination 'test: cluster:aa'
	edit_fleet "\$a pause: never"
	warns pause 'test: pause: never means that saved metadata cannot be put back'
	good_fleet
	destination
	complete
	coordinator
	links
	[ ! -e "$(journal)" ] || fail "a journal was begun"
}

# Two syncs; the second goes into a destination of its own.
two_syncs() {
	world light
	IDS=()
	mkdir -p "$W/destination2"
	instance one -
	DESTINATION=light:$W/destination2
	instance two -
	unpack_version "$FROM"
	start_all
	fleet
	refuses link "two: lane one is started through the same link $W/bin/mongosync" "two migrations on one link"
	said "$W/root/two/current"
	# The fleet file joins them, and one runs another version.
	unpack_version 1.13.0 "$W/elsewhere"
	mv "$W/elsewhere/mongosync" "$W/bin/elsewhere"
	stays_dead two
	launch two "$W/bin/elsewhere"
	wait_state two RUNNING
	EXTRA=([one]=', lane: both' [two]=', lane: both')
	fleet
	refuses version 'both: its processes run different versions: one runs 1.12.0, two runs 1.13.0$' "two versions in a lane"
}

downgrade() {
	world light
	FROM=1.13.0 TO=1.12.0
	IDS=()
	instance shard0 -
	unpack_version $FROM
	start_all
	fleet
	refuses version 'test: 1.13.0 to 1.12.0 is a downgrade' "a downgrade"
}

scenario "one lane" one_lane
scenario "two syncs" two_syncs
scenario "a downgrade" downgrade
scenarios_end
