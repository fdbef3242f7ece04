#!/usr/bin/env bash
# PID 1's way into a host: from new namespaces to systemd.  bench.sh calls it.
#
#   host_init.sh DIR CGROUP REPOSITORY WORLDS
#
# DIR is the host's: upper and work of its disk, boot_id, disks.  The repository
# is shown read-only at its own path, the worlds (clusters) writable at theirs.
set -euo pipefail
here=$1 cgroup=$2 repository=$3 worlds=$4
image=$(dirname "$here")/image root=$here/root

if [ ! "${HOST_CGROUP:-}" ]; then # a new cgroup namespace begins where we are
	echo 0 >"$cgroup/cgroup.procs"
	HOST_CGROUP=1 exec unshare --cgroup "$0" "$@"
fi

mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$image:/,upperdir=$here/upper,workdir=$here/work" "$root"
# A boot has an id of its own, and the kernel's settings are the machine's.
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount --bind "$here/boot_id" proc/sys/kernel/random/boot_id
mount -o remount,bind,ro proc/sys/kernel/random/boot_id
[ ! -e proc/sysrq-trigger ] || mount --bind "$here/disks" proc/sysrq-trigger

mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p "$root$repository" "$root$worlds"
mount --bind "$repository" "$root$repository"
mount -o remount,bind,ro "$root$repository"
mount --bind "$worlds" "$root$worlds"
while read -r from to; do
	mkdir -p "$root$to"
	mount --bind "$from" "$root$to"
done <"$here/disks"

mount -t tmpfs -o mode=755 tmpfs dev
mkdir -p dev/pts dev/shm
for device in null zero full random urandom tty; do
	touch "dev/$device"
	mount --bind "/dev/$device" "dev/$device"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup

mkdir -p .old
pivot_root . .old
umount -l /.old
rmdir /.old
exec env -i container=bench PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --system --unit=multi-user.target --show-status=no
