#!/usr/bin/env bash
# The Debian package: lintian finds nothing, each file of deploy/ that belongs in
# it is in it, and "cmake --install" with DESTDIR brings the same files.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=build/release
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

complain() { printf '%s\n' "$*"; bad=1; }

deploy/bootstrap.sh build package >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
deb=$(echo $build/syncup_*.deb)

lintian --allow-root --fail-on error,warning "$deb" || bad=1

dpkg-deb -R "$deb" "$dir/packed"
DESTDIR=$dir/installed cmake --install $build >"$dir/log" || { cat "$dir/log"; exit 1; }
for tree in packed installed; do
	(cd "$dir/$tree" && find . -path ./DEBIAN -prune -o -printf '%P %m\n' | sort) >"$dir/$tree.list"
done
diff "$dir/packed.list" "$dir/installed.list" || complain "installed by cmake, and packed: not the same"

for file in usr/bin/syncup usr/libexec/syncup/syncup-helper usr/libexec/syncup/syncup-host usr/share/syncup/compat/mongosync.json \
	usr/share/man/man1/syncup.1.gz usr/share/man/man5/syncup-fleet.5.gz \
	usr/share/bash-completion/completions/syncup usr/share/zsh/vendor-completions/_syncup \
	usr/lib/sysusers.d/syncup.conf usr/lib/tmpfiles.d/syncup.conf usr/share/polkit-1/rules.d/50-syncup.rules \
	usr/share/doc/syncup/copyright usr/share/doc/syncup/changelog.gz etc/syncup \
	$(cd deploy && printf 'usr/lib/systemd/system/%s ' systemd/*.service systemd/*.timer | sed 's#system/systemd/#system/#g') \
	$(cd deploy && printf 'usr/share/doc/syncup/%s ' examples/*.yaml); do
	[ -e "$dir/packed/$file" ] || complain "$file is not in the package"
done
# Wherever it is put, it finds its own helper and its man pages say the truth.
[ "$("$dir/installed/usr/bin/syncup" version)" = "syncup $(dpkg-deb -f "$deb" Version)" ] ||
	complain "the program and the package have different versions"
# In /etc the operator rules: what is a file there is a conffile.
find "$dir/packed/etc" -type f -printf '/etc/%P\n' | sort >"$dir/etc"
touch "$dir/packed/DEBIAN/conffiles"
sort "$dir/packed/DEBIAN/conffiles" | diff "$dir/etc" - || complain "files of /etc that are no conffiles"
for need in openssh-client systemd libmongoc-1.0-0 libcurl4; do
	dpkg-deb -f "$deb" Depends | tr ',' '\n' | grep -qE "^ *$need( |\$)" || complain "the package does not need $need"
done
for script in postinst prerm postrm; do
	shellcheck -x -s sh "deploy/package/$script" || bad=1
	! grep -nE 'systemctl.* (enable|start .*timer)' "deploy/package/$script" || complain "$script enables something"
	# A manager that does not answer leaves no package half removed.
	! grep -nE 'daemon-reload$' "deploy/package/$script" || complain "$script fails with daemon-reload"
done
exit $bad
