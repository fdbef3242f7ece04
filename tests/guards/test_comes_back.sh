#!/usr/bin/env bash
# A new version that does not come up, and leaves the metadata as it was saved:
# the lane goes back by itself, exit 9, and says why in the process's own words.
. "$(dirname "$0")/guards.sh"
# shellcheck source=../e2e/commands.sh
. "$(dirname "$0")/../e2e/commands.sh"

no_second_time() { # the metadata was not migrated, and each process went once
	expect_effects 0 '.event == "migrated"'
	expect_effects ${#NAMES[@]} '.event == "signal" and .version == "1.12.0"'
}

# The reason, then and later, also for scripts.
says() { # regex of the reason, regex of the process's own words
	local code=$CODE
	said "turned-back \\(start shard[01]: $1"
	said "its log: .*$2"
	syncup status "$W/fleet.yaml"
	said "its log: .*$2"
	syncup status --json "$W/fleet.yaml"
	jq -e --arg text "$2" '.outcome == "turned-back" and (.lanes[0].log | length <= 5) and
		any(.lanes[0].log[]; test($text))' "$W/out.syncup" >/dev/null || fail "status --json has no log"
	CODE=$code
}

exits_at_once() {
	copied_world 2
	faulty '{"crash_at_start": 4}'
	syncup run "$W/fleet.yaml"
	expect_code 9 "a version that exits at once"
	says 'it ended at once: ' 'told to crash at the start'
	no_second_time
	came_back "a version that exits at once"
}

exits_with_0() {
	copied_world 1
	faulty '{"quit_at_start": 1}'
	syncup run "$W/fleet.yaml"
	said 'it ended at once'
	no_second_time
	came_back "a version that exits at once, with 0"
}

refuses_the_metadata() {
	local signals
	copied_world 2
	faulty '{"accept_metadata": 12}'
	syncup run "$W/fleet.yaml"
	expect_code 9 "a version that refuses the metadata"
	says 'it ended at once: fatal: Persisted metadata version: 10 is lower' \
		'fatal: Persisted metadata version: 10 is lower than the minimum supported metadata version: 12'
	no_second_time
	came_back "a version that refuses the metadata"
	# A timer's next tick must not interrupt it again; a person may.
	signals=$(effects '.event == "signal"')
	syncup run "$W/fleet.yaml"
	expect_code 9 "the same again"
	said 'run --retry'
	expect_effects "$signals" '.event == "signal"'
	syncup run --retry "$W/fleet.yaml"
	came_back "the same version, tried again by a person"
}

never_answers() {
	copied_world 2
	faulty '{"hang_at_start": 1}'
	edit_fleet 's/ start: 30/ start: 4/'
	syncup run "$W/fleet.yaml"
	expect_code 9 "a version that never answers"
	says 'not there after [0-9]+ s: it runs and does not answer yet' 'Mongosync Options'
	no_second_time
	came_back "a version that never answers"
}

stays_idle() {
	copied_world 2
	faulty '{"start_idle": 1}'
	syncup run "$W/fleet.yaml"
	expect_code 9 "a version that stays IDLE"
	says 'it stays IDLE: it did not find its sync' '.'
	no_second_time
	expect_effects 2 '.event == "request" and .path == "/api/v1/start"' # by us, at the beginning
	came_back "a version that stays IDLE"
}

is_another_version() { # what it starts
	copied_world 1
	another_version "$1"
	syncup run "$W/fleet.yaml"
	said "it came up as $1, not as 1.13.0"
	expect_effects 0 '.event == "migrated"'
	came_back "a version that is $1"
}

# The operator's own commands start it: its words are in its log all the same.
commands_start_another() {
	commands_world 2
	cp "$W/fleet.yaml" "$W/good.yaml"
	another_version 1.12.0
	syncup run "$W/fleet.yaml"
	said 'it came up as 1.12.0, not as 1.13.0'
	came_back "a version that is another, by commands"
}

commands_hang() {
	commands_world 1
	faulty '{"hang_at_start": 1}'
	edit_fleet 's/ start: 30/ start: 4/'
	syncup run "$W/fleet.yaml"
	expect_code 9 "a version that never answers, by commands"
	says 'not there after [0-9]+ s: ' 'Mongosync Options'
	came_back "a version that never answers, by commands"
}

scenario "exits at once" exits_at_once
scenario "exits with 0" exits_with_0
scenario "refuses the metadata" refuses_the_metadata
scenario "never answers" never_answers
scenario "stays IDLE" stays_idle
scenario "is the old version" is_another_version 1.12.0
scenario "is the old version, by commands" commands_start_another
scenario "never answers, by commands" commands_hang
scenarios_end
