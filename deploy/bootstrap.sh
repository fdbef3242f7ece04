#!/usr/bin/env bash
# Installs what syncup is built and tested with on Debian 12, and builds it.
# Used by deploy/demo.sh and tests/run.sh; fast when run again.
#
#   deploy/bootstrap.sh packages   Debian packages, and Go for the test database
#   deploy/bootstrap.sh build      build/release: the program, as users get it
#   deploy/bootstrap.sh package    build/release/syncup_VERSION_ARCH.deb
#   deploy/bootstrap.sh tests      build/tests: everything, with sanitizers
#   deploy/bootstrap.sh crash      build/crash: the same without sanitizers, to be
#                                  killed often, and for valgrind
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)

say() { printf '== %s\n' "$*"; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# install PACKAGE...: none of their services starts, now or at the next boot; the
# tests have hosts of their own for sshd.
install() {
	local policy=/usr/sbin/policy-rc.d
	if [ -e $policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null; fi
	[ ! "$policy" ] || as_root chmod 755 $policy
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "$@" >/dev/null || { [ ! "$policy" ] || as_root rm -f $policy; return 1; }
	[ ! "$policy" ] || as_root rm -f $policy
	[[ " $* " != *" openssh-server "* ]] || as_root systemctl --quiet disable ssh.service
}

packages() {
	local want=(
		build-essential cmake ninja-build pkg-config ccache git ca-certificates
		libmongoc-dev libbson-dev libcurl4-openssl-dev libjansson-dev
		libevent-dev libcyaml-dev libyaml-dev libarchive-dev libssl-dev
		nettle-dev zlib1g-dev libbz2-dev liblzma-dev libzstd-dev
		libsystemd-dev libcmocka-dev libgpgme-dev gnupg
		clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev cppcheck
		valgrind spin shellcheck codespell python3 openssl jq procps iproute2 util-linux e2fsprogs
		man-db zsh dpkg-dev lintian polkitd systemd systemd-sysv dbus dbus-daemon dbus-bin
		dbus-user-session libpam-systemd openssh-server openssh-client curl
	) missing=() package
	for package in "${want[@]}"; do
		dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null |
			grep -q '^ii' || missing+=("$package")
	done
	if [ ${#missing[@]} -gt 0 ]; then
		say "installing ${missing[*]}"
		as_root apt-get update -qq
		install "${missing[@]}"
	fi
	go_toolchain
}

# A Go of at least 1.24, which go.mod of the test database names; an older one
# (from 1.21 on) fetches that toolchain by itself.
go_is_enough() {
	local version
	version=$("$1" env GOVERSION 2>/dev/null) || return 1
	[ "$(printf '%s\n' go1.21 "$version" | sort -V | head -n 1)" = go1.21 ]
}

find_go() {
	local go
	for go in go /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
		go=$(command -v "$go" 2>/dev/null) || continue
		if go_is_enough "$go"; then
			printf '%s\n' "$go"
			return 0
		fi
	done
	return 1
}

go_toolchain() {
	local mirror newest
	find_go >/dev/null && return 0
	say "installing Go from Debian's backports"
	# shellcheck disable=SC2016 # apt expands it
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
		grep -v security | head -n 1)
	printf 'deb %s bookworm-backports main\n' "$mirror" |
		as_root tee /etc/apt/sources.list.d/syncup-backports.list >/dev/null
	as_root apt-get update -qq
	newest=$(apt-cache search --names-only '^golang-1\.[0-9]+-go$' |
		cut -d' ' -f1 | sort -V | tail -n 1)
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends -t bookworm-backports \
		"$newest" >/dev/null
	find_go >/dev/null || { echo "bootstrap: no Go of 1.21 or newer could be installed" >&2; exit 1; }
}

configure() { # directory, options
	local dir=$1
	shift
	cmake -S "$top" -B "$dir" -G Ninja -DCMAKE_C_COMPILER_LAUNCHER=ccache "$@" >"$dir.log" 2>&1 ||
		{ cat "$dir.log" >&2; exit 1; }
}

database() {
	local go out="$top/build/database"
	go=$(find_go)
	say "building the test database with $("$go" env GOVERSION)"
	(cd "$top/tests/database" && GOTOOLCHAIN=auto GOFLAGS=-mod=readonly "$go" build -o "$out" .)
}

build() { # the optimised program, and the reference process beside it
	mkdir -p "$top/build"
	say "building build/release"
	configure "$top/build/release" -DSYNCUP_TESTS=ON -DCMAKE_INSTALL_PREFIX=/usr
	cmake --build "$top/build/release" --parallel "$(nproc)" \
		--target installed refsync_dist workload -- --quiet
	database
}

package() { # the program, as users get it, as a Debian package
	say "packing build/release"
	configure "$top/build/release" -DSYNCUP_TESTS=ON -DCMAKE_INSTALL_PREFIX=/usr
	cmake --build "$top/build/release" --target installed -- --quiet
	(cd "$top/build/release" && rm -f ./*.deb && cpack -G DEB >cpack.log 2>&1) ||
		{ cat "$top/build/release/cpack.log" >&2; exit 1; }
	ls "$top"/build/release/*.deb
}

tests() {
	mkdir -p "$top/build"
	say "building build/tests"
	configure "$top/build/tests" -DSYNCUP_TESTS=ON -DSYNCUP_SANITIZE=ON \
		-DSYNCUP_CRASH_POINTS=ON -DSYNCUP_WERROR=ON
	cmake --build "$top/build/tests" --parallel "$(nproc)" -- --quiet
	database
}

crash() {
	mkdir -p "$top/build"
	say "building build/crash"
	configure "$top/build/crash" -DSYNCUP_TESTS=ON -DSYNCUP_CRASH_POINTS=ON \
		-DSYNCUP_WERROR=ON
	cmake --build "$top/build/crash" --parallel "$(nproc)" -- --quiet
	[ -x "$top/build/database" ] || database
}

for step in "$@"; do
	case $step in
	packages | build | package | tests | crash | database) "$step" ;;
	*) echo "bootstrap: unknown step $step" >&2; exit 2 ;;
	esac
done
