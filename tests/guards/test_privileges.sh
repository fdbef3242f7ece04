#!/usr/bin/env bash
# What the users of the connection strings may do, and what the new version needs.
# shellcheck source-path=SCRIPTDIR source=guards.sh
. "$(dirname "$0")/guards.sh"

everything='{resource: {anyResource: true}, actions: ["anyAction"]}'
# What a destination's user needed before 1.11.
older='{resource: {cluster: true}, actions: ["appendOplogNote", "enableSharding",
	"getDefaultRWConcern", "getShardMap", "hostInfo", "listDatabases", "listShards",
	"replSetGetConfig", "replSetGetStatus", "serverStatus"]},
	{resource: {db: "", collection: ""}, actions: ["bypassDocumentValidation", "changeStream",
	"collMod", "convertToCapped", "createCollection", "createIndex", "dropCollection", "dropIndex",
	"find", "indexStats", "insert", "listCollections", "listIndexes", "remove",
	"renameCollectionSameDB", "update"]},
	{resource: {db: "admin", collection: "system.version"}, actions: ["find"]},
	{resource: {db: "", collection: "system.js"}, actions: ["listCollections", "listIndexes"]},
	{resource: {db: "", collection: "system.views"}, actions: ["dropCollection"]}'

may() { # cluster, jq's privileges: what its user may do
	jq -n "{access_control: true, privileges: [$2]}" >"$W/$1/privileges.json.new"
	mv "$W/$1/privileges.json.new" "$W/$1/privileges.json"
}

test_light() {
	quick_world 1
	edit_fleet '/^compat:/d'
	passes privileges 'test: for 1.13.0: cluster0 has no access control, cluster1 has no access control'
	may source "$everything"
	may destination "$older, {resource: {cluster: true}, actions: [\"bypassWriteBlockingMode\", \"setUserWriteBlockMode\"]}"
	passes privileges 'test: for 1.13.0: cluster0 has what is needed, cluster1 has what is needed'
	may destination "$older"
	refuses privileges \
		'test: for 1.13.0 the user of cluster1 \(the destination\) lacks: bypassWriteBlockingMode, setUserWriteBlockMode on the cluster$' \
		"a privilege that came with 1.11"
	said 'grant it\..*release notes, 1.11'
	may destination "$everything"
	may source '{resource: {cluster: true}, actions: ["serverStatus"]}'
	refuses privileges 'test: for 1.13.0 the user of cluster0 \(the source\) lacks: appendOplogNote, .* on the cluster' \
		"a source's user who may do little"
	printf '{}' >"$W/source/privileges.json"
	warns privileges 'test: what the user of cluster0 \(the source\) may do cannot be read: the server shows no privileges'
}

status() { # jq's privileges: what the server says
	jq -n "{commands: [{command: \"connectionStatus\", db: \"admin\", reply: {authInfo: {
		authenticatedUsers: [{user: \"sync\", db: \"admin\"}], authenticatedUserRoles: [],
		authenticatedUserPrivileges: [$1]}}}]}" >"$W/override.json.new"
	mv "$W/override.json.new" "$W/override.json"
}

# By connectionStatus, as a server answers it.
test_database() {
	world database
	status "$everything"
	database destination2 "$W/override.json" && DESTINATION=$REPLY
	instances 1
	unpack_version $FROM
	start_all
	fleet
	edit_fleet '/^compat:/d'
	syncup plan --json "$W/fleet.yaml"
	expect_code 0 "everything is allowed"
	! found refusal privileges '.' || fail "everything is allowed, and refused"
	status "$older"
	refuses privileges \
		'test: for 1.13.0 the user of cluster1 \(the destination\) lacks: bypassWriteBlockingMode, setUserWriteBlockMode on the cluster$' \
		"a privilege that came with 1.11, by a server"
}

scenario "what may be done on light clusters" test_light
[ ! -x "$DATABASE" ] || scenario "what may be done on a server" test_database
scenarios_end
