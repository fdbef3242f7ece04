#!/usr/bin/env bash
# A unit that could not be stopped in peace, or not started again, is refused
# before anything is touched; so is one that we have no right over.
. "$(dirname "$0")/guards.sh"
# shellcheck source=units.sh
. "$(dirname "$0")/units.sh"

sound() { # a unit as it should be
	units_world 1
	planned "a unit"
	also unit "shard0: mongosync@shard0.service of the system manager"
	also unit-stop "shard0: one SIGTERM, and 20 s to end"
	also unit-start "shard0: Restart=always, started at boot"
	also right "shard0: we may stop and start mongosync@shard0.service"
	also start "shard0: by its unit"
	also link "test: "
}

absent() {
	units_world 1
	edit_fleet 's/mongosync@shard0.service/mongosync@shard1.service/'
	refuses unit "shard0: .*there is no unit mongosync@shard1.service" "a unit that is not there"
}

masked() {
	units_world 1
	unit_is shard0 '{LoadState: "masked"}'
	refuses unit "shard0: .*is masked" "a masked unit"
	grep -q 'systemctl unmask mongosync@shard0' "$W/out.syncup.err" || fail "what to type is not said"
	unit_is shard0 '{LoadState: "masked", UnitFileState: "masked-runtime"}'
	refuses unit "shard0: .*is masked" "a unit that is masked until the next boot"
	grep -q 'systemctl unmask --runtime mongosync@shard0' "$W/out.syncup.err" || fail "what to type is not said"
	unit_is shard0 '{Type: "oneshot"}'
	refuses unit "shard0: .*Type=oneshot" "a unit that is no service"
	unit_is shard0 '{NeedDaemonReload: true}'
	warns unit "were changed since systemd read them"
	unit shard0 '.argv[2] = "/etc/another.conf"'
	refuses unit "shard0: .*does not start with --config" "a unit of another instance"
}

another_way() { # what it starts is not what the link leads to
	units_world 1
	mkdir "$W/elsewhere"
	unit shard0 ".argv[0] = \"$W/elsewhere/mongosync\""
	refuses link "shard0: .*the upgrade would change nothing" "a unit that does not go through the link"
	unit shard0 ".argv[0] = \"$W/elsewhere/wrapper\""
	warns link "cannot be seen"
}

stopping() {
	units_world 1
	unit shard0 '.stop_ms = 5000'
	warns unit-stop "SIGKILL 5 s after its stop signal"
	unit shard0 '.exec_stop = ["/bin/kill", "-TERM", "1"]'
	refuses unit-stop "shard0: .*a second one makes mongosync before 1.20 panic" "a unit that gets two SIGTERMs"
	unit shard0 '.exec_stop = ["/usr/bin/tell-them"]'
	warns unit-stop "a stop command of its own"
	unit_is shard0 '{KillMode: "none"}'
	refuses unit-stop "shard0: .*KillMode=none" "a unit whose processes stay"
	unit_is shard0 '{KillMode: "process"}'
	warns unit-stop "KillMode=process"
	unit_is shard0 '{KillMode: "mixed", MainPID: 1}'
	warns unit-stop "is a wrapper, and the sync gets SIGKILL"
	unit_is shard0 '{KillMode: "control-group", MainPID: 1}'
	warns unit-stop "is a wrapper, and the sync gets a second SIGTERM"
	unit_is shard0 '{SendSIGHUP: true}'
	warns unit-stop "SendSIGHUP=yes"
	unit_is shard0 '{KillSignal: 2}'
	warns unit-stop "stopped by signal 2"
}

starters() {
	units_world 1
	unit_is shard0 '{TriggeredBy: ["nightly.timer"]}'
	warns unit-start "nightly.timer starts it, too"
}

no_right() {
	units_world 1
	faults '{"RefUnit": "deny"}' # a rule for no more than what we do
	passes right "shard0: we may stop and start"
	faults '{"RefUnit": "deny", "ResetFailedUnit": "deny"}'
	refuses right "shard0: .*may not manage unit mongosync@shard0.service: a polkit rule" "a unit without the right over it"
}

no_manager() { # systemd is not there at all
	units_world 1
	kill "$(pids_that -azF -e "$W/units")"
	refuses unit "shard0: .*systemd cannot be asked about mongosync@shard0.service" "units without a manager"
}

scenario "a unit as it should be" sound
scenario "no such unit" absent
scenario "units that cannot be started" masked
scenario "a unit that does not go through the link" another_way
scenario "units that cannot be stopped in peace" stopping
scenario "a unit that others start" starters
scenario "no right" no_right
scenario "no manager" no_manager
scenarios_end
