#!/usr/bin/env bash
# The link to another host is cut for longer than ssh's patience, in the middle of
# a file, of an act and of a forwarded request: what was under way is told as not
# known, what sat in the broken connection never acts, and after the link heals
# the next question connects again, and the file is gone on with.
. "$(dirname "$0")/bench.sh"

ASK=$BUILD/tests/e2e/ask-host

bench_image
host_new host1 host2
boot host1 host2

asks() { # begins an asker on host1
	mkfifo "$BENCH/asks"
	on host1 env SYNCUP_HOST="$BUILD/supervisor/host/syncup-host" "$ASK" --owner bench host2 \
		<"$BENCH/asks" >"$BENCH/answers" 2>"$BENCH/asker.out" &
	exec {ASKS}>"$BENCH/asks"
}
ask() { jq -c --arg tag "$1" '.tag = $tag' <<<"$2" >&"$ASKS"; }
answered() {
	REPLY=$(jq -c --arg tag "$1" 'select(.tag == $tag)' "$BENCH/answers")
	[ -n "$REPLY" ]
}
answer() { until_true "${2:-30}" answered "$1" || complain "no answer to $1: $(cat "$BENCH/answers" "$BENCH/asker.out")"; }
expect_code() { [ "$(jq -r '.code // 0' <<<"$REPLY")" = "$1" ] || complain "not $1: $REPLY"; }
until_true() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.1
	done
}
asked_again() { # a new connection, once the link is healed
	local tag=again$SECONDS$RANDOM
	ask "$tag" '{"op":"clock"}'
	answer "$tag" 60
	[ "$(jq -r '.code // 0' <<<"$REPLY")" = 0 ]
}
servers() { on host2 pgrep -c -f 'sshd: root@notty' || true; }

asks
ask one '{"op":"clock"}'
answer one
[ "$(jq -r .result.boot_id <<<"$REPLY")" = "$(on host2 cat /proc/sys/kernel/random/boot_id)" ] ||
	complain "another host answered: $REPLY"
[ "$(jq -r .result.host <<<"$REPLY")" = host2 ] || complain "another host answered: $REPLY"

# --- an act: the question is sent while the link is cut
old=$(on host2 pgrep -f 'sshd: root@notty')
cut_link host2
ask act '{"op":"start","process":{"name":"x","backend":"command","config":"/x","start":["touch","/var/acted-late"]}}'
began=$SECONDS
answer act 60
expect_code 11
printf 'cut: told after %s s: %s\n' $((SECONDS - began)) "$(jq -r .error <<<"$REPLY")"
heal_link host2
until_true 60 asked_again || complain "no new connection"
for pid in $old; do on host2 test ! -d "/proc/$pid" || complain "sshd $pid of the broken connection lives"; done
sleep 3 # that long its packets could still be sent again
on host2 test ! -e /var/acted-late || complain "what sat in the broken connection acted late"

# --- a file: cut in the middle, healed before ssh gives up, then after it
sum=$(on host1 sh -c 'head -c 90M /dev/urandom >/var/archive; sha256sum /var/archive' | cut -d' ' -f1)
partial=/opt/there/versions/.partial-$sum.tgz
put="{\"put\":\"/var/archive\",\"sha256\":\"$sum\",\"root\":\"/opt/there\",\"ms\":120000}"
ask put1 "$put"
until_true 30 on host2 test -s "$partial" || complain "nothing arrives"
cut_link host2
sleep 5
heal_link host2
answer put1 120
expect_code 0
on host2 sh -c "echo '$sum  $partial' | sha256sum -c --quiet" || complain "another file came"
on host2 rm "$partial"
ask put2 "$put"
until_true 30 on host2 test -s "$partial" || complain "nothing arrives"
cut_link host2
answer put2 60
expect_code 11
heal_link host2
until_true 60 asked_again || complain "no new connection"
size=$(on host2 stat -c %s "$partial")
((size > 0 && size < 90 << 20)) || complain "$size bytes came before the cut"
ask put3 "$put"
answer put3 120
expect_code 0
on host2 sh -c "echo '$sum  $partial' | sha256sum -c --quiet" || complain "another file came"

# --- a request over the forwarded socket
on host2 sh -c 'mkdir /var/www; echo there >/var/www/it; cd /var/www; systemd-run --quiet --working-directory=/var/www python3 -m http.server --bind 127.0.0.1 8123'
until_true 20 on host2 sh -c 'curl -sf -o /dev/null http://127.0.0.1:8123/it' || complain "no web server"
ask place1 '{"place":8123}'
answer place1
socket=$(jq -r .socket <<<"$REPLY")
expect there on host1 curl -sS -m 5 --unix-socket "$socket" http://localhost/it
cut_link host2
! on host1 curl -sS -m 3 --unix-socket "$socket" http://localhost/it 2>/dev/null || complain "the link is not cut"
ask place2 '{"op":"clock"}'
answer place2 60
heal_link host2
until_true 60 asked_again || complain "no new connection"
ask place3 '{"place":8123}'
answer place3
expect there on host1 curl -sS -m 5 --unix-socket "$(jq -r .socket <<<"$REPLY")" http://localhost/it

# --- nothing stays
exec {ASKS}>&-
wait
until_true 10 on host2 sh -c '! ls -d /dev/shm/.syncup-host-* /run/user/0/.syncup-host-* /tmp/.syncup-host-* 2>/dev/null' ||
	complain "left on host2"
count cuts 4
count hosts 2
