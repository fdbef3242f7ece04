# shellcheck shell=bash
# world.sh - sync processes in the hosts of a bench, as units of systemd; and the
# same questions to the same referee as in tests/e2e.
#
#   system_world ops host1 host2        hosts come up; syncup works on the first
#   lane north host1 host1 host2        a migration: north0, north1, north2
#   fleet; syncup run                   the fleet file is $FLEET on $OPS
#   expect_upgraded; expect_whole_lanes; expect_no_trace host1 host2
#
# Clusters are folders below $W, which all hosts see at one path; $W is also where
# the referee and behave() write.  All else a host has for itself: /etc/mongosync,
# /opt/mongosync, and on $OPS /etc/syncup and /var/lib/syncup.
# shellcheck source-path=SCRIPTDIR source=bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/bench.sh"
WORLDS=$BENCH/worlds
# shellcheck source=../e2e/lib.sh
. "$SYSTEM_DIR/../e2e/lib.sh"
# shellcheck source=../e2e/documents.sh
. "$SYSTEM_DIR/../e2e/documents.sh"

# Who types the commands: root; the sync processes' user, who may manage their
# units by a rule of polkit; or alice, whose all of it is, by her user manager.
WHO=${WHO:-root}
SYNC_USER=mongosync SYNC_ID=870
FLEET=/etc/syncup/test.yaml ROOT=/opt/mongosync STATE=${STATE:-/var/lib/syncup} LOGS=/var/log/mongosync
UNITS=/etc/systemd/system TARGET=multi-user.target
if [ "$WHO" = alice ]; then
	SYNC_USER=alice SYNC_ID=871
	FLEET=/home/alice/test.yaml ROOT=/home/alice/mongosync STATE=/home/alice/state LOGS=/home/alice/log
	UNITS=/home/alice/.config/systemd/user TARGET=default.target
fi
PLAIN=${PLAIN:-} # if set, what they run from at first: a plain file of this path
SHARE=/srv/syncup-test # what a host needs of the repository
SYNCUP=/usr/bin/syncup SYNCUP_HELPER=$SHARE/light-helper
declare -A HOST_OF=() LANE_OF=() UNIT_OF=() # of each process
LANES=()

disk_of() { printf '%s' "$BENCH/$1/upper$2"; } # HOST PATH: what the host itself wrote there
journal_of_run() { disk_of "$OPS" $STATE/test/run.journal; }

person() { # HOST command...: as who types the commands there
	if [ "$WHO" = root ]; then on "$@"; else as "$1" "$WHO" "${@:2}"; fi
}
manager() { # NAME command...: systemctl, of the manager that has its unit
	if [ "$WHO" = alice ]; then as "${HOST_OF[$1]}" alice systemctl --user "${@:2}"; else on "${HOST_OF[$1]}" systemctl "${@:2}"; fi
}

# system_world HOST...: FROM is installed on each, and syncup as a package has it
system_world() {
	bench_image
	OPS=$1
	world light
	SYNCUP_HELPER=$SHARE/light-helper
	chmod 755 "$W"
	install_syncup
	if [ "$PLAIN" ]; then
		unpack_version "$FROM" "$BENCH/image${PLAIN%/*}"
	else
		unpack_version "$FROM" "$BENCH/image$ROOT/versions/$FROM/bin"
	fi
	[ "$WHO" = root ] || chown -R $SYNC_ID:$SYNC_ID "$BENCH/image$ROOT"
	host_new "$@"
	[ ! "${SMALL_DISK:-}" ] || disk_with_versions "$SMALL_DISK"
	boot "$@"
}

# SMALL_DISK=HOST: its install root is a disk that is soon full
disk_with_versions() {
	disk "$1" $ROOT 32
	cp -a "$BENCH/image$ROOT/." "$BENCH/$1/disk0/"
}

install_syncup() {
	local image=$BENCH/image
	DESTDIR=$image cmake --install "$BUILD" --prefix /usr >"$W/install.log" 2>&1 || fail "it cannot be installed"
	mkdir -p "$image/etc/"{syncup,mongosync} "$image$STATE" "$image$SHARE" "$image/etc/polkit-1/rules.d"
	cp "$BUILD/tests/refsync/light_helper/light-helper" "$here/compat-lies.json" "$image$SHARE"
	[ "$WHO" = root ] || chown -R $SYNC_ID:$SYNC_ID "$image/etc/"{syncup,mongosync} "$image$STATE"
	cat >"$image/etc/polkit-1/rules.d/50-bench.rules" <<-'END'
		polkit.addRule(function (action, subject) {
			if (action.id == "org.freedesktop.systemd1.manage-units" && subject.user == "mongosync" &&
				/^mongosync-/.test(action.lookup("unit")))
				return polkit.Result.YES;
		});
	END
}

# lane NAME HOST...: a migration with a process on each of these hosts
lane() {
	mkdir -p "$W/$1/source" "$W/$1/destination"
	light_documents 300 "$W/$1"
	SOURCE=light:$W/$1/source DESTINATION=light:$W/$1/destination
	lane_of "$@"
}
lane_of() { # of SOURCE and DESTINATION
	local lane=$1 host i=0
	shift
	LANES+=("$lane")
	mkdir -p "$W/$lane"
	for host; do # they have to know of each other
		HOST_OF[$lane$i]=$host LANE_OF[$lane$i]=$lane
		i=$((i + 1))
	done
	for ((i = 0; i < $#; i++)); do sync_process "$lane$i" $#; done
	chown -R $SYNC_ID:$SYNC_ID "$W"
}

# database_lane NAME HOST...: the same with real servers, a writer, a copy that is
# not at its end, and a password; in the end expect_equal takes the place of
# expect_whole_lanes
database_lane() {
	local name
	MODE=database SYNCUP_HELPER=/usr/libexec/syncup/syncup-helper
	database source && SOURCE=$REPLY && reached_by_hosts
	database destination && DESTINATION=$REPLY && reached_by_hosts
	SOURCE=${SOURCE/127.0.0.1/10.77.0.1} DESTINATION=${DESTINATION/127.0.0.1/10.77.0.1}
	work load --uri "$SOURCE" --documents "$DOCUMENTS" || fail "no documents"
	lane_of "$@"
	for name in "${NAMES[@]}"; do
		behave "$name" "{\"partition_docs\": 100, \"partition_docs_per_s\": $((200 / ${#NAMES[@]}))}"
	done
	start_all
	work write --uri "$SOURCE" --rate 30 --until-file "$W/enough" &
	WRITER=$!
	until_true 30 has_copied "$FROM" 3 || fail "the copy does not begin"
}

reached_by_hosts() { # the database of REPLY, which listens on 127.0.0.1
	local port
	port=$(grep -oE '127.0.0.1:[0-9]+' <<<"$REPLY" | cut -d: -f2)
	systemd-socket-activate -l "10.77.0.1:$port" /lib/systemd/systemd-socket-proxyd "127.0.0.1:$port" \
		>"$W/proxy.log" 2>&1 </dev/null &
}
has_password() { grep -qF "$SECRET" "$(disk_of "${HOST_OF[$1]}" "$(conf_of "$1")")"; }

sync_process() { # NAME COUNT: its file, and a unit that can start it
	local name=$1 lane=${LANE_OF[$1]} host=${HOST_OF[$1]} id=$1
	[ "$2" != 1 ] || id=-
	UNIT_OF[$name]=mongosync-$lane@$name.service
	instance "$name" "$id"
	{
		sed "s#^logPath: .*#logPath: $LOGS/$name#" "$W/$name.conf"
		printf '# password: %s\n' "$SECRET" # nobody has to tell it to anybody
	} | on "$host" sh -c "umask 077; cat >'$(conf_of "$name")'; chown $SYNC_ID '$(conf_of "$name")'"
	rm "$W/$name.conf"
	[ "$PLAIN" ] || person "$host" test -e "$ROOT/$lane/current" || person "$host" sh -c \
		"mkdir -p '$ROOT/$lane' && ln -s '$ROOT/versions/$FROM' '$ROOT/$lane/current'"
	unit_file "$host" "$lane"
	manager "$name" daemon-reload
	count processes 1
}

unit_file() { # HOST LANE
	local user=User=$SYNC_USER
	[ "$WHO" != alice ] || user=''
	person_of_units "$1" sh -c "mkdir -p $UNITS '$LOGS'; cat >'$UNITS/mongosync-$2@.service'" <<-END
		[Unit]
		Description=sync process %i
		[Service]
		$user
		${user:+LogsDirectory=mongosync}
		Environment=REFSYNC_FAULTS=$W/%i.conf.refsync
		ExecStart=${PLAIN:-$ROOT/$2/current/bin/mongosync} --config /etc/mongosync/%i.conf
		[Install]
		WantedBy=$TARGET
	END
}
person_of_units() { if [ "$WHO" = alice ]; then person "$@"; else on "$@"; fi; }

# unit_says NAME LINES...: a drop-in of its unit, in [Service]
unit_says() {
	local name=$1 dir=$UNITS/${UNIT_OF[$1]}.d
	shift
	printf '%s\n' '[Service]' "$@" | person_of_units "${HOST_OF[$name]}" sh -c "mkdir -p '$dir'; cat >>'$dir/test.conf'"
	manager "$name" daemon-reload
}

# --- what tests/e2e asks of one machine, asked of many

# A lane has a log of its effects for itself: two have partitions of one name.
effects() { jq -sc "[.[] | select($1)] | length" "$W"/*/effects.ndjson; }
eval "behave_of_lib() $(declare -f behave | tail -n +2)"
behave() { # NAME JSON
	local name IDS=() EFFECTS=$W/${LANE_OF[$1]}/effects.ndjson
	for name in "${!LANE_OF[@]}"; do
		[ "${LANE_OF[$name]}" != "${LANE_OF[$1]}" ] || IDS+=("$name")
	done
	behave_of_lib "$1" "$2"
}

conf_of() { printf '/etc/mongosync/%s.conf' "$1"; }
NEXT_PORT=27182
free_port() { REPLY=$((NEXT_PORT++)); } # nobody else is in these namespaces
pids_of_world() { find /proc -maxdepth 1 -name '[0-9]*' -printf '%f\n' | grep -vxE "1|$$"; }

api() { # NAME path [body]
	nsenter --net="/run/netns/${HOST_OF[$1]}" \
		curl -sS -m 10 ${3+-d "$3"} "http://127.0.0.1:$(port_of "$1")/api/v1/$2" 2>/dev/null
}

launch() { manager "$1" start "${UNIT_OF[$1]}"; }

# fleet [yaml lines...]: EXTRA[NAME] is added to an instance's line
# shellcheck disable=SC2120 # tests give them
fleet() {
	local name host tarball=${ARCHIVE:-$DIST/mongosync-debian12-x86_64-$TO.tgz}
	cp "$tarball" "$W/${tarball##*/}" # all hosts see it there
	{
		printf 'name: test\nversion: %s\n' "$TO"
		printf 'artifact: {file: "%s", sha256: %s}\n' "$W/${tarball##*/}" "$(sha256sum "$tarball" | cut -d' ' -f1)"
		printf 'install_root: %s\nstate_dir: %s\n' $ROOT $STATE
		[ ! "$PLAIN" ] || printf 'link: %s\n' "$PLAIN"
		printf 'compat: %s/compat-lies.json\n' $SHARE
		printf 'on_failure: %s\noplog_window: 86400\n' "${ON_FAILURE:-rollback}"
		printf 'timeouts: {%s}\n' "${TIMEOUTS:-pause: 60, stop: 60, start: 60, resume: 60, movement: 10, idle: 3, pause_quiet: 1, start_quiet: 1, resume_quiet: 1}"
		printf '%s\n' "$@"
		printf 'instances:\n'
		for name in "${NAMES[@]}"; do
			host=", host: ${HOST_OF[$name]}"
			[ "${HOST_OF[$name]}" != "$OPS" ] || host=
			[ "$WHO" != alice ] || host+=', manager: user'
			printf '  - {name: %s, config: %s, lane: %s, unit: %s%s%s}\n' "$name" \
				"$(conf_of "$name")" "${LANE_OF[$name]}" "${UNIT_OF[$name]}" "$host" "${EXTRA[$name]:-}"
		done
	} >"$W/fleet.yaml"
	person "$OPS" sh -c "cat >$FLEET" <"$W/fleet.yaml"
}

# syncup VERB [options]: on $OPS, of $FLEET; its code in CODE
syncup() {
	CODE=0
	person "$OPS" env SYNCUP_HELPER=$SYNCUP_HELPER $SYNCUP "$@" $FLEET \
		>"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || CODE=$?
	no_sanitizer_complained
}

# syncup_begin VERB: it works on; syncup_ended waits for its end.  STALL=POINT: it
# stops itself there (SYNCUP_STALL_ON).  Its output is out.${OUT:-syncup}
syncup_begin() {
	person "$OPS" env SYNCUP_HELPER=$SYNCUP_HELPER "SYNCUP_STALL_ON=${STALL:-}" $SYNCUP "$@" $FLEET \
		>"$W/out.${OUT:-syncup}" 2>"$W/out.${OUT:-syncup}.err" </dev/null &
	SUPERVISOR=$!
}
syncup_ended() {
	CODE=0
	{ wait "$SUPERVISOR" || CODE=$?; } 2>/dev/null
	no_sanitizer_complained
}

# die_at POINT: runs until it dies by SIGKILL there (tests/e2e/README.md)
die_at() {
	CODE=0
	{ person "$OPS" env SYNCUP_HELPER=$SYNCUP_HELPER SYNCUP_CRASH_ON="$1" $SYNCUP run $FLEET \
		>"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || CODE=$?; } 2>/dev/null
	expect_code 137 "it did not die at: $1"
}

journal_has() { # KIND STEP [TARGET]
	grep -qE "\"kind\":\"$1\".*\"step\":\"$2\"${3:+.*\"target\":\"$3\"}|${3:+\"target\":\"$3\".*}\"step\":\"$2\".*\"kind\":\"$1\"" \
		"$(journal_of_run)" 2>/dev/null
}
wait_journal() { # KIND STEP [TARGET]: until the run's journal shows it
	until_true "${PATIENCE:-60}" journal_has "$@" || fail "the run never came to: $*: $(on "$OPS" journalctl -q -n 30 -u 'syncup*')"
}

slow() { # [MS]: each stage takes a while
	local name
	for name in "${NAMES[@]}"; do
		behave "$name" "{\"pause_ms\": ${1:-1000}, \"stop_ms\": ${1:-1000}, \"silence_ms\": ${1:-1000}, \"resume_ms\": ${1:-1000}}"
	done
}

claims_on() { find "$(disk_of "$1" $ROOT/.syncup/claims)" -name '[!.]*.json' 2>/dev/null; }

expect_no_claims() {
	local host
	for host in "${HOSTS[@]}"; do
		[ -z "$(claims_on "$host")" ] || fail "claims are left on $host"
	done
}

# Each process was touched once, however it came to its end.
expect_upgraded_once() {
	local event
	expect_upgraded
	for event in paused resumed; do expect_effects ${#NAMES[@]} ".event == \"$event\""; done
	expect_effects ${#NAMES[@]} ".event == \"started\" and .version == \"$TO\""
	expect_effects ${#LANES[@]} '.event == "migrated"'
	count upgrades ${#NAMES[@]}
}

expect_whole_lanes() {
	local lane
	for lane in "${LANES[@]}"; do expect_whole "$W/$lane"; done
}

# --- nothing but the new version is left

# What a host's disk had from us before: systemd and the sync processes write their
# own, everywhere else nobody has to.
listing_of() { # HOST
	(cd "$(disk_of "$1" '')" && find . -path ./var/log -prune -o -path ./var/lib/systemd -prune -o \
		-path './etc/mongosync' -prune -o -path './etc/systemd' -prune -o ! -type d -printf '%p %l %s\n') | sort
}
remember() { # HOST...
	local host
	for host; do listing_of "$host" >"$BENCH/$host/listing"; done
}

expect_no_trace() { # HOST...: since remember()
	local host new
	for host; do
		new=$(comm -13 "$BENCH/$host/listing" <(listing_of "$host") |
			grep -vE "^\.($ROOT/(versions/$TO/|[a-z]+/current |\.syncup/links/)${PLAIN:+|$PLAIN |$ROOT/versions/$FROM/})" || true)
		[ -z "$new" ] || fail "left on $host: $new"
		# What runs there notices a moment later that the connection has ended.
		until_true 10 is_left_alone "$host" ||
			fail "left on $host: $(files_in_memory "$host") $(on "$host" pgrep -af syncup)"
	done
}
files_in_memory() { # HOST
	find "/proc/${INIT[$1]}/root/"{tmp,run,run/user/*,dev/shm} -xdev -name '*syncup*' 2>/dev/null || true
}
is_left_alone() { [ -z "$(files_in_memory "$1")" ] && ! on "$1" pgrep -f syncup >/dev/null; } # HOST

# --- the end

no_sanitizer_complained() {
	! grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$W/out.syncup.err" ||
		{ cat "$W/out.syncup.err" >&2; fail "a sanitizer complained"; }
}

# The disks are searched, too, and what journald has of each host.
journals_are_silent() {
	local host found
	for host in "${HOSTS[@]}"; do
		found=$(journalctl --directory "$(disk_of "$host" /var/log/journal)" --merge --quiet -o export 2>/dev/null |
			grep -acF -e "$SECRET" -e "$SECRET_PLAIN" || true)
		[ "$found" = 0 ] || { printf 'FAIL: the password is in the journal of %s\n' "$host" >&2; return 1; }
	done
}

clean_up() { # the kernel takes processes and mounts
	local code=$? kept
	trap - EXIT
	# shellcheck disable=SC2034 # canary takes it
	SEARCHED=("$W" "$BENCH"/*/upper)
	canary || code=1
	journals_are_silent || code=1
	if [ "${KEEP:-}" ]; then
		kept=$(mktemp -d "$BUILD/worlds/kept.XXXXXX")
		cp -a "$W" "$kept/world"
		for host in "${HOSTS[@]}"; do cp -a "$BENCH/$host/upper" "$kept/$host"; done
		printf 'kept %s\n' "$kept" >&2
	fi
	exit $code
}
