#!/usr/bin/env bash
# Help, and command lines that are wrong: exit 2, one sentence, nothing touched.
# UPDATE=1 writes the expected help anew.
. "$(dirname "$0")/cli.sh"

verbs='plan run status rollback abort failed journal version help'

wrong() { # REGEX argument...
	local regex=$1
	shift
	syncup "$@"
	expect_sentence 2 "$regex" "syncup $*"
	said '^Type: syncup help'
}

same_help() { # file
	[ -z "${UPDATE:-}" ] || cp "$W/out.syncup" "$cli_dir/expected/$1"
	expect_code 0 "$1"
	[ ! -s "$W/out.syncup.err" ] || fail "$1: it printed to standard error"
	diff "$cli_dir/expected/$1" "$W/out.syncup" >&2 || fail "$1 differs"
}

test_help() {
	local verb
	for how in help --help -h; do
		syncup $how
		same_help help.txt
	done
	for verb in $verbs; do
		syncup help "$verb"
		same_help "help-$verb.txt"
		[ "$verb" = help ] || {
			syncup "$verb" --help
			same_help "help-$verb.txt"
			syncup "$verb" "$W/fleet.yaml" -h
			same_help "help-$verb.txt"
		}
	done
}

# Every line of `syncup help` has its expected file, and the other way round.
test_help_lists_every_verb() {
	syncup help
	[ "$(sed -n '/^verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$W/out.syncup" | xargs)" = "$verbs" ] ||
		fail "help lists other verbs"
}

test_version() {
	for how in version --version; do
		syncup $how
		expect_code 0 $how
		grep -qxE 'syncup [0-9]+\.[0-9]+\.[0-9]+' "$W/out.syncup" || fail "$how prints no version"
	done
}

test_wrong_verb() {
	wrong 'a verb is missing'
	wrong 'a verb is missing' ''
	wrong 'unknown verb upgrade$' upgrade "$W/fleet.yaml"
	wrong 'unknown verb --json$' --json run "$W/fleet.yaml"
	wrong 'unknown verb upgrade$' help upgrade
}

test_wrong_operands() {
	local verb
	for verb in plan run status rollback abort failed; do
		wrong "$verb takes FLEET\$" $verb
		wrong "$verb takes FLEET\$" $verb "$W/fleet.yaml" "$W/fleet.yaml"
		wrong "$verb: an operand is empty" $verb ''
	done
	wrong 'journal takes show\|verify FLEET\|FILE$' journal
	wrong 'journal takes show\|verify FLEET\|FILE$' journal show
	wrong 'journal wants show or verify$' journal print "$W/fleet.yaml"
	wrong 'version takes no operands$' version 1
	wrong 'help takes \[VERB\]$' help run plan
	wrong 'plan wants a fleet file' plan "$W"
}

test_wrong_options() {
	wrong 'run: unknown option --force$' run --force "$W/fleet.yaml"
	wrong 'run: unknown option --force$' run "$W/fleet.yaml" --force=yes
	wrong 'run: unknown option -x$' run -x "$W/fleet.yaml"
	wrong 'plan: unknown option --retry$' plan --retry "$W/fleet.yaml"
	wrong 'abort: unknown option --json$' abort --json "$W/fleet.yaml"
	wrong '--json takes no value$' status --json=no "$W/fleet.yaml"
	# The beginning of an option is not that option.
	wrong 'run: unknown option --ret$' run --ret "$W/fleet.yaml"
}

test_missing_values() {
	wrong '--answer needs a value: STEP@TARGET' run "$W/fleet.yaml" --answer
	wrong '--take-over needs a value: RUN$' run "$W/fleet.yaml" --take-over
	# A variable that a script forgot to set.
	wrong '--take-over needs a value: RUN$' run --take-over '' "$W/fleet.yaml"
	wrong '--take-over needs a value: RUN$' run --take-over= "$W/fleet.yaml"
}

# What follows -- is an operand, whatever it looks like.
test_end_of_options() {
	syncup status -- --json
	expect_sentence 3 'fleet file: reading --json: No such file' "a file called --json"
}

quick_world 1
remember
test_help
test_help_lists_every_verb
test_version
test_wrong_verb
test_wrong_operands
test_wrong_options
test_missing_values
test_end_of_options
expect_untouched "a wrong command line"
[ -z "$(ls -A "$W/state")" ] || fail "a wrong command line made a state folder"
