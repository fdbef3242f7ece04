#!/usr/bin/env bash
# The new version says something that is no UTF-8, and dies of it: that comes
# into the journal all the same, and the lane turns back.
. "$(dirname "$0")/lib.sh"

simple_world light 1
mkdir -p "$W/new/mongosync-x/bin" "$W/dist"
cat >"$W/new/mongosync-x/bin/mongosync" <<'END'
#!/bin/sh
[ "$1" = --version ] && echo "mongosync 1.13.0" && exit 0
printf 'das war nicht sch\366n, \303\n'
exit 3
END
chmod 755 "$W/new/mongosync-x/bin/mongosync"
tar -czf "$W/dist/mongosync-debian12-x86_64-$TO.tgz" -C "$W/new" mongosync-x
DIST=$W/dist
fleet
syncup run "$W/fleet.yaml"
expect_code 9 "run"
said 'das war nicht sch\?n, \?'
expect_back
"$SYNCUP" journal verify "$W/fleet.yaml" >/dev/null || fail "the journal does not verify"
