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

# For disk_laps.sh: the programs, with the recorder inside.
add_executable(syncup-recorded ${PROJECT_SOURCE_DIR}/supervisor/main.c
	recorder_main.c)
target_link_libraries(syncup-recorded PRIVATE supervisor_core disks
	PkgConfig::SIM_CURL)

get_target_property(helper_folder light-helper SOURCE_DIR)
get_target_property(helper_sources light-helper SOURCES)
get_target_property(helper_definitions light-helper COMPILE_DEFINITIONS)
get_target_property(helper_libraries light-helper LINK_LIBRARIES)
foreach(source ${helper_sources})
	cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${helper_folder})
	list(APPEND recorded_sources ${source})
endforeach()
pkg_check_modules(LIGHT_CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
add_executable(light-helper-recorded recorder_main.c ${recorded_sources})
target_compile_definitions(light-helper-recorded PRIVATE ${helper_definitions})
target_link_libraries(light-helper-recorded PRIVATE ${helper_libraries} disks)

add_executable(disk-states disk_states.c)
target_link_libraries(disk-states PRIVATE disks)
