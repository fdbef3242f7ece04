#!/usr/bin/env bash
# Processes that are units of a service manager, here of a made-up one that
# denies, stays silent and goes away (../systemd_fake): whatever becomes of its
# answers, each process is stopped and started once.
# shellcheck disable=SC2016 # what is awaited is expanded when it is asked
. "$(dirname "$0")/lib.sh"
# shellcheck source=../guards/units.sh
. "$here/../guards/units.sh"

upgraded_once() { # every process got one stop signal, and was started once more
	expect_code 0 "$1"
	expect_upgraded
	expect_effects "${#NAMES[@]}" '.event == "signal"'
	expect_effects $((2 * ${#NAMES[@]})) '.event == "started"'
}

plain() {
	units_world 3
	syncup run "$W/fleet.yaml"
	upgraded_once "units"
}

unanswered() { # FAULTS: what is not answered was done all the same, or was not
	units_world 2
	faults "$1"
	syncup run "$W/fleet.yaml"
	upgraded_once "$1"
}

deaf_once() { # a start that was neither done nor answered is done once it is known
	units_world 1
	faults '{"StartUnit": "deaf"}'
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.syncup" 2>&1 </dev/null &
	local pid=$! code=0
	until_true 60 eval '[ -s "$W/units/calls.ndjson" ] && [ "$(calls StartUnit)" -ge 1 ]' || fail "no start"
	faults '{}'
	wait $pid || code=$?
	CODE=$code
	upgraded_once "a start that got lost"
}

no_bus() { # the bus itself goes away and comes back in the middle
	units_world 2
	behave shard0 '{"pause_ms": 3000}'
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.syncup" 2>&1 </dev/null &
	local pid=$! code=0 daemon
	daemon=$(pids_that -azF -e "--config-file=$W/bus.conf")
	until_true 60 eval '[ "$(jq_journal ".kind == \"intent\" and .step == \"pause\"")" -ge 1 ]' ||
		fail "no pause"
	kill -KILL "$daemon"
	rm -f "$W/bus"
	bus_up
	until_true 10 eval '! kill -0 '"$daemon"' 2>/dev/null' || fail "the bus does not go"
	wait $pid || code=$?
	CODE=$code
	upgraded_once "a bus that went away"
}

killed() { # POINT: the supervisor dies there; the same command finishes
	units_world 2
	die_at "$1"
	syncup run "$W/fleet.yaml"
	upgraded_once "killed at $1"
}

in_circles() { # somebody starts a unit while it is stopped: the hold turns it away
	units_world 1
	die_at "before save"
	unit shard0 '.restart_ms = 100'
	dbus-send --bus="$DBUS_SYSTEM_BUS_ADDRESS" --dest=org.freedesktop.systemd1 --print-reply \
		/org/freedesktop/systemd1 org.freedesktop.systemd1.Manager.StartUnit \
		string:mongosync@shard0.service string:replace >/dev/null
	until_true 20 eval 'cat "$W"/units/*.log | grep -q "syncup"' || fail "the hold is not started"
	syncup run "$W/fleet.yaml"
	upgraded_once "a unit in circles on the hold"
}

will_not_start() { # the new version ends at once, again and again
	units_world 2
	behave shard0 "{\"$TO\": {\"crash_at_start\": 3}}"
	syncup run "$W/fleet.yaml"
	expect_code 9 "a version that does not live"
	expect_running "$FROM" "${NAMES[@]}"
	said "it ends each time it is started: .*told to crash at the start"
	expect_effects 0 '.event == "panic"'
}

never_begins() { # systemd itself says that it failed
	units_world 1
	die_at "before start"
	unit shard0 '.start_result = "failed"'
	syncup run "$W/fleet.yaml"
	[ "$CODE" != 0 ] || fail "it should not be done"
	said "mongosync@shard0.service: starting it ended as \"failed\", it is failed"
	unit shard0
	syncup run "$W/fleet.yaml"
	expect_code 9 "the way back"
	syncup run --retry "$W/fleet.yaml"
	expect_code 0 "and again"
	expect_running "$TO" shard0
}

never_stops() { # somebody cancels each stop: that has an end, and a way back
	units_world 1
	unit shard0 '.stop_result = "canceled"'
	sed -i 's/ stop: 20/ stop: 4/' "$W/fleet.yaml"
	syncup run "$W/fleet.yaml"
	expect_code 9 "a stop that is canceled each time"
	said 'still impossible after 4 s: .*stopping it ended as "canceled"'
	[ "$(calls StopUnit)" -gt 1 ] || fail "it was not tried again"
	expect_effects 0 '.event == "signal"'
	expect_running "$FROM" shard0
	expect_effects 1 '.event == "resumed"'
	unit shard0
	syncup run --retry "$W/fleet.yaml"
	expect_code 0 "and again"
	expect_running "$TO" shard0
}

scenario "units" plain
scenario "a stop that is never answered" unanswered '{"StopUnit": "silent"}'
scenario "a start that is never answered" unanswered '{"StartUnit": "silent"}'
scenario "a manager that leaves when it is asked to stop" unanswered '{"StopUnit@mongosync@shard0.service": "cut"}'
scenario "a manager that leaves when it is asked to start" unanswered '{"StartUnit@mongosync@shard1.service": "cut"}'
scenario "a start that got lost" deaf_once
scenario "a bus that goes away" no_bus
scenario "killed before a stop" killed "before stop"
scenario "killed when a stop was answered" killed "systemd: stop answered"
scenario "killed when a start was answered" killed "systemd: start answered"
scenario "a unit in circles on the hold" in_circles
scenario "a version that does not live" will_not_start
scenario "a start that systemd calls failed" never_begins
scenario "a stop that is canceled each time" never_stops
scenarios_end
