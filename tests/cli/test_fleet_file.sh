#!/usr/bin/env bash
# A fleet file, or the file of an instance, that is wrong: exit 3, one sentence
# with file, line and key, nothing touched, and no value of a secret shown.
. "$(dirname "$0")/cli.sh"

# bad WHAT SED-EXPRESSION REGEX: of the fleet file; REGEX follows its name
bad() {
	good_fleet
	edit_fleet "$2"
	refused_early "$1" "$W/fleet.yaml$3"
	good_fleet
}

# line REGEX: number of the line in the good file
line() { grep -nE -m 1 "$1" "$W/good.yaml" | cut -d: -f1; }

test_missing_file() {
	local verb
	for verb in plan run status rollback abort 'journal show' 'journal verify'; do
		# shellcheck disable=SC2086 # two words
		syncup $verb "$W/none.yaml"
		expect_sentence 3 "fleet file: reading $W/none.yaml: No such file" "$verb without a file"
	done
	syncup run --unfinished "$W/none.yaml"
	expect_sentence 3 "fleet file: reading $W/none.yaml: No such file" "run --unfinished without a file"
}

test_keys() {
	bad "unknown key" 's/^version/verzion/' ":$(line ^version): unknown key \"verzion\"$"
	bad "unknown key of an instance" "s/name: shard1/nome: shard1/" \
		":$(line 'name: shard1'): unknown key \"nome\" in instances\[1\]"
	bad "missing version" '/^version/d' ':[0-9]+: missing key "version"$'
	bad "missing artifact" '/^artifact/d' ':[0-9]+: missing key "artifact"$'
	bad "missing sha256" 's/, sha256: [0-9a-f]*//' ':[0-9]+: artifact must have a sha256'
	bad "missing instances" "/^instances/,\$d" ':[0-9]+: missing key "instances"$'
	bad "key twice" 's/^version.*/&\n&/' ":$(($(line ^version) + 1)): the key \"version\" is there twice$"
}

test_values() {
	bad "list for a word" 's/^version: .*/version: [1, 13, 0]/' ":$(line ^version): version must be one single value$"
	bad "word for a number" 's/pause: 20/pause: soon/' ":$(line ^timeouts): timeouts.pause must be a whole number"
	bad "number too large" 's/pause: 20/pause: 99999999/' ":$(line ^timeouts): timeouts.pause must be a whole number"
	bad "word for a list" 's/^instances:/& all/; /^  - /d' ":$(line ^instances): instances must be a list$"
	bad "half a version" 's/^version: .*/version: 1.13/' ":$(line ^version): version must be three numbers"
	bad "unknown word" 's/^on_failure: .*/on_failure: maybe/' \
		":$(line ^on_failure): on_failure must be one of stop, rollback, restore$"
	bad "half a checksum" 's/sha256: [0-9a-f]*/sha256: 12ab/' ":$(line ^artifact): artifact.sha256 must be the 64"
	bad "relative state_dir" 's/^state_dir: .*/state_dir: state/' ":$(line ^state_dir): state_dir must be an absolute path$"
	bad "relative install_root" 's/^install_root: .*/install_root: root/' \
		":$(line ^install_root): install_root must be an absolute path$"
	bad "unknown procedure" 's/^procedure: .*/procedure: rsync/' ":$(line ^procedure): procedure must be one of mongosync$"
	bad "name with a path" 's/^name: .*/name: ..\/test/' ":$(line ^name): name must be 1 to 64"
	bad "link in versions" "s#^link: .*#link: $W/root/versions/1.12.0#" ":$(line ^link): link must be a path of its own"
}

test_instances() {
	bad "name twice" 's/name: shard1/name: shard0/' \
		":$(line 'name: shard1'): instances\[1\].name is the name of instances\[0\] already$"
	bad "file twice" 's/shard1.conf/shard0.conf/' \
		":$(line 'name: shard1'): instances\[1\].config is the file of instances\[0\] already"
}

test_not_yaml() {
	bad "open bracket" "\$a \\ \\ - {" ":[0-9]+: not YAML: "
	bad "two colons" '1s/.*/name: a: b/' ":1: not YAML: "
	bad "empty" 'd' ': the file is empty$'
	head -c 2000000 /dev/zero | tr '\0' '#' >"$W/fleet.yaml"
	refused_early "a file of 2 MB" "fleet file: $W/fleet.yaml is longer than 1048576 bytes$"
	good_fleet
}

test_password_in_the_fleet_file() {
	bad "a password" "s#config: $W/shard1.conf#&, spawn: {argv: [/bin/x, 'mongodb://u:$SECRET@h/']}#" \
		":$(line 'name: shard1'): .*looks like a password"
}

# bad_instance WHAT SED-EXPRESSION REGEX: of shard1's file
bad_instance() {
	cp "$W/shard1.conf" "$W/good.conf"
	sed -i "$2" "$W/shard1.conf"
	refused_early "$1" "$3"
	cp "$W/good.conf" "$W/shard1.conf"
}

test_instance_files() {
	local other
	other=$(port_of shard0)
	edit_fleet "s#$W/shard1.conf#$W/none.conf#"
	refused_early "no such instance file" "instance's config: reading $W/none.conf: No such file"
	good_fleet
	bad_instance "two on one port" "s/^port: .*/port: $other/" \
		"$W/shard1.conf: port $other is also the port of shard0 \($W/shard0.conf\)$"
	bad_instance "port is a word" 's/^port: .*/port: http/' "$W/shard1.conf:3: port must be a whole number"
	bad_instance "no destination" '/^cluster1/d' "$W/shard1.conf:[0-9]+: missing key \"cluster1\"$"
	bad_instance "not YAML" '3s/.*/port: [/' "$W/shard1.conf:[0-9]+: not YAML: "
	# Of a connection string, never the text.
	bad_instance "password in a broken line" "s#^cluster1: .*#cluster1: [\"mongodb://u:$SECRET@h/\"#" "$W/shard1.conf:[0-9]+: "
}

test_unreadable_instance_file() {
	local as=()
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
		chmod 755 "$W"
		chmod 644 "$W/shard0.conf" "$W/fleet.yaml"
		"${as[@]}" test -x "$SYNCUP" -a -r "$W/fleet.yaml" || { printf 'skipped: another user cannot run it\n'; return; }
	else
		chmod 000 "$W/shard1.conf"
	fi
	CODE=0
	"${as[@]}" "$SYNCUP" plan "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" || CODE=$?
	expect_sentence 3 "instance's config: reading $W/shard1.conf: Permission denied$" "an unreadable file"
	chmod 600 "$W/shard1.conf"
}

quick_world 2
test_missing_file
test_keys
test_values
test_instances
test_not_yaml
test_password_in_the_fleet_file
test_instance_files
test_unreadable_instance_file
[ ! -e "$(journal)" ] || fail "a journal was begun"
