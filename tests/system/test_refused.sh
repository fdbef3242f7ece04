#!/usr/bin/env bash
# What is wrong with a host is said before anything is touched, with what to type;
# what turns out wrong later is turned back, or stops where it is safe.
SCENARIOS=(key host_key no_bridge logs_out no_power full_before full_later)
. "$(dirname "$0")/world.sh"

two_hosts() {
	system_world ops host1 host2
	lane shop host1 host2
	start_all
	fleet
	remember host1 host2
}

refused() { # REGEX
	local verb
	for verb in plan run; do
		syncup $verb
		expect_code 3 "$verb"
		said "$1"
	done
	expect_effects 0 '.event == "paused" or .event == "signal"'
	expect_no_claims
	[ ! -e "$(journal_of_run)" ] || fail "a run was begun"
}

finished() {
	syncup run
	expect_code 0 "run when it is mended"
	expect_upgraded_once
	expect_no_trace host1 host2
	expect_whole_lanes
}

key() {
	two_hosts
	refuse_key host2
	refused 'host2.*Permission denied'
	said 'ssh .*host2'
	take_key host2
	remember host2 # its file of keys was moved
	finished
}

host_key() { # somebody else, or nobody we know
	two_hosts
	on ops sed -i '/^10.77.0.12 /d' /root/.ssh/known_hosts
	refused 'host2.*[Hh]ost key'
	said 'ssh .*host2'
	on ops sh -c "printf '10.77.0.12 %s\n' '$(ssh-keygen -q -t ed25519 -N '' -f "$W/other" && cat "$W/other.pub")' >>/root/.ssh/known_hosts"
	refused 'host2.*[Hh]ost key'
	cp $BENCH/known_hosts "$W/known_hosts"
	on ops cp "$W/known_hosts" /root/.ssh/known_hosts
	finished
}

no_bridge() { # the way to its systemd
	two_hosts
	on host2 mv /usr/bin/systemd-stdio-bridge /usr/bin/not-here
	refused 'shop1.*last heard from host2: .*systemd-stdio-bridge: .*not found'
	on host2 mv /usr/bin/not-here /usr/bin/systemd-stdio-bridge
	remember host2
	finished
}

logs_out() { # whose manager ends with her session
	two_hosts
	on host2 rm /var/lib/systemd/linger/alice
	as host2 alice sh -c 'mkdir -p ~/.config/systemd/user && cat >~/.config/systemd/user/hers.service' <<-END
		[Service]
		ExecStart=$ROOT/shop/current/bin/mongosync --config /home/alice/hers.conf
	END
	as host2 alice systemctl --user daemon-reload
	on host2 sh -c 'sed "s/^port: .*/port: 29999/" /etc/mongosync/shop1.conf >/home/alice/hers.conf; chown alice: /home/alice/hers.conf'
	printf '  - {name: hers, config: /home/alice/hers.conf, unit: hers.service, manager: user, host: "alice@10.77.0.12"}\n' |
		on ops sh -c "cat >>$FLEET"
	syncup plan
	expect_code 3 "plan"
	said 'hers: its user manager ends with the user.s last session'
	said 'loginctl enable-linger   typed on alice@10.77.0.12'
}

no_power() {
	two_hosts
	power_cut host2
	syncup plan
	expect_code 3 "plan without host2"
	said 'host2'
	expect_effects 0 '.event == "paused" or .event == "signal"'
	boot host2
	launch shop1
	wait_state shop1 RUNNING
	finished
}

full() { on host2 sh -c "cat /dev/zero >$ROOT/fill 2>/dev/null; true"; }

full_before() {
	SMALL_DISK=host2 two_hosts
	full
	refused 'host2.*(room|No space|free)'
	said "$ROOT"
	on host2 rm $ROOT/fill
	finished
}

# There was room when it was looked at.
full_later() {
	SMALL_DISK=host2 two_hosts
	die_at 'before deliver'
	full
	syncup run
	[ "$CODE" != 0 ] || fail "it ended well on a full disk"
	said 'host2'
	said 'No space left on device|room'
	said "$ROOT"
	expect_effects 0 '.event == "signal"'
	on host2 rm $ROOT/fill
	finished
}

"$@"
