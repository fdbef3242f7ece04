#!/usr/bin/env bash
# Another host over a real OpenSSH: who is refused and how that is told; what a
# broken connection leaves behind there, and that it cannot act late; a file in
# pieces; an API on its loopback; and that nothing stays, and no secret is seen.
. "$(dirname "$0")/lib.sh"
. "$here/ssh_world.sh"

clock='{"op":"clock"}'

refuses() { # what must be said
	asker "refused"
	get one "$clock"
	expect_reply ".code == 11 and (.error | contains(\"$1\")) and (.error | contains(\"ssh -o BatchMode=yes db1 true\"))"
	asker_ends
	rm "$W/asks.refused" "$W/answers.refused"
}

left_there() { # what a syncup-host or a bootstrap would leave, of this world
	find "$W/run" /dev/shm /tmp /var/tmp -maxdepth 1 -user "$(id -un)" \
		\( -name '.syncup-host-??????????' -o -name 'syncup-ssh-*' \) -newer "$W/began" 2>/dev/null |
		grep -v '^/tmp/syncup-ssh' || true
	find "/dev/shm" -maxdepth 1 -name ".syncup-host-$(id -u)-$(printf "%s db1" "$1" | sha256sum | cut -c1-16)"
}

nothing_left() { [ -z "$(left_there "$1")" ]; }

who_is_refused() {
	known "$W/ssh/stranger"
	refuses "Host key verification failed"
	: >"$W/ssh/known"
	refuses "Host key verification failed"
	known
	IDENTITY=$W/ssh/stranger ssh_config
	refuses "Permission denied (publickey"
	ssh_config "HostName nowhere.invalid"
	sed -i '/HostName 127/d' "$W/ssh/config"
	refuses "Could not resolve hostname"
	ssh_config "Port 1"
	sed -i "/Port $SSH_PORT/d" "$W/ssh/config"
	refuses "Connection refused"
	ssh_config
}

# Options of the user's that would get in our way do not; all over one login.
asked() {
	local before
	before=$(logins)
	ssh_config 'ControlMaster auto' 'ControlPersist yes' 'RemoteCommand false' 'RequestTTY force' \
		'ForwardAgent yes' 'LocalForward 127.0.0.1:1 127.0.0.1:1'
	asker "w1-$$"
	get one "$clock"
	expect_reply ".result.boot_id == \"$(cat /proc/sys/kernel/random/boot_id)\""
	ssh_config
	# A slow one does not hold up the others.
	for i in 1 2 3 4; do
		ask "slow$i" '{"op":"observe","process":{"name":"x","backend":"command","config":"/x","status":["sleep","3"]}}'
	done
	get quick "$clock" 2
	get pipe '{"pipe":["cat"],"say":"hello"}'
	expect_reply '.heard == "hello"'
	for i in 1 2 3 4; do answer "slow$i"; done
	[ "$(logins)" = $((before + 1)) ] || fail "$(logins) logins"
}

forwarded() {
	local port socket
	free_port && port=$REPLY
	mkdir "$W/www"
	echo 'from the loopback' >"$W/www/there"
	(cd "$W/www" && exec setsid python3 -m http.server --bind 127.0.0.1 "$port" >"$W/out.www" 2>&1 </dev/null {ASKS}>&-) &
	disown
	until_true 10 curl -sf -o /dev/null "http://127.0.0.1:$port/there" || fail "no web server"
	get place "{\"place\":$port}"
	socket=$(jq -r .socket <<<"$REPLY")
	[ "$(curl -sS -m 5 --unix-socket "$socket" http://localhost/there)" = 'from the loopback' ] ||
		fail "the forwarded socket does not answer"
	[ "$(stat -c %a "$(dirname "$socket")")" = 700 ] || fail "others may come near $socket"
	pkill -KILL -P "$ASKER" -f -- "-M -N" # the master
	until_true 10 is_dead "$socket" || fail "the socket outlives its master"
	until_true 20 placed_again "$port" || fail "the socket does not come again"
	[ "$(curl -sS -m 5 --unix-socket "$socket" http://localhost/there)" = 'from the loopback' ] ||
		fail "the socket leads nowhere after the connection was made again"
}

is_dead() { ! curl -sS -m 5 -o /dev/null --unix-socket "$1" http://localhost/there 2>/dev/null; }

placed_again() { get "again$SECONDS$RANDOM" "{\"place\":$1}"; jq -e .socket <<<"$REPLY" >/dev/null; }

# What stands in a question is seen by nobody: not in arguments, not in the log.
no_secret_in_arguments() {
	local seen
	ask secret "{\"op\":\"observe\",\"process\":{\"name\":\"$SECRET_PLAIN\",\"backend\":\"command\",\"config\":\"/x\",\"status\":[\"sleep\",\"2\"]}}"
	get during "$clock"
	# Not by a search that has it among its own arguments.
	seen=$({ cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true; } | tr '\0' ' ')
	[[ $seen != *"$SECRET_PLAIN"* ]] || fail "a secret is in the arguments of a process"
	answer secret
}

# sshd stands still as it does when the link is cut: what it has been sent is
# not delivered.  A new connection ends it first.
cut_off() {
	local old pid
	old=$(pgrep -P "$SSHD")
	ask act "{\"op\":\"start\",\"process\":{\"name\":\"x\",\"backend\":\"command\",\"config\":\"/x\",\"start\":[\"sh\",\"-c\",\"sleep 2; touch $W/acted\"],\"output\":\"$W/out.acted\"}}"
	until_true 10 pgrep -f "sleep 2; touch $W/acted" >/dev/null || fail "it was not started"
	for pid in $old $(pgrep -P "$old" | head -n 1); do kill -STOP "$pid"; done
	# These are in its socket only: never seen by a syncup-host of that connection.
	ask late "{\"op\":\"start\",\"process\":{\"name\":\"x\",\"backend\":\"command\",\"config\":\"/x\",\"start\":[\"touch\",\"$W/late\"],\"output\":\"$W/out.late\"}}"
	answer late 60
	expect_reply '.code == 11'
	until_true 40 clock_answers || fail "no new connection"
	for pid in $old; do kill -CONT "$pid" 2>/dev/null || true; done
	sleep 0.5 # there is nothing to wait for: it must not happen
	[ ! -e "$W/late" ] || fail "what was sent over the broken connection acted late"
}

clock_answers() { get "clock$SECONDS$RANDOM" "$clock" 60; jq -e .result <<<"$REPLY" >/dev/null; }

a_file() {
	local sha256 size there
	mkdir -p "$W/there"
	head -c 24M /dev/urandom >"$W/archive"
	sha256=$(sha256sum "$W/archive" | cut -d' ' -f1)
	ask put "{\"put\":\"$W/archive\",\"sha256\":\"$sha256\",\"root\":\"$W/there\",\"ms\":60000}"
	until_true 20 test -s "$W/there/versions/.partial-$sha256.tgz" || fail "nothing arrives"
	pkill -KILL -P "$ASKER" -f -- "-M -N"
	answer put
	expect_reply '.code == 11'
	there=$(stat -c %s "$W/there/versions/.partial-$sha256.tgz")
	((there > 0 && there < 24 << 20)) || fail "$there bytes came before the cut"
	get put2 "{\"put\":\"$W/archive\",\"sha256\":\"$sha256\",\"root\":\"$W/there\",\"ms\":60000}" 90
	expect_reply ".result.path == \"$W/there/versions/.partial-$sha256.tgz\""
	cmp "$W/archive" "$W/there/versions/.partial-$sha256.tgz" || fail "another file came"
	# A beginning that is another's is found out, and all is sent once more.
	printf x | dd of="$W/there/versions/.partial-$sha256.tgz" conv=notrunc bs=1 seek=1000 2>/dev/null
	truncate -s 10M "$W/there/versions/.partial-$sha256.tgz"
	get put3 "{\"put\":\"$W/archive\",\"sha256\":\"$sha256\",\"root\":\"$W/there\",\"ms\":60000}" 90
	cmp "$W/archive" "$W/there/versions/.partial-$sha256.tgz" || fail "another file came"
	# A digest that no file has: refused, after two tries.
	get put4 "{\"put\":\"$W/archive\",\"sha256\":\"${sha256//[0-9]/a}\",\"root\":\"$W/there\",\"ms\":60000}" 90
	expect_reply '.error | contains("came damaged")'
}

no_session() { [ -z "$(sessions)" ]; }
no_program() { ! compgen -G "$W/run/.syncup-host-*" >/dev/null; }

nothing_stays() {
	asker_ends
	until_true 10 nothing_left "w1-$$" || fail "left: $(left_there "w1-$$")"
	[ -z "$(ls -A "$W/run")" ] || fail "left: $(ls -A "$W/run")"
	# Killed: what it was doing there ends, its directory goes when the next comes.
	asker "w2-$$"
	get one "$clock"
	kill -KILL "$ASKER"
	until_true 10 no_session || fail "a session outlives a killed supervisor"
	until_true 10 no_program || fail "left: $(ls -A "$W/run")"
	exec {ASKS}>&-
	asker "w3-$$"
	get one "$clock"
	[ "$(find "$W/run" -maxdepth 1 -name 'syncup-ssh-*' | wc -l)" = 1 ] || fail "$(ls "$W/run")"
	asker_ends
}

world light
touch "$W/began"
ssh_world
who_is_refused
asked
no_secret_in_arguments
forwarded
a_file
cut_off
nothing_stays
