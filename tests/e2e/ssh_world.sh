# shellcheck shell=bash
# ssh_world.sh - an sshd of a test's own on a loopback port, with its own keys,
# and an ssh that knows it as "db1"; on top of lib.sh.

if [ ! -x /usr/sbin/sshd ]; then
	echo "skipped: there is no sshd" >&2
	exit 77
fi

ssh_world() { # PATH has this world's ssh first; the same user on the other side
	mkdir -p "$W/ssh/bin" "$W/run"
	chmod 700 "$W/run"
	ssh-keygen -q -t ed25519 -N '' -f "$W/ssh/host"
	ssh-keygen -q -t ed25519 -N '' -f "$W/ssh/user"
	ssh-keygen -q -t ed25519 -N '' -f "$W/ssh/stranger"
	free_port && SSH_PORT=$REPLY
	cat >"$W/ssh/sshd_config" <<-END
		Port $SSH_PORT
		ListenAddress 127.0.0.1
		HostKey $W/ssh/host
		AuthorizedKeysFile $W/ssh/user.pub
		PidFile none
		UsePAM no
		StrictModes no
		PasswordAuthentication no
		PermitRootLogin prohibit-password
		SetEnv XDG_RUNTIME_DIR=$W/run
	END
	[ "$(id -u)" != 0 ] || mkdir -p /run/sshd # it separates its privileges there
	# shellcheck disable=SC2119
	known && ssh_config
	cat >"$W/ssh/bin/ssh" <<-END
		#!/bin/sh
		exec $(command -v ssh) -F $W/ssh/config "\$@"
	END
	chmod +x "$W/ssh/bin/ssh"
	export PATH="$W/ssh/bin:$PATH" XDG_RUNTIME_DIR="$W/run"
	export SYNCUP_HOST="$BUILD/supervisor/host/syncup-host"
	sshd_start
}

# shellcheck disable=SC2120 # tests give them
ssh_config() { # further lines for db1
	{
		printf 'Host db1\n\tHostName 127.0.0.1\n\tPort %s\n' "$SSH_PORT"
		printf '\tIdentityFile %s\n\tIdentitiesOnly yes\n' "${IDENTITY:-$W/ssh/user}"
		printf '\tUserKnownHostsFile %s/ssh/known\n\tGlobalKnownHostsFile /dev/null\n' "$W"
		[ $# = 0 ] || printf '\t%s\n' "$@"
	} >"$W/ssh/config"
}

# shellcheck disable=SC2120 # tests give it
known() { printf '[127.0.0.1]:%s %s\n' "$SSH_PORT" "$(cut -d' ' -f1,2 "${1:-$W/ssh/host}.pub")" >"$W/ssh/known"; }

sshd_listens() { (exec 3<>"/dev/tcp/127.0.0.1/$SSH_PORT") 2>/dev/null; }

sshd_start() {
	setsid /usr/sbin/sshd -D -f "$W/ssh/sshd_config" -E "$W/ssh/log" </dev/null >/dev/null 2>&1 &
	SSHD=$!
	disown
	until_true 10 sshd_listens || fail "sshd does not come up: $(cat "$W/ssh/log")"
}

logins() { grep -c 'Accepted publickey' "$W/ssh/log" || true; }

# The sshd that serves one connection: under the listener, and as root one deeper
# for the user's part.
sessions() { pgrep -P "$SSHD" || true; }

# asker: a long-lived ask-host for db1; ask TAG JSON begins, answer TAG waits.
asker() {
	mkfifo "$W/asks.$1"
	setsid "$BUILD/tests/e2e/ask-host" --owner "$1" db1 <"$W/asks.$1" >>"$W/answers.$1" 2>"$W/out.asker.$1" &
	ASKER=$! NAME=$1
	disown
	exec {ASKS}>"$W/asks.$1"
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

asker_ends() {
	exec {ASKS}>&-
	until_true 20 is_gone "$ASKER" || fail "ask-host does not end"
}

ask() { jq -c --arg tag "$1" '.tag = $tag' <<<"$2" >&"$ASKS"; }

has_answer() {
	REPLY=$(jq -c --arg tag "$1" 'select(.tag == $tag)' "$W/answers.$NAME")
	[ -n "$REPLY" ]
}

answer() { # TAG [seconds]: in REPLY
	until_true "${2:-30}" has_answer "$1" || fail "no answer to $1: $(cat "$W/answers.$NAME")"
}

get() { ask "$1" "$2"; answer "$1" "${3:-30}"; }

expect_reply() { # jq's filter
	jq -e "$1" <<<"$REPLY" >/dev/null || fail "not $1: $REPLY"
}
