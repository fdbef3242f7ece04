#!/usr/bin/env bash
# Two supervisors of one fleet, started at the same moment: one works, the other
# says who holds the lock and exits 4.  What a dead process left in the lock is
# no obstacle, whoever has its pid by now.
#
# Every round is a contest for a run that is not finished: its process was asked
# to pause and does not, and when the loser has spoken the winner is killed.
. "$(dirname "$0")/lib.sh"

ROUNDS=${ROUNDS:-100} # in both worlds together

lock() { printf '%s' "$W/state/test/lock"; }

# start FD NAME: a supervisor that begins when there is a line to read; its pid in REPLY
start() {
	( # nothing in between, so that the pid is the supervisor's
		read -r _ <&"$1"
		exec "$SYNCUP" run "$W/fleet.yaml"
	) >"$W/out.$2" 2>"$W/out.$2.err" </dev/null &
	REPLY=$!
}

took_it_up() { # PID: the last one whom the journal knows
	local last
	last=$(grep -hoE '"kind":"resumed".*' "$W/state/test/run.journal" 2>/dev/null |
		grep -oE '"pid":[0-9]+' | tail -n 1)
	[ "$last" = "\"pid\":$1" ]
}
asked_to_pause() { [ "$(effects '.event == "request" and .path == "/api/v1/pause"')" = 1 ]; }

# What else a lock may hold: of a dead process whose pid is now somebody
# else's, of the time before a reboot, of an older syncup, half of it, nothing.
leave_in_lock() { # number of the round
	local host
	host=$(uname -n)
	case $(($1 % 6)) in
	0) return ;; # what the killed winner left
	1) printf '{"pid":%s,"host":"%s","since_ms":1,"boot":"%s","start_ticks":1}' \
		$$ "$host" "$(cat /proc/sys/kernel/random/boot_id)" ;;
	2) printf '{"pid":1,"host":"%s","since_ms":1,"boot":"00000000-0000-4000-8000-000000000000","start_ticks":3}' "$host" ;;
	3) printf '{"pid":%s,"host":"%s","since_ms":1}' $$ "$host" ;;
	4) printf '{"pid":%s,"ho' $$ ;;
	5) : ;;
	esac >"$(lock)"
}

contest() { # number of the round, is it the first?
	local pids=() loser code=0 winner
	start "$BARRIER" first && pids+=("$REPLY")
	start "$BARRIER" second && pids+=("$REPLY")
	printf '\n\n' >&"$BARRIER"
	wait -n -p loser "${pids[@]}" || code=$?
	[ "$loser" = "${pids[0]}" ] && winner=${pids[1]} || winner=${pids[0]}
	[ $code = 4 ] || fail "round $1: the first to end has code $code, not 4"
	cat "$W/out.first.err" "$W/out.second.err" >"$W/out.syncup.err"
	: >"$W/out.syncup"
	said "^syncup: $(lock) is held by pid $winner on $(uname -n) since 20[0-9-]+ [0-9:]+ UTC$"
	[ "$(grep -c '^syncup: ' "$W/out.syncup.err")" = 1 ] || fail "round $1: not only the loser spoke"
	if [ "$2" ]; then
		until_true 20 asked_to_pause
	else
		until_true 20 took_it_up "$winner"
	fi || fail "round $1: the winner does not work"
	kill -KILL "$winner" 2>/dev/null || fail "round $1: the winner has ended"
	{ wait "$winner" || true; } 2>/dev/null
}

contests() { # from to
	local round
	simple_world light 1
	sed -i 's/pause: 20/pause: 3600/; s/pause_quiet: 1/pause_quiet: 3600/' "$W/fleet.yaml"
	behave shard0 '{"never_pauses": 1}'
	mkfifo "$W/barrier"
	exec {BARRIER}<>"$W/barrier"
	for ((round = $1; round < $2; round++)); do
		if [ $round = "$1" ]; then contest $round first; else contest $round ''; fi
		leave_in_lock $round
	done
	expect_effects 1 '.event == "request" and .path == "/api/v1/pause"'
	expect_effects 0 '.event == "signal"'
	behave shard0 '{}'
	syncup run "$W/fleet.yaml"
	expect_code 0 "the plain command after all"
	expect_upgraded
	"$SYNCUP" journal verify "$W/fleet.yaml" >/dev/null || fail "the journal does not verify"
	[ "$(jq_journal '.kind == "resumed"')" = $(($2 - $1)) ] || # all but the first, and the last
		fail "not one of them in each round"
	for event in paused signal resumed; do expect_effects 1 ".event == \"$event\""; done
	expect_effects 1 '.event == "request" and .path == "/api/v1/pause"'
}

scenario "contests in one world" contests 0 $((ROUNDS / 2))
scenario "contests in another" contests $((ROUNDS / 2)) "$ROUNDS"
scenarios_end
