# shellcheck shell=bash
# bench.sh - whole hosts on this machine: each with systemd as PID 1, D-Bus,
# journald, logind, sshd, an address, and a disk of its own.
#
# A test sources it first.  The test then runs a second time, as PID 1 of
# namespaces of its own (mounts, processes, network): whatever becomes of it,
# also by SIGKILL, the kernel takes all of it away.  Two benches never meet.
#
# A host's disk is an overlay: above, what the host changed ($BENCH/HOST/upper);
# below it the image that all hosts of the bench share; below that the machine's
# own root, which nothing can change.  /run and /tmp are new at each boot.
#
#   bench_image; host_new NAME...; boot NAME...     hosts come up
# A test with several scenarios names them before: SCENARIOS=(this that); it ends
# in "$@", and is run as: test_x.sh this.
#
#   on NAME command...    inside of it, not by the network; as NAME USER command...
#   cut_link NAME, break_link NAME, heal_link NAME; apart NAME NAME   links
#   power_cut NAME; power_off NAME; reboot NAME
#   disk NAME PATH MIB    before it boots: PATH is a small disk of its own
#   refuse_key NAME       its sshd knows our key no longer;  take_key NAME: it does
set -euo pipefail

SYSTEM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$SYSTEM_DIR/../.." && pwd)
BUILD=${BUILD:-$TOP/build/tests}
BENCH=/srv/syncup-bench # a tmpfs in our own mounts; nobody else sees it

count() { # WHAT HOW_MANY: run.sh adds them up
	printf '%s %s\n' "$1" "$2" >>"${SYSTEM_COUNTS:-/dev/null}"
}

# --- outside of the namespaces

# What a bench could leave on the machine, if it were wrong.
machine_listing() {
	find /etc /opt /root/.ssh /var/lib/systemd -xdev -printf '%p %y %m %u %s %T@ %l\n' 2>/dev/null | sort
	find /run /srv /tmp /var/tmp -xdev -maxdepth 2 \( -name '*syncup-bench*' -o -path '/run/netns/host[0-9]' \) 2>/dev/null | sort
	ip -o link 2>/dev/null | grep -E '^[0-9]+: (bench|ops|host[0-9])[:@]' | cut -d: -f2
	findmnt -rno TARGET,SOURCE | grep -F "${BENCH##*/}"
	uname -n
}

# Whoever installs packages meanwhile changes /etc, too.
machine_is_as_before() { # listing before
	local now
	now=$(machine_listing)
	[ "$now" = "$1" ] && return
	[ "$(stat -c %Y /var/lib/dpkg/status)" -lt "$BENCH_BEGUN" ] || return 0
	printf 'FAIL: the machine itself was changed:\n' >&2
	diff <(printf '%s\n' "$1") <(printf '%s\n' "$now") >&2
	return 1
}

in_cgroups() { # command: with the machine's cgroups at /mnt, for it alone
	unshare --mount --propagation private sh -c "mount -t cgroup2 none /mnt && cd /mnt && $1"
}

# Empty ones are all that a bench could leave behind; those of a test that died
# are taken by the next.
cgroups_away() {
	in_cgroups 'for dir in syncup-bench.*; do
		[ -d "$dir" ] && ! kill -0 "${dir##*.}" 2>/dev/null || continue
		find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null
	done; true'
}

bench_can() { # why it cannot, in REPLY
	local tool
	for tool in unshare nsenter setpriv ip sshd ssh-keygen ssh systemd-sysusers dbus-daemon python3; do
		REPLY="$tool is missing"
		PATH=$PATH:/usr/sbin:/sbin command -v $tool >/dev/null || return 1
	done
	REPLY='namespaces, an overlay or cgroups cannot be made here (root is needed)'
	unshare --mount --net --pid --fork --propagation private sh -c '
		mount -t tmpfs none /mnt && mkdir /mnt/u /mnt/w /mnt/r /mnt/c &&
		mount -t overlay none -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r &&
		mount -t cgroup2 none /mnt/c && mkdir "/mnt/c/syncup-bench.probe.$0" && rmdir "/mnt/c/syncup-bench.probe.$0" &&
		ip link add name bench type bridge' $$ >/dev/null 2>&1
}

bench_outside() { # the test and its arguments
	local code=0 listing inner name
	if ! bench_can; then
		printf 'skipped: %s\n' "$REPLY"
		count skipped 1
		exit 77
	fi
	BENCH_BEGUN=$(date +%s)
	listing=$(machine_listing)
	cgroups_away
	name=syncup-bench.$EPOCHSECONDS.$$
	BENCH_INSIDE=$name setpriv --pdeathsig KILL unshare --mount --net --pid --ipc --uts --fork --kill-child \
		--mount-proc --propagation private bash "$@" <&0 &
	inner=$!
	# shellcheck disable=SC2064 # it is this one
	trap "kill -KILL $inner 2>/dev/null; INTERRUPTED=1" INT TERM HUP
	while kill -0 $inner 2>/dev/null; do
		code=0
		wait $inner || code=$?
	done 2>/dev/null
	trap '' INT TERM HUP
	[ ! "${INTERRUPTED:-}" ] || code=130
	for _ in {1..300}; do # the kernel is still at it
		in_cgroups "find $name -depth -type d -exec rmdir {} + 2>/dev/null; ! [ -e $name ]" && break
		sleep 0.1
	done
	in_cgroups "! [ -e $name ]" || { printf 'FAIL: processes outlive the bench\n' >&2; code=1; }
	machine_is_as_before "$listing" || code=1
	exit $code
}

# Without an argument a test that has SCENARIOS runs itself with each of them, in
# benches of their own, AT_ONCE (2) side by side; what fails is shown.
bench_scenarios() {
	local name out pid code bad=0
	local -A running=()
	out=$(mktemp -d)
	# shellcheck disable=SC2064 # now
	trap "rm -rf '$out'" EXIT
	set -- "${SCENARIOS[@]}"
	while [ $# -gt 0 ] || [ ${#running[@]} -gt 0 ]; do
		if [ $# -gt 0 ] && [ ${#running[@]} -lt "${AT_ONCE:-2}" ]; then
			"$0" "$1" >"$out/$1" 2>&1 &
			running[$!]=$1
			shift
			continue
		fi
		code=0
		wait -n -p pid "${!running[@]}" || code=$?
		name=${running[$pid]}
		unset "running[$pid]"
		printf '== %s\n' "$name"
		cat "$out/$name"
		[ $code != 77 ] || exit 77
		[ $code = 0 ] || { printf 'FAIL: %s %s\n' "$0" "$name"; bad=1; }
	done
	exit $bad
}

if [ ! "${BENCH_INSIDE:-}" ]; then
	[ $# -gt 0 ] || [ ! "${SCENARIOS:-}" ] || bench_scenarios
	bench_outside "$0" "$@"
fi

# --- inside

HOSTS=()
declare -A ADDRESS=() # of each host
declare -A BOOTER=()  # pid of its unshare, our child
declare -A INIT=()    # pid of its PID 1, as we see it

complain() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }

expect() { # OUTPUT command...
	local said
	said=$("${@:2}" 2>&1) || complain "${*:2}: $said"
	[ "$said" = "$1" ] || complain "${*:2}: '$said', not '$1'"
}

wait_for() { # seconds, command...: polls it
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

opaque() { # DIR...: of these folders the image shows nothing of the machine's
	mkdir -p "${@/#/$BENCH/image/}"
	python3 -c 'import os, sys
for path in sys.argv[1:]:
	os.setxattr(path, "trusted.overlay.opaque", b"y")' "${@/#/$BENCH/image/}"
}

# Units of Debian that have no business in a host without devices.
MASKED=(getty.target systemd-udevd.service systemd-udev-trigger.service systemd-hwdb-update.service
	systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-modules-load.service
	systemd-networkd.service systemd-resolved.service systemd-timesyncd.service systemd-remount-fs.service
	systemd-journald-audit.socket systemd-pstore.service systemd-firstboot.service systemd-sysctl.service
	ldconfig.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount
	sys-kernel-config.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount
	kmod-static-nodes.service modprobe@.service
	user@0.service) # root's own manager: see room_for_a_host

# bench_image: the network, and what all hosts have in common.  A test may add to
# $BENCH/image (paths as in a host) before a host boots.
bench_image() {
	local image=$BENCH/image unit
	mount -t tmpfs -o mode=755 tmpfs /srv
	mkdir -p $BENCH/{image,cgroup,worlds}
	mount -t tmpfs tmpfs /run
	mkdir /run/netns
	mount -t cgroup2 cgroup2 $BENCH/cgroup
	mkdir "$BENCH/cgroup/$BENCH_INSIDE"
	ip link set lo up
	ip link add name bench type bridge
	ip addr add 10.77.0.1/24 dev bench
	ip link set bench up

	opaque etc/systemd/system etc/systemd/user etc/systemd/journald.conf.d etc/init.d etc/cron.d \
		etc/ssh/sshd_config.d etc/ssh/ssh_config.d etc/syncup var/log var/tmp var/lib/systemd root home opt srv
	chmod 700 $image/root
	chmod 1777 $image/var/tmp
	for unit in "${MASKED[@]}"; do ln -s /dev/null "$image/etc/systemd/system/$unit"; done
	: >$image/etc/fstab
	printf '[Journal]\nStorage=persistent\nSyncIntervalSec=1\nRateLimitBurst=0\n' \
		>$image/etc/systemd/journald.conf.d/bench.conf
	mkdir -p $image/var/log/journal $image/var/lib/systemd/linger $image/etc/sysusers.d \
		$image/etc/systemd/system/multi-user.target.wants
	ln -s /lib/systemd/system/ssh.service $image/etc/systemd/system/multi-user.target.wants/
	ln -s /lib/systemd/system/ssh.service $image/etc/systemd/system/sshd.service
	bench_users
	bench_ssh
}

# mongosync runs the processes; alice has a user manager of his own, also
# when he is not there.
bench_users() {
	local root=$BENCH/root
	cat >$BENCH/image/etc/sysusers.d/bench.conf <<-'END'
		u mongosync 870 "sync processes" /var/lib/mongosync /bin/sh
		u alice 871 "a person" /home/alice /bin/bash
	END
	touch $BENCH/image/var/lib/systemd/linger/alice
	mkdir -p $root $BENCH/work
	mount -t overlay image -o "lowerdir=/,upperdir=$BENCH/image,workdir=$BENCH/work" $root
	chroot $root systemd-sysusers /etc/sysusers.d/bench.conf 2>/dev/null
	mkdir -p $root/var/lib/mongosync $root/home/alice
	chroot $root chown mongosync: /var/lib/mongosync
	chroot $root chown alice: /home/alice
	umount $root
}

# One key opens all hosts, for each user; each host knows the others by their keys.
bench_ssh() {
	local image=$BENCH/image key=$BENCH/key user home
	ssh-keygen -q -t ed25519 -N '' -C bench -f $key
	printf '127.0.0.1 localhost\n' >$image/etc/hosts
	for user in root:0 mongosync:870 alice:871; do
		home=$image/root
		[ $user = root:0 ] || home=$image$(home_of "${user%:*}")
		mkdir -m 700 "$home/.ssh"
		cp $key "$home/.ssh/id_ed25519"
		cp $key.pub "$home/.ssh/authorized_keys"
		touch "$home/.ssh/config" "$home/.ssh/known_hosts"
		chown -R "${user#*:}:${user#*:}" "$home/.ssh"
	done
	printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nPasswordAuthentication no\nPrintMotd no\n' \
		>$image/etc/ssh/sshd_config.d/bench.conf
}

# host_new NAME...: with an empty disk and no power
host_new() {
	local host here
	for host; do
		here=$BENCH/$host
		HOSTS+=("$host")
		ADDRESS[$host]=10.77.0.$((9 + ${#HOSTS[@]}))
		mkdir -p "$here"/{upper,work,root} "$here/upper/etc/ssh"
		touch "$here/boot_id" "$here/disks"
		printf '%s\n' "$host" >"$here/upper/etc/hostname"
		tr -d - </proc/sys/kernel/random/uuid >"$here/upper/etc/machine-id"
		ssh-keygen -q -t ed25519 -N '' -C "$host" -f "$here/upper/etc/ssh/ssh_host_ed25519_key"
		host_is_known "$host"
	done
	count hosts $#
}

# In the image, so that every host may be the supervisor's.
host_is_known() {
	local home
	printf '%s %s\n' "${ADDRESS[$1]}" "$1" >>$BENCH/image/etc/hosts
	printf '%s %s\n' "${ADDRESS[$1]}" "$(cut -d' ' -f1,2 <"$BENCH/$1/upper/etc/ssh/ssh_host_ed25519_key.pub")" \
		>>$BENCH/known_hosts
	for home in /root /var/lib/mongosync /home/alice; do
		cat $BENCH/known_hosts >$BENCH/image$home/.ssh/known_hosts
		cat >>$BENCH/image$home/.ssh/config <<-END
			Host $1
				HostName ${ADDRESS[$1]}
				IdentityFile ~/.ssh/id_ed25519
				UserKnownHostsFile ~/.ssh/known_hosts
				StrictHostKeyChecking yes
		END
	done
}

# disk NAME PATH MIB: the next boots find an ext4 of this size at PATH
disk() {
	local here=$BENCH/$1 image
	image=$here/disk$(wc -l <"$here/disks")
	truncate -s "$3M" "$image.img"
	mkfs.ext4 -q -m 0 -O ^has_journal "$image.img"
	mkdir "$image"
	mount -o loop "$image.img" "$image"
	printf '%s %s\n' "$image" "$2" >>"$here/disks"
}

boot() { # NAME...: returns when all of them are up
	local host
	for host; do
		wait_for 200 room_for_a_host || complain "too many hosts on this machine; see fs.inotify.max_user_instances"
		power_on "$host"
	done
	for host; do
		wait_for 30 host_is_up "$host" || boot_failed "$host"
		! has_ended "${BOOTER[$host]}" || boot_failed "$host"
	done
}

# All hosts of the machine are root's, who may have only so many of these: 128
# unless changed, five or so a host.
room_for_a_host() {
	python3 -c 'import ctypes
libc = ctypes.CDLL(None)
raise SystemExit(any(libc.inotify_init1(0) < 0 for i in range(12)))'
}

power_on() { # NAME
	local host=$1 here=$BENCH/$1
	cat /proc/sys/kernel/random/uuid >"$here/boot_id"
	mkdir -p "$BENCH/cgroup/$BENCH_INSIDE/$host"
	ip netns add "$host"
	ip link add name "$host" type veth peer name eth0 \
		address "$(printf '02:00:0a:4d:00:%02x' "${ADDRESS[$host]##*.}")" netns "$host" # the same after a boot
	ip link set "$host" master bench up
	ip -n "$host" addr add "${ADDRESS[$host]}/24" dev eth0
	ip -n "$host" link set eth0 up
	ip -n "$host" link set lo up
	nsenter --net="/run/netns/$host" setsid unshare --pid --fork --kill-child --mount --uts --ipc \
		"$SYSTEM_DIR/host_init.sh" "$here" "$BENCH/cgroup/$BENCH_INSIDE/$host" "$TOP" $BENCH/worlds \
		>>"$here/console.log" 2>&1 </dev/null &
	BOOTER[$host]=$!
	disown
	INIT[$host]=
}

host_is_up() {
	local state
	! has_ended "${BOOTER[$1]}" || return 0
	[ "${INIT[$1]}" ] || INIT[$1]=$(pgrep -P "${BOOTER[$1]}") || return 1
	[ "$(cat "/proc/${INIT[$1]}/comm" 2>/dev/null)" = systemd ] || return 1
	[ -S "/proc/${INIT[$1]}/root/run/systemd/private" ] || return 1
	state=$(on "$1" systemctl is-system-running --wait 2>/dev/null) || true
	[ "$state" = running ] || [ "$state" = degraded ]
}

boot_failed() {
	cat "$BENCH/$1/console.log" >&2
	journalctl --directory "$BENCH/$1/upper/var/log/journal" --quiet -n 40 >&2 || true
	complain "$1 does not come up"
}

# on NAME command...: as root, in the host's namespaces
on() {
	local host=$1
	shift
	[ "${INIT[$host]:-}" ] || complain "$host has no power"
	nsenter --all --target "${INIT[$host]}" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root USER=root LC_ALL=C "ASAN_OPTIONS=${ASAN_OPTIONS:-}" "$@"
}

home_of() { case $1 in mongosync) printf /var/lib/mongosync ;; *) printf '/home/%s' "$1" ;; esac; }
as() { # NAME USER command...
	local host=$1 user=$2 uid
	shift 2
	uid=$(on "$host" id -u "$user")
	on "$host" setpriv --reuid "$user" --regid "$user" --init-groups env "HOME=$(home_of "$user")" USER="$user" \
		XDG_RUNTIME_DIR="/run/user/$uid" DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" "$@"
}

over() { # NAME command...: from the bench by the network, as ssh does
	local host=$1
	shift
	ssh -n -F none -i $BENCH/key -oBatchMode=yes -oConnectTimeout=5 \
		-oUserKnownHostsFile=$BENCH/known_hosts -oStrictHostKeyChecking=yes \
		"root@${ADDRESS[$host]}" -- "$@"
}

cut_link() { count cuts 1 && ip link set "$1" down; }
heal_link() { ip link set "$1" up; }
break_link() { # NAME: cut, and when it is healed the other end knows of no connection
	cut_link "$1"
	on "$1" pkill -KILL -f '^sshd: .*@' || true
}
apart() { # NAME NAME...: these do not reach each other, but whoever is not named
	local host
	for host; do bridge link set dev "$host" isolated on; done
}

# The link goes first, as nobody says goodbye in a power cut.
power_cut() { # NAME...
	local host
	for host; do
		ip link set "$host" down
		kill -KILL "${INIT[$host]}"
	done
	power_is_off "$@"
}

power_off() { # NAME...: all is stopped in order
	local host
	for host; do on "$host" systemctl poweroff 2>/dev/null || true; done
	power_is_off "$@"
}

power_is_off() {
	local host
	for host; do
		wait_for 100 has_ended "${BOOTER[$host]}" || complain "$host does not go down"
		INIT[$host]=
		ip link del "$host"
		ip netns del "$host"
		find "$BENCH/cgroup/$BENCH_INSIDE/$host" -depth -mindepth 1 -type d -exec rmdir {} +
	done
	count reboots $#
}
has_ended() { ! kill -0 "$1" 2>/dev/null || [ "$(ps -o stat= "$1")" = Z ]; }

reboot() { # NAME...
	local host
	for host; do on "$host" systemctl reboot 2>/dev/null || true; done
	power_is_off "$@"
	boot "$@"
}

refuse_key() { on "$1" mv /root/.ssh/authorized_keys /root/.ssh/refused_keys; }
take_key() { on "$1" mv /root/.ssh/refused_keys /root/.ssh/authorized_keys; }
