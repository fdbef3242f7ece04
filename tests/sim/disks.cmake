# What a power cut may leave: a recorder of what goes to the disk, and the
# disks made from its trace (recorder.h, disks.h).
add_library(disks STATIC recorder.c disks.c disks_each.c)
target_include_directories(disks PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(disks PUBLIC state)

foreach(test journal damage files)
	add_executable(test_disk_${test} test_disk_${test}.c disk_lab.c)
	target_link_libraries(test_disk_${test}
		PRIVATE disks test_fixtures sync_metadata)
	add_test(NAME fault-disk-${test} COMMAND test_disk_${test})
	set_tests_properties(fault-disk-${test} PROPERTIES LABELS fault
		TIMEOUT 300)
endforeach()

find_package(PkgConfig REQUIRED)
pkg_check_modules(SIM_CURL REQUIRED IMPORTED_TARGET libcurl)
# For disk_laps.sh: the programs, with the recorder inside.
add_executable(syncup-recorded ${PROJECT_SOURCE_DIR}/supervisor/main.c
	recorder_main.c)
target_link_libraries(syncup-recorded PRIVATE supervisor_core disks
	PkgConfig::SIM_CURL)

set(helper ${PROJECT_SOURCE_DIR}/tests/refsync/light_helper)
set(shared ${PROJECT_SOURCE_DIR}/sync_client)
pkg_check_modules(SIM_CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
add_executable(light-helper-recorded recorder_main.c ${helper}/main.c
	${helper}/cluster.c ${helper}/copy.c ${helper}/faults.c
	${helper}/files.c ${shared}/metadata_name.c
	${shared}/metadata_summary.c ${shared}/sha256.c)
target_link_libraries(light-helper-recorded
	PRIVATE helper_loop disks PkgConfig::SIM_CRYPTO)

add_executable(disk-states disk_states.c)
target_link_libraries(disk-states PRIVATE disks)
