# For the checks that look at one C file after the other, as CMake compiles it.
# Sourced from the top of the tree.

# configure NAME OPTION...: build/NAME/compile_commands.json, of everything.
configure() {
	local dir=build/$1
	shift
	mkdir -p build
	cmake -S . -B "$dir" -G Ninja -DCMAKE_C_COMPILER_LAUNCHER=ccache \
		-DSYNCUP_TESTS=ON -DSYNCUP_CRASH_POINTS=ON "$@" >"$dir.log" 2>&1 ||
		{ cat "$dir.log"; return 1; }
}

# each_file NAME FUNCTION: calls FUNCTION FILE COMMAND DIRECTORY for each C file,
# side by side, with what it printed in one piece.  FUNCTION must be exported.
# Some files are compiled for several versions; once is enough.
each_file() {
	jq -r --arg top "$PWD/" 'unique_by(.file)[] |
		(.file | ltrimstr($top)), .command, .directory' \
		"build/$1/compile_commands.json" |
		xargs -d '\n' -n 3 -P "$(nproc)" bash -c \
			'said=$('"$2"' "$@"); code=$?; printf "%s" "${said:+$said
}"; exit $code' "$2"
}
