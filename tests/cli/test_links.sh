#!/usr/bin/env bash
# Links that are not ours to turn: exit 3, and not a byte of them changed.
. "$(dirname "$0")/cli.sh"

# refused_link PATH REGEX WHAT
refused_link() {
	local before
	before=$(stat -c '%i %Y %Z %s %F' "$1" 2>/dev/null || printf 'nothing')
	edit_fleet "s#^link: .*#link: $1#"
	refused "$3" link "$2"
	[ "$before" = "$(stat -c '%i %Y %Z %s %F' "$1" 2>/dev/null || printf 'nothing')" ] || fail "$3 was changed"
	good_fleet
}

quick_world 1
printf 'not a program\n' >"$W/bin/notes"
refused_link "$W/bin/notes" "test: $W/bin/notes is neither an executable nor a link into $W/root/versions$" "a foreign file"
mkdir "$W/bin/folder"
refused_link "$W/bin/folder" "test: $W/bin/folder is neither" "a folder"
ln -s /bin/true "$W/bin/pointer"
refused_link "$W/bin/pointer" "test: $W/bin/pointer is neither" "a foreign link"
refused_link "$W/none/mongosync" "test: .*$W/none" "a link in no folder"
if command -v dpkg >/dev/null && dpkg -S /usr/bin/env >/dev/null 2>&1; then
	refused_link /usr/bin/env 'test: /usr/bin/env belongs to the package "coreutils"' "a packaged path"
else
	printf 'skipped: no dpkg\n'
fi

# An argv that does not go through the link could be started behind our back.
edit_fleet "s#$W/shard0.conf}#$W/shard0.conf, spawn: {argv: [$W/bin/other, --config, $W/shard0.conf]}}#"
cp "$W/bin/mongosync" "$W/bin/other"
refused "an argv beside the link" link "shard0: argv starts $W/bin/other, which is not reached through the link $W/bin/mongosync$"
[ ! -e "$(journal)" ] || fail "a journal was begun"
