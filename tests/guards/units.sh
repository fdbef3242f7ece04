# shellcheck shell=bash
# units.sh - worlds whose processes are units of a made-up systemd
# (../systemd_fake), on a D-Bus of their own.
FAKE_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/../systemd_fake" && pwd)
FAKE=$BUILD/tests/systemd_fake/systemd-fake

# bus_up: a D-Bus of this world, which takes the place of the system's
bus_up() {
	printf '<busconfig><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>\n' \
		"$W" >"$W/bus.conf"
	dbus-daemon --config-file="$W/bus.conf" --nofork --nopidfile >"$W/out.bus" 2>&1 </dev/null &
	disown
	export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$W/bus
	until_true 10 test -S "$W/bus" || fail "no D-Bus comes up"
}

manager_up() { # as a host that comes up: what is enabled is started
	export SYSTEMD_FAKE_DIR=$W/units
	setsid "$FAKE" "$W/units" >"$W/out.manager" 2>&1 </dev/null &
	disown
}

# unit NAME [JQ]: what starts that instance, through the link; changed by the filter
unit() {
	jq -n --arg link "${LINK:-$W/bin/mongosync}" --arg config "$W/$1.conf" \
		'{argv: [$link, "--config", $config], enabled: true, restart: true, stop_ms: 20000} | '"${2:-.}" \
		>"$W/units/mongosync@$1.service.json.new"
	mv "$W/units/mongosync@$1.service.json.new" "$W/units/mongosync@$1.service.json"
}

# units_world COUNT: so many instances, RUNNING, as units; the fleet says so
units_world() {
	local name
	world light
	instances "$1"
	unpack_version "$FROM"
	mkdir -p "$W/units"
	PATH=$FAKE_DIR:$PATH
	for name in "${NAMES[@]}"; do
		unit "$name"
		EXTRA[$name]=", unit: mongosync@$name.service"
	done
	bus_up
	manager_up
	start_syncs
	fleet
	cp "$W/fleet.yaml" "$W/good.yaml"
}

unit_is() { # NAME JSON: what it tells of itself in place of what is true
	unit "$1" ".is = $2"
}

faults() { # JSON, see ../systemd_fake/README.md
	printf '%s\n' "$1" >"$W/units/faults.json.new"
	mv "$W/units/faults.json.new" "$W/units/faults.json"
}

calls() { # METHOD: how often it was asked for
	jq -sc --arg method "$1" '[.[] | select(.method == $method)] | length' "$W/units/calls.ndjson"
}
