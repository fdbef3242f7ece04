#!/usr/bin/env bash
# Help, man pages and completions say the same, both ways: what one knows, each
# of the others knows, and none knows more.  Help is the program's own account
# of its tables; the others are read as a person or a shell reads them.
. "$(dirname "$0")/cli.sh"

made=$BUILD/deploy

mapfile -t verbs < <("$SYNCUP" help | sed -n '/^verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')

options_of() { # verb: "--name VALUE" lines, as help has them
	"$SYNCUP" help "$1" | sed -n 's/^  \(--[a-z-]*.*\)/\1/p'
}

page() { # file: as text without typography, in lines that are long enough
	MANWIDTH=500 man -l "$made/$1" 2>"$W/page.err" | col -bx
	[ ! -s "$W/page.err" ] || { cat "$W/page.err" >&2; fail "man complains of $1"; }
}

verb_section() { # verb: its subsection of the page
	sed -n "/^   syncup $1\( .*\)\?\$/,/^ \{0,3\}[^ ]/p" "$W/page" | sed '1p;/^ \{0,3\}[^ ]/d'
}

same() { # what, two files
	diff "$2" "$3" >&2 || fail "$1 differs"
}

test_pages_are_clean() {
	local file
	for file in syncup.1 syncup-fleet.5; do
		LC_ALL=C.UTF-8 man --warnings=w -E UTF-8 -l -Tutf8 -Z "$made/$file" 2>"$W/warnings" >/dev/null ||
			fail "man cannot read $file"
		[ ! -s "$W/warnings" ] || { cat "$W/warnings" >&2; fail "groff warns of $file"; }
		gzip -dc "$made/$file.gz" | cmp - "$made/$file" || fail "$file.gz is not $file"
	done
}

test_page_has_the_verbs() {
	local verb
	page syncup.1 >"$W/page"
	sed -n 's/^   syncup \([a-z]*\).*/\1/p' "$W/page" >"$W/page.verbs"
	printf '%s\n' "${verbs[@]}" >"$W/help.verbs"
	same "the verbs of syncup(1)" "$W/help.verbs" "$W/page.verbs"
	for verb in "${verbs[@]}"; do
		# An option that is short has its text behind it, after blanks.
		verb_section "$verb" | sed -n 's/^ \{7\}\(--[a-z-]*\( [^ ]\+\)\?\)\(  .*\| [A-Z].*\)\?$/\1/p' |
			sed 's/ Print$//' >"$W/page.options"
		options_of "$verb" >"$W/help.options"
		same "the options of $verb in syncup(1)" "$W/help.options" "$W/page.options"
		grep -qxF "   $("$SYNCUP" help "$verb" | sed -n 's/^usage: //p')" "$W/page" ||
			fail "syncup(1) has another usage of $verb"
		"$SYNCUP" help "$verb" | sed -n 's/^        //p' | while read -r line; do
			verb_section "$verb" | grep -qiF -e "$line." || fail "syncup(1) does not say of $verb: $line"
		done
	done
}

# Also where the page is written by hand: in examples and descriptions.
test_page_has_no_other_option() {
	local option
	for verb in "${verbs[@]}"; do options_of "$verb"; done | sed 's/ .*//' | sort -u >"$W/known"
	for option in $(grep -oE -e '--[a-z][a-z-]*' "$W/page" | sort -u); do
		grep -qxFe "$option" "$W/known" || fail "syncup(1) names $option, which no verb has"
	done
	"$SYNCUP" help | tr -s ' \n' ' ' | grep -oE '[0-9] [a-z ]+' | grep -oE '^[0-9]' >"$W/help.exits"
	sed -n '/^EXIT STATUS/,/^[A-Z]/s/^       \([0-9]\) .*/\1/p' "$W/page" >"$W/page.exits"
	same "the exit codes of syncup(1)" "$W/help.exits" "$W/page.exits"
}

# What the examples use is described, and the program takes what is described:
# a file that sets it to nonsense is refused by name, never as unknown.
test_fleet_page_has_the_keys() {
	local key
	page syncup-fleet.5 >"$W/page"
	sed -n '/^KEYS/,/^EXAMPLE/s/^       \([a-z_0-9.[]\S*\) (.*/\1/p' "$W/page" >"$W/keys"
	[ "$(wc -l <"$W/keys")" -gt 50 ] || fail "syncup-fleet(5) has only $(wc -l <"$W/keys") keys"
	for file in "$here"/../../deploy/examples/*.yaml; do
		# Maps one key to a line; a nested one is indented.
		sed -n 's/#.*//;s/^ *\(- \)\?\([a-z_0-9]*\):.*/\2/p' "$file"
	done | sort -u | while read -r key; do
		grep -qE "(^|\.)$key\$" "$W/keys" || fail "syncup-fleet(5) lacks $key"
	done
}

# ask WORD...: what bash offers after "syncup WORD...", the last one unfinished
ask() {
	bash --norc -c '. "$1"; shift
		COMP_WORDS=(syncup "$@") COMP_CWORD=$#
		_syncup
		[ ${#COMPREPLY[@]} = 0 ] || printf "%s\n" "${COMPREPLY[@]}"' bash "$made/syncup.bash" "$@"
}

ask_zsh() { # the same: options as _arguments gets them, verbs as _describe does
	zsh -f -c 'compdef() { :; }
		_arguments() { local a; for a; do [[ $a != --* ]] || print -r -- ${${a%%\[*}%=}; done; }
		_describe() { local v; for v in ${(P)2}; do print -r -- ${v%%:*}; done; }
		file=$1; shift
		words=(syncup "$@") CURRENT=$(($# + 1))
		. $file' zsh "$made/_syncup" "$@"
}

test_completions() {
	local shell verb
	for shell in ask ask_zsh; do
		$shell '' >"$W/offered"
		same "the verbs that $shell offers" "$W/help.verbs" "$W/offered"
		for verb in "${verbs[@]}"; do
			$shell "$verb" -- >"$W/offered"
			{ options_of "$verb" | sed 's/ .*//'; printf -- '--help\n'; } >"$W/help.options"
			same "the options of $verb that $shell offers" "$W/help.options" "$W/offered"
		done
	done
}

test_bash_values() {
	cd "$W"
	mkdir -p x/folder root/.syncup/claims
	: >x/one.yaml
	: >x/other.txt
	printf '{"run": "20260101T000000Z-abcdef"}\n' >"root/.syncup/claims/it.json"
	[ "$(ask p)" = plan ] || fail "p is not completed to plan"
	[ "$(ask run x/ | sort | xargs)" = "x/folder x/one.yaml" ] || fail "run x/: $(ask run x/ | xargs)"
	[ "$(ask run --retry x/o)" = x/one.yaml ] || fail "an operand after an option"
	[ "$(ask run --finish-by 04:00 x/o)" = x/one.yaml ] || fail "an operand after an option with a value"
	[ "$(ask run --finish-by = 04:00 x/o)" = x/one.yaml ] || fail "an operand after an option=value"
	[ "$(ask journal '' | xargs)" = "show verify" ] || fail "journal offers $(ask journal '' | xargs)"
	[ "$(ask journal show x/o)" = x/one.yaml ] || fail "the second operand of journal"
	[ "$(ask help st)" = status ] || fail "help st"
	[ -z "$(ask version '')" ] || fail "version takes nothing"
	[ -z "$(ask run --finish-by '')" ] || fail "a time is not to be guessed"
	[ "$(ask run "$W/fleet.yaml" --take-over '')" = 20260101T000000Z-abcdef ] ||
		fail "--take-over offers: $(ask run "$W/fleet.yaml" --take-over '')"
	[ "$(ask run "$W/fleet.yaml" --take-over = 2026)" = 20260101T000000Z-abcdef ] || fail "--take-over=2026"
	rm -r "$W/root/.syncup"
}

world light
fleet
test_pages_are_clean
test_page_has_the_verbs
test_page_has_no_other_option
test_fleet_page_has_the_keys
test_completions
test_bash_values
