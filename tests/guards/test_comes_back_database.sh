#!/usr/bin/env bash
# The same on real databases, in the middle of the initial copy and with a writer
# who goes on: source and destination are equal in the end, document by document.
. "$(dirname "$0")/guards.sh"

needs_database

refused() {
	copying 3
	faulty_version '{"accept_metadata": 12}'
	syncup run "$W/fleet.yaml"
	said 'lower than the minimum supported metadata version'
	expect_effects 0 '.event == "migrated"'
	came_back "a version that refuses the metadata, real database"
}

dies_in_its_migration() {
	copying 3
	ON_FAILURE=restore fleet
	faulty_version '{"migrate_dies_at": 7}'
	syncup run "$W/fleet.yaml"
	said 'migration died'
	expect_effects 2 '.event == "crash"'
	came_back "a death in the migration, real database"
}

# Beside what copying() has set.
faulty_version() {
	local name
	for name in "${NAMES[@]}"; do
		behave "$name" "{\"partition_docs\": 100, \"partition_docs_per_s\": 66, \"$TO\": $1}"
	done
}

scenario "a version that refuses the metadata" refused
scenario "a death in the migration" dies_in_its_migration
scenarios_end
