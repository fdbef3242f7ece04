#!/usr/bin/env bash
# The bench itself: hosts are what they are said to be, apart from each other and
# from the machine.
. "$(dirname "$0")/bench.sh"

bench_image
host_new host1 host2 host3
disk host3 /var/lib/small 8
boot host1 host2 host3

for host in "${HOSTS[@]}"; do
	expect running on "$host" systemctl is-system-running
	expect "$host" over "$host" uname -n
	expect running as "$host" alice systemctl --user is-system-running
	on "$host" busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager \
		ListUsers | grep -q alice || complain "logind of $host does not know alice"
done
expect host2 on host1 ssh host2 uname -n
expect host2 on host1 ssh alice@host2 uname -n # as ssh_config leaves it to us

# Each has its own: boot, journal, network, processes, units of one name.
different() { # command...
	local first second
	first=$(on host1 "$@")
	second=$(on host2 "$@")
	[ "$first" ] && [ "$first" != "$second" ] || complain "the same on two hosts: $*"
}
different cat /proc/sys/kernel/random/boot_id
different cat /etc/machine-id
different ip -4 -brief address show dev eth0
for host in host1 host2; do on "$host" systemd-run --quiet --unit same sleep 1000; done
on host1 systemctl stop same
expect active on host2 systemctl is-active same
different sh -c 'systemctl is-active same; true'
! on host1 sh -c 'echo 1 >/proc/sys/vm/swappiness' 2>/dev/null || complain "the machine's settings can be changed"

# What a host does to its disk, the machine does not see.
on host1 sh -c 'rm /bin/true; echo new >/etc/hostname; touch /opt/mine /var/tmp/mine /tmp/mine /run/mine'
[ -x /bin/true ] && [ ! -e /opt/mine ] || complain "the machine was changed"
expect host2 on host2 cat /etc/hostname

# A cut link: nobody answers, and who waits is not told.
cut_link host2
! on host1 ssh -oConnectTimeout=1 host2 true 2>/dev/null || complain "the link is not cut"
expect active on host2 systemctl is-active same
heal_link host2
expect host2 on host1 ssh host2 uname -n

# Without power a host loses what was in memory, and keeps its disk.
boot_id=$(on host1 cat /proc/sys/kernel/random/boot_id)
power_cut host1
boot host1
on host1 test -e /opt/mine -a -e /var/tmp/mine || complain "the disk is gone"
on host1 test ! -e /tmp/mine -a ! -e /run/mine || complain "there was no power cut"
expect new on host1 uname -n
[ "$boot_id" != "$(on host1 cat /proc/sys/kernel/random/boot_id)" ] || complain "the same boot"
expect 2 on host1 sh -c 'journalctl --list-boots --quiet | wc -l'


# In order: what runs is told.
on host2 systemd-run --quiet --unit told sh -c 'trap "echo told >/var/tmp/told; exit" TERM; sleep 1000 & wait'
reboot host2
expect told on host2 cat /var/tmp/told
expect inactive on host2 sh -c 'systemctl is-active same; true'

# A disk of its own is soon full, and is the same after a boot.
! on host3 sh -c 'head -c 9000000 /dev/zero >/var/lib/small/fill' 2>/dev/null || complain "the disk is larger"
reboot host3
on host3 test -s /var/lib/small/fill || complain "the small disk was lost"

refuse_key host3
! over host3 true 2>/dev/null || complain "the key is not refused"
take_key host3
over host3 true
