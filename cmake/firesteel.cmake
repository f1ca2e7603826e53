# How every target of this project is compiled: one interface target for the flags, two functions that make the
# library and the unit test of a folder.

add_library(firesteel_flags INTERFACE)
target_compile_features(firesteel_flags INTERFACE cxx_std_20)
# Contraction off: a fused multiply-add would change the last digit of a sum, and with it which split wins.
target_compile_options(firesteel_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Werror=return-type -ffp-contract=off)
target_include_directories(firesteel_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(FIRESTEEL_SANITIZE)
  target_compile_options(firesteel_flags INTERFACE -fsanitize=${FIRESTEEL_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(firesteel_flags INTERFACE -fsanitize=${FIRESTEEL_SANITIZE})
endif()

# firesteel_library(NAME SOURCES … HEADERS … DEPENDS …): the static library firesteel_NAME of the folder
# src/NAME. HEADERS are checked to compile alone (target all_verify_interface_header_sets).
function(firesteel_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;HEADERS;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(firesteel_${name} STATIC ${arg_SOURCES})
  target_sources(firesteel_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR}/src FILES ${arg_HEADERS})
  set_target_properties(firesteel_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  target_link_libraries(firesteel_${name} PUBLIC firesteel_flags ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
endfunction()

# firesteel_test(NAME SOURCES … DEPENDS …): one GoogleTest program for a folder, known to ctest as NAME.
function(firesteel_test name)
  if(NOT FIRESTEEL_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gmock_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit)
endfunction()
