#!/usr/bin/env bash
# Processes that the operator's own commands start and stop, by scripts that
# keep a pid file as many do.
. "$(dirname "$0")/lib.sh"

# commands_world COUNT [KILLED]: running FROM, started by their scripts
commands_world() {
	local name verb
	world light
	instances "$1"
	unpack_version $FROM
	write_scripts
	for name in "${NAMES[@]}"; do
		EXTRA[$name]=', command: {'
		for verb in start stop status; do EXTRA[$name]+="$verb: [$W/$verb, $name], "; done
		EXTRA[$name]+='}'
		"$W/start" "$name" || fail "$name does not start"
	done
	start_syncs
	fleet
	: >"$W/calls"
}

write_scripts() { # each notes its call; what is started writes its own pid
	cat >"$W/start" <<-END
		#!/bin/sh
		echo "start \$1 \$(readlink "$W/bin/mongosync")" >>"$W/calls"
		if [ -e "$W/start_fails" ] && grep -q "versions/$TO/" <<-LINK
			\$(readlink "$W/bin/mongosync")
		LINK
		then
			# Latin-1, of an old program: it must not spoil the journal
			printf 'Gr\\303\\274\\374e: no licence for this version\\n' >&2
			exit 1
		fi
		setsid sh -c 'echo \$\$ >"$W/\$1.pid"; exec "$W/bin/mongosync" --config "$W/\$1.conf"' sh "\$1" \\
			>>"$W/out.\$1" 2>&1 </dev/null &
	END
	cat >"$W/stop" <<-END
		#!/bin/sh
		echo "stop \$1" >>"$W/calls"
		kill -TERM "\$(cat "$W/\$1.pid")"
	END
	cat >"$W/status" <<-END
		#!/bin/sh
		kill -0 "\$(cat "$W/\$1.pid")" 2>/dev/null || exit 3
	END
	chmod 700 "$W/start" "$W/stop" "$W/status"
}

expect_calls() { # count words...
	[ "$(grep -c "^$2" "$W/calls")" = "$1" ] || fail "not $1 calls of $2: $(tr '\n' ';' <"$W/calls")"
}

expect_touched_once() { # how many processes
	expect_effects "$1" '.event == "paused"'
	expect_effects "$1" '.event == "signal"'
	expect_effects "$1" '.event == "resumed"'
	expect_effects "$1" ".event == \"started\" and .version == \"$TO\""
	expect_calls "$1" stop
	expect_calls "$1" start
	expect_calls "$1" "start .* $W/root/versions/$TO/"
}

undisturbed() {
	commands_world 3
	syncup plan "$W/fleet.yaml"
	said 'warning +link .*start command'
	syncup run "$W/fleet.yaml"
	expect_code 0 "run"
	expect_upgraded
	expect_touched_once 3
}

killed() { # at that point
	commands_world 2
	# A stop that may have been sent is not repeated before its patience is out.
	sed -i 's/ stop: 20/ stop: 4/' "$W/fleet.yaml"
	die_at "$1"
	syncup run "$W/fleet.yaml"
	expect_code 0 "the plain command after a death at: $1"
	expect_upgraded
	expect_effects 2 '.event == "paused"'
	expect_effects 2 '.event == "signal"'
	expect_effects 2 '.event == "resumed"'
	expect_effects 2 ".event == \"started\" and .version == \"$TO\""
}

failing_start() {
	commands_world 2
	touch "$W/start_fails"
	syncup run "$W/fleet.yaml"
	expect_code 9 "a start command that fails"
	said 'no licence for this version'
	expect_back
	expect_effects 0 ".version == \"$TO\""
}

lying_status() { # says that what runs does not: it is not believed
	commands_world 1
	printf '#!/bin/sh\nexit 3\n' >"$W/status"
	syncup run "$W/fleet.yaml"
	expect_code 3 "a status command that lies"
	said 'status command says not running, but'
	expect_effects 0 '.event == "paused"'
}

scenario "three processes" undisturbed
for point in "before stop" "answer stop" "before start" "answer start"; do
	scenario "killed: $point" killed "$point"
done
scenario "a start command that fails" failing_start
scenario "a status command that lies" lying_status
scenarios_end
