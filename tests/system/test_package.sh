#!/usr/bin/env bash
# The Debian package on a host: installed, used by the user it makes, upgraded in
# the middle of a run, not removed in the middle of one, removed, purged.  What
# works is what the package brings: syncup and its helper, units, polkit's rule,
# sysusers, tmpfiles.  The databases are real, and run on the host.
TOP=$(cd "$(dirname "$0")/../.." && pwd)
[ "${BENCH_INSIDE:-}" ] || "$TOP/deploy/bootstrap.sh" package >/dev/null || exit 1
# shellcheck source-path=SCRIPTDIR source=world.sh
. "$(dirname "$0")/world.sh"

DEB=$(echo "$TOP"/build/release/syncup_*.deb)
NEWER=$BENCH/newer.deb
STATE=/var/lib/syncup

eval "fail_of_lib() $(declare -f fail | tail -n +2)"
fail() { # with what the units of ours said
	on ops journalctl -q --no-pager -o cat -u 'syncup*' >"$W/out.units" 2>&1 || true
	fail_of_lib "$@"
}

# newer_package VERSION: the same program that says another version of the same
# length, as built from a later commit
newer_package() {
	local dir=$BENCH/newer
	dpkg-deb -R "$DEB" $dir
	OLD=$(sed -n 's/^Version: //p' $dir/DEBIAN/control)
	[ ${#OLD} = ${#1} ] || fail "$1 is longer than $OLD"
	sed -i "s/^Version: .*/Version: $1/" $dir/DEBIAN/control
	sed -i "s/${OLD//./\\.}\x00/$1\x00/g" $dir/usr/bin/syncup
	"$dir/usr/bin/syncup" version | grep -qx "syncup $1" || fail "the newer package's program is not $1"
	(cd $dir && find usr -type f -print0 | xargs -0 md5sum >DEBIAN/md5sums)
	dpkg-deb --root-owner-group -b $dir $NEWER >/dev/null
}

put() { on ops sh -c "cat >'$1'"; } # PATH: standard input, as that file of the host

install_package() { # file: as an administrator would
	put /root/package.deb <"$1"
	on ops dpkg -i /root/package.deb >"$W/out.dpkg" 2>&1 || fail "dpkg -i $1"
	! grep -qi 'warning\|syncup:' "$W/out.dpkg" || fail "the installation complains"
}

dpkg_says() { # CODE REGEX argument...: dpkg ends so
	local code=0 want=$1 regex=$2
	shift 2
	on ops dpkg "$@" >"$W/out.dpkg" 2>&1 || code=$?
	[ $code = "$want" ] || fail "dpkg $* ended with $code, not $want"
	grep -qE -e "$regex" "$W/out.dpkg" || fail "dpkg $* did not say: $regex"
}

allowed() { as ops "$@" >"$W/out.allowed" 2>&1 || fail "not allowed: $*"; }
refused() { # USER command...
	! as ops "$@" >"$W/out.refused" 2>&1 || fail "allowed, and must not be: $*"
	grep -qE 'Access denied|Interactive authentication required|Permission denied|not permitted' "$W/out.refused" ||
		fail "refused for another reason: $*"
}

# What a package could leave behind: all that is called like it, or was changed
# where packages have no business.  Versions and the test's own things are not its.
traces() { all_traces | LC_ALL=C sort; }
all_traces() {
	on ops find / -xdev \( -path "$TOP" -o -path $BENCH -o -path /proc -o -path /var/log -o -path /var/cache/man -o -path $ROOT \
		-o -path /root/package.deb \) -prune -o -name '*syncup*' -print
	on ops find /etc/systemd /etc/polkit-1 /etc/cron.d /usr/lib/systemd/system ! -type d -printf '%p %l\n' | grep -v mongosync
}

# --- what is there after the installation

test_installed() {
	expect 'syncup syncup 700' on ops stat -c '%U %G %a' $STATE
	expect 'root root 755' on ops stat -c '%U %G %a' /etc/syncup
	expect "syncup $OLD" on ops syncup version
	[ "$(on ops getent passwd syncup | cut -d: -f6,7)" = "$STATE:/usr/sbin/nologin" ] || fail "the user is another"
	on ops man -w syncup syncup-fleet >/dev/null || fail "no man pages"
	on ops dpkg --verify syncup || fail "files are not as packed"
	# Nothing works by itself.
	[ -z "$(on ops systemctl list-units --plain --no-legend --all 'syncup*' | grep -v '^system-syncup')" ] ||
		fail "units are active: $(on ops systemctl list-units --plain --no-legend --all 'syncup*')"
	[ -z "$(on ops find /etc/systemd/system -name 'syncup*')" ] || fail "units are enabled"
	on ops systemd-analyze verify syncup@test.service syncup@test.timer syncup-continue@test.service syncup-failed@test.service >"$W/out.verify" 2>&1 ||
		fail "the units do not verify"
}

# As polkit and systemd answer, not as the rule reads.
test_rights() {
	local unit
	for unit in mongosync mongosync@x mongosync-y mongosyncx other; do
		printf '[Service]\nExecStart=/bin/sleep 1000\n' | put "/etc/systemd/system/$unit.service"
	done
	on ops systemctl daemon-reload
	for unit in mongosync mongosync@x mongosync-y; do
		allowed syncup systemctl start $unit.service
		allowed syncup systemctl reset-failed $unit.service
		allowed syncup systemctl stop $unit.service
		refused alice systemctl start $unit.service
	done
	for unit in mongosyncx other; do refused syncup systemctl start $unit.service; done
	refused syncup systemctl stop ssh.service
	refused syncup systemctl enable mongosync.service
	refused syncup systemctl set-property mongosync.service MemoryMax=1G
	refused syncup systemctl daemon-reload
	refused syncup systemd-run --no-ask-password /bin/true
	refused syncup systemctl poweroff
	# Another user gets the same rights by the group.
	on ops usermod -aG syncup alice
	allowed alice systemctl start mongosync@x.service
	refused alice systemctl stop ssh.service
	on ops gpasswd -d alice syncup >/dev/null
	on ops systemctl stop mongosync@x.service
	for unit in mongosync mongosync@x mongosync-y mongosyncx other; do
		on ops rm "/etc/systemd/system/$unit.service"
	done
	on ops systemctl daemon-reload
}

# --- a world whose databases are real

database_on_ops() { # name, port: its URI in REPLY
	mkdir -p "$W/$1"
	on ops setsid "$W/database" --dir "$W/$1" --port "$2" --ready-file "$W/$1.ready" \
		>"$W/out.$1" 2>&1 </dev/null &
	disown
	until_true 30 test -s "$W/$1.ready" || fail "the $1 database does not come up"
	REPLY="mongodb://sync:$SECRET@127.0.0.1:$2/?authMechanism=PLAIN"
}

package_world() {
	local name
	cp "$DATABASE" "$W/database"
	database_on_ops source 27017 && SOURCE=$REPLY
	database_on_ops destination 27018 && DESTINATION=$REPLY
	LANES=(north)
	mkdir "$W/north"
	: >"$W/north/effects.ndjson"
	for name in north0 north1; do HOST_OF[$name]=ops LANE_OF[$name]=north; done
	for name in north0 north1; do sync_process $name 2; done
	chown -R "$SYNC_ID:$SYNC_ID" "$W"
	# What syncup needs beside the package: to read the processes' files and to
	# write where versions are.
	on ops chgrp -R syncup /etc/mongosync
	on ops chmod -R g+rX /etc/mongosync
	on ops chown -R syncup:syncup $ROOT
	on ops mkdir -p /srv/archives
	on ops sh -c "cp '$DIST'/*.tgz /srv/archives/"
	on ops cp "$TOP/tests/e2e/compat-lies.json" /etc/syncup/mongosync.json
	start_all
}

fleet() { # version to reach
	local name tarball=mongosync-debian12-x86_64-$1.tgz
	{
		printf 'name: test\nversion: %s\ninstall_root: %s\non_failure: rollback\noplog_window: 86400\n' "$1" $ROOT
		printf 'artifact: {file: /srv/archives/%s, sha256: %s}\n' $tarball "$(sha256sum "$DIST/$tarball" | cut -d' ' -f1)"
		printf 'timeouts: {movement: 10, pause_quiet: 1, start_quiet: 1, resume_quiet: 1}\n'
		printf 'instances:\n'
		for name in "${NAMES[@]}"; do
			printf '  - {name: %s, config: %s, lane: north, unit: %s}\n' \
				$name "$(conf_of $name)" "${UNIT_OF[$name]}"
		done
	} | put $FLEET
}

is_active() { [ "$(on ops systemctl is-active "$1")" = active ]; }
has_ended_well() {
	[ "$(on ops systemctl show -P ActiveState "$1")/$(on ops systemctl show -P Result "$1")" = inactive/success ]
}
supervisor() { on ops systemctl show -P MainPID syncup@test.service; }

pauses_for() { # VERSION: the run to it is in the middle
	head -n 1 "$(journal_of_run)" 2>/dev/null | grep -q "\"version\":\"$1\"" && journal_has intent pause
}
begin_run() { # VERSION: by the unit; it pauses long enough to be disturbed
	local name
	fleet "$1"
	for name in "${NAMES[@]}"; do behave "$name" '{"pause_ms": 3000, "1.14.0": {"accept_metadata": 12}}'; done
	on ops systemctl start --no-block syncup@test.service
	until_true 20 pauses_for "$1" || fail "the run to $1 does not begin"
}

# --- an upgrade of the package in the middle of one of the processes

test_upgraded_in_a_run() {
	local before
	begin_run "$TO"
	until_true 10 is_active syncup@test.service || fail "the unit is not active"
	before=$(supervisor)
	install_package $NEWER
	! on ops test -d "/proc/$before" || fail "the old supervisor still works"
	until_true 60 has_ended_well syncup@test.service ||
		fail "the run does not end"
	grep -q "\"kind\":\"resumed\".*\"$NEW_VERSION\"" "$(journal_of_run)" || fail "the new program did not continue the run"
	expect_upgraded_once
	[ "$(on ops stat -c %U $STATE/test/run.journal)" = syncup ] || fail "the journal belongs to another user"
}

# --- a removal in the middle of a run, and at the end

test_removed() {
	begin_run 1.14.0
	on ops systemctl stop syncup@test.service
	dpkg_says 1 "^  $FLEET \(run [0-9TZa-f-]+\)\$" -r syncup
	grep -q '^  syncup rollback FLEET ' "$W/out.dpkg" || fail "it does not say what to type"
	# Nobody knows how one stands whose journal cannot be read.
	on ops sh -c "cp -a $STATE/test/run.journal /var/tmp/ && sed -i 1s/./x/ $STATE/test/run.journal"
	dpkg_says 1 "^  $FLEET \(its journal cannot be read: syncup journal verify $FLEET\)\$" -r syncup
	on ops cp -a /var/tmp/run.journal $STATE/test/
	expect installed on ops dpkg-query -W -f '${db:Status-Status}' syncup
	on ops systemctl start syncup-continue@test.service
	until_true 60 has_ended_well syncup-continue@test.service || fail "the run does not end"
	for name in "${NAMES[@]}"; do wait_state "$name" RUNNING; done

	on ops systemctl enable --quiet --now syncup@test.timer
	dpkg_says 0 '' -r syncup
	[ -f "$(disk_of ops $STATE/test/run.journal)" ] || fail "a removal takes the journal away"
	[ -f "$(disk_of ops $FLEET)" ] || fail "a removal takes the fleet file away"
	! is_active syncup@test.timer || fail "the timer outlives the package"
	for name in "${NAMES[@]}"; do is_state "$name" RUNNING || fail "$name does not run after the removal"; done
}

test_purged() {
	on ops rm $FLEET /etc/syncup/mongosync.json
	dpkg_says 0 '' -P syncup
	! grep -q 'directory.*not empty' "$W/out.dpkg" || fail "folders stay"
	for name in "${NAMES[@]}"; do is_state "$name" RUNNING || fail "$name does not run after the purge"; done
	traces | LC_ALL=C comm -13 $BENCH/traces - >"$W/left"
	[ ! -s "$W/left" ] || { cat "$W/left" >&2; fail "left behind"; }
	# But the user, whose files may be elsewhere.
	on ops getent passwd syncup >/dev/null || fail "the user is gone, and somebody else may get his files"
}

system_world ops
NEW_VERSION=$(dpkg-deb -f "$DEB" Version)
NEW_VERSION=${NEW_VERSION%.*}.9
newer_package "$NEW_VERSION"
traces >$BENCH/traces
install_package "$DEB"
test_installed
test_rights
package_world
test_upgraded_in_a_run
test_removed
test_purged
