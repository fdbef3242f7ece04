# shellcheck shell=bash
# hosts.sh - several hosts on one machine, for end-to-end tests.
#
# A host is a mount namespace in which the install root, the folder of the link
# and /dev/shm are its own; everything else, the ports too, is shared.  ssh is
# tests/fake_ssh, which enters that namespace.  Without the right to make one
# the test is skipped.

: "${here:?lib.sh comes first}"
SKIPPED=77
declare -A HOLDER=() # host: a pid in its namespace
declare -A HOST_OF=() # instance: its host

hosts_world() { # hosts...: after world
	local host
	unshare -m true 2>/dev/null || { printf 'no mount namespaces here\n' >&2; exit $SKIPPED; }
	export FAKE_SSH=$W/ssh XDG_RUNTIME_DIR=$W/ssh
	PATH=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../fake_ssh"):$PATH
	export PATH
	export SYNCUP_HOST=$BUILD/supervisor/host/syncup-host
	AT_END+=(end_holders)
	mkdir -p "$W/ssh"
	chmod 700 "$W/ssh"
	for host; do
		mkdir -p "$W/on/$host/root" "$W/on/$host/bin" "$W/on/$host/shm"
		hold_namespace "$host"
	done
}

hold_namespace() { # host
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m --propagation private bash -c '
		mount --bind "$1/on/$2/root" "$1/root" && mount --bind "$1/on/$2/bin" "$1/bin" &&
			mount --bind "$1/on/$2/shm" /dev/shm || exit 1
		touch "$1/ssh/ready-$2"
		exec sleep infinity' holder "$W" "$1" >"$W/out.holder-$1" 2>&1 &
	HOLDER[$1]=$!
	disown
	until_true 10 test -e "$W/ssh/ready-$1" || fail "there is no namespace for $1"
	printf '#!/bin/sh\nexec nsenter -t %s -m --wd="%s" -- "$@"\n' "${HOLDER[$1]}" "$W" >"$W/ssh/enter-$1"
	chmod +x "$W/ssh/enter-$1"
}

on() { # host command...
	local host=$1
	shift
	"$W/ssh/enter-$host" "$@"
}

end_holders() {
	local host
	for host in "${!HOLDER[@]}"; do kill -KILL "${HOLDER[$host]}" 2>/dev/null || true; done
}

# instance_on HOST NAME
instance_on() {
	instance "$2"
	HOST_OF[$2]=$1
	EXTRA[$2]=", host: $1"
}

launch_on() { # HOST NAME: as a person would by hand there
	setsid "$W/ssh/enter-$1" "$W/bin/mongosync" --config "$W/$2.conf" >>"$W/out.$2" 2>&1 </dev/null &
	disown
}

# two_hosts: shard0 and shard1 on db1, shard2 and shard3 on db2, RUNNING FROM
two_hosts() {
	local name host to=${TO:-}
	world light
	TO=${to:-$TO}
	hosts_world db1 db2
	IDS=(shard0 shard1 shard2 shard3)
	instance_on db1 shard0
	instance_on db1 shard1
	instance_on db2 shard2
	instance_on db2 shard3
	for host in db1 db2; do unpack_version $FROM "$W/on/$host/bin"; done
	for name in "${NAMES[@]}"; do launch_on "${HOST_OF[$name]}" "$name"; done
	start_syncs
	fleet "$@"
}

expect_no_claims_on() { # hosts...
	local host
	for host; do
		[ -z "$(find "$W/on/$host/root/.syncup/claims" -name '[!.]*.json' 2>/dev/null)" ] ||
			fail "claims are left on $host"
	done
}

# Each was paused, stopped and resumed once, and nothing was done twice.
expect_hosts_upgraded() {
	local host
	expect_upgraded
	expect_no_claims_on db1 db2
	for host in db1 db2; do
		[ -x "$W/on/$host/root/versions/$TO/bin/mongosync" ] || fail "$TO is not on $host"
		[ -z "$(find "$W/on/$host/root/versions" -name '.partial-*')" ] || fail "parts are left on $host"
	done
	[ ! -e "$W/root/versions" ] || fail "this machine got a version"
	expect_effects 4 '.event == "paused"'
	expect_effects 4 '.event == "signal"'
	expect_effects 4 '.event == "resumed"'
	expect_effects 1 '.event == "migrated"'
}

cut_off() { # host: its connection breaks now
	kill -KILL "$(cat "$W/ssh/master-$1")" 2>/dev/null || true
}

out_of_reach() { # host: from now on
	printf 'ssh: connect to host %s port 22: No route to host\n' "$1" >"$W/ssh/refuse-$1"
	cut_off "$1"
}

in_reach() { # host
	rm -f "$W/ssh/refuse-$1"
}
