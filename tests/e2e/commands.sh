# shellcheck shell=bash
# commands.sh - processes that the operator's own scripts start and stop, which
# keep a pid file as many do.  For a test that has sourced lib.sh and documents.sh.

# commands_world COUNT: running FROM, started by their scripts
commands_world() {
	local name verb
	world light
	light_documents 300
	instances "$1"
	unpack_version "$FROM"
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
