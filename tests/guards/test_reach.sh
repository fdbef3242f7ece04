#!/usr/bin/env bash
# Other hosts, behind an ssh that stands in for the real one: can they be reached,
# are they machines that the new version runs on, do their clocks agree?
. "$(dirname "$0")/guards.sh"
# shellcheck source=../e2e/hosts.sh
. "$(dirname "$0")/../e2e/hosts.sh"

world light
hosts_world db1
IDS=(shard0 shard1)
instance shard0
instance_on db1 shard1
unpack_version "$FROM"
unpack_version "$FROM" "$W/on/db1/bin"
launch shard0
launch_on db1 shard1
start_syncs
fleet
cp "$W/fleet.yaml" "$W/good.yaml"

planned "all is well"
also reach 'db1: 1 of the processes is there'
also reach 'this machine: 1 of the processes is there'
also machine "db1: $(uname -m)"
also clock 'db1: it goes as ours does'

out_of_reach db1
refuses reach 'db1: .*No route to host' "a host out of reach"
syncup plan "$W/fleet.yaml"
said '^pass +process +shard0: it runs' # of this machine nothing is hidden
in_reach db1

# One on which programs are told that it is a 32-bit machine.
plain=$(cat "$W/ssh/enter-db1")
cat >"$W/ssh/enter-db1" <<END
#!/bin/sh
case "\$*" in *uname*) setarch= ;; *) setarch='setarch i686' ;; esac
exec nsenter -t ${HOLDER[db1]} -m --wd="$W" -- \$setarch "\$@"
END
refuses machine 'db1: it is i686, and the archive was seen to run on x86_64' "another kind of machine"
printf '%s\n' "$plain" >"$W/ssh/enter-db1"

SYNCUP_HOST=$BUILD/tests/guards/late-host
warns clock 'db1: it is (59|60) s behind'
