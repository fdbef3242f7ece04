#!/usr/bin/env bash
# The host: versions can be put below the install root and run there, and what
# runs now can be gone back to.
. "$(dirname "$0")/guards.sh"

read_only() { # a folder in which nothing can be made, even by root
	if [ "$(id -u)" = 0 ]; then mount -t tmpfs -o ro none "$1"; else chmod 555 "$1"; fi
}
writable_again() { if [ "$(id -u)" = 0 ]; then umount "$1"; else chmod 755 "$1"; fi; }

writable() {
	quick_world 1
	passes host "^$W/root: files can be made in it, and executables run\$"
	mkdir "$W/root/versions"
	read_only "$W/root/versions" || { printf 'skipped: cannot mount\n'; return; }
	refuses host "$W/root: no files can be made in $W/root/versions as uid" "a folder of versions that is read-only"
	writable_again "$W/root/versions"
	passes host "^$W/root: files can be made"
}

executable() {
	[ "$(id -u)" = 0 ] || { printf 'skipped: only root can mount\n'; return; }
	quick_world 1
	mkdir "$W/root/versions"
	mount -t tmpfs -o noexec none "$W/root/versions" || { printf 'skipped: cannot mount\n'; return; }
	refuses host "$W/root: the file system of $W/root/versions is mounted noexec" "a folder of versions that is noexec"
	umount "$W/root/versions"
}

# After an upgrade the version that runs is below versions/.
way_back() {
	quick_world 1
	passes way-back '^test: what pid [0-9]+ executes will be kept as versions/1.12.0$'
	syncup run "$W/fleet.yaml"
	expect_code 0 "run"
	TO=1.18.0
	fleet
	passes way-back '^test: versions/1.13.0 is kept, and says 1.13.0$'
	# The process goes on with the file that it has open.
	local kept=$W/root/versions/1.13.0/bin/mongosync
	mv "$kept" "$W/kept"
	printf '#!/bin/sh\nexit 1\n' >"$kept"
	chmod 755 "$kept"
	refuses way-back 'test: versions/1.13.0 is there to go back to, but: ' "a kept version that does not run"
	printf '#!/bin/sh\necho mongosync 1.9.0\n' >"$kept"
	refuses way-back 'test: versions/1.13.0 is there to go back to, but says that it is 1.9.0' "another version that is kept"
	mv "$W/kept" "$kept"
	passes way-back '^test: versions/1.13.0 is kept'
}

# In a namespace of its own, so that mounts end with it.
if [ "$(id -u)" = 0 ] && [ ! "${HOST_NAMESPACE:-}" ] && unshare -m --propagation private true 2>/dev/null; then
	HOST_NAMESPACE=1 exec unshare -m --propagation private bash "$0" "$@"
fi
scenario "a root that can be written" writable
scenario "a root where nothing can be executed" executable
scenario "a version to go back to" way_back
scenarios_end
