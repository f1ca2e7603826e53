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
  if(FIRESTEEL_SANITIZE MATCHES "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Its dlopen searches where the caller's run path says; in a library of its own, that would not be the program's.
    target_link_options(firesteel_flags INTERFACE -static-libasan)
  endif()
endif()

# firesteel_library(NAME SOURCES … HEADERS … DEPENDS … PRIVATE_DEPENDS …): the static library firesteel_NAME of the folder
# src/NAME, or an interface library if it has no sources. HEADERS are what other folders may include; they are checked to
# compile alone (target all_verify_interface_header_sets).
function(firesteel_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;HEADERS;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  set(library firesteel_${name})
  if(arg_SOURCES)
    add_library(${library} STATIC ${arg_SOURCES})
    target_link_libraries(${library} PUBLIC firesteel_flags ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
    set(scope PUBLIC)
  else()
    add_library(${library} INTERFACE)
    target_link_libraries(${library} INTERFACE firesteel_flags ${arg_DEPENDS})
    set(scope INTERFACE)
  endif()
  target_sources(${library} ${scope} FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR}/src FILES ${arg_HEADERS})
  set_target_properties(${library} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()

# Every program of firesteel_test, for builds that need nothing else.
add_custom_target(unit_tests)

# firesteel_test(NAME SOURCES … DEPENDS …): one GoogleTest program for a folder, known to ctest as NAME.
function(firesteel_test name)
  if(NOT FIRESTEEL_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gmock_main)
  # What they test is compiled as ever; the tests themselves run but once, and it is not they that are looked into.
  if(FIRESTEEL_SANITIZE MATCHES "undefined")
    target_compile_options(${name} PRIVATE -fno-sanitize=undefined)
  else()
    target_compile_options(${name} PRIVATE -O1)
  endif()
  add_dependencies(unit_tests ${name})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit)
endfunction()

# firesteel_executable(NAME SOURCES … DEPENDS …): a program that runs from wherever its folder is copied to: it lies in the
# build folder with the shared libraries it needs in lib/ beside it, and asks of its machine only the C library.
function(firesteel_executable name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE firesteel_flags ${arg_DEPENDS})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}
    BUILD_WITH_INSTALL_RPATH ON
    INSTALL_RPATH "$ORIGIN/lib:$ORIGIN/../lib")
  target_link_options(${name} PRIVATE -Wl,--as-needed)
  if(NOT FIRESTEEL_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Hidden, or DuckDB's library, which brings the C++ library of its machine, would use parts of ours.
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL)
  endif()
  add_dependencies(${name} runtime_libraries)
endfunction()

set(runtime_duckdb ${CMAKE_BINARY_DIR}/lib/libduckdb.so)
get_target_property(duckdb_library duckdb IMPORTED_LOCATION)
add_custom_command(OUTPUT ${runtime_duckdb}
  COMMAND ${CMAKE_COMMAND} -E copy ${duckdb_library} ${runtime_duckdb}
  DEPENDS ${duckdb_library}
  COMMENT "Copying libduckdb.so" VERBATIM)
set(runtime_files ${runtime_duckdb})
foreach(extension ${DUCKDB_EXTENSIONS})
  get_filename_component(extension_name ${extension} NAME)
  set(runtime_extension ${CMAKE_BINARY_DIR}/lib/extensions/${extension_name})
  add_custom_command(OUTPUT ${runtime_extension}
    COMMAND ${CMAKE_COMMAND} -E copy ${extension} ${runtime_extension}
    DEPENDS ${extension}
    COMMENT "Copying ${extension_name}" VERBATIM)
  list(APPEND runtime_files ${runtime_extension})
endforeach()
if(FIRESTEEL_XGBOOST)
  # As in its wheel, so that it finds its OpenMP runtime.
  set(runtime_xgboost ${CMAKE_BINARY_DIR}/lib/xgboost/lib/libxgboost.so)
  add_custom_command(OUTPUT ${runtime_xgboost}
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${XGBOOST_ROOT}/lib ${CMAKE_BINARY_DIR}/lib
    DEPENDS ${XGBOOST_ROOT}/lib/xgboost/lib/libxgboost.so
    COMMENT "Copying libxgboost.so" VERBATIM)
  list(APPEND runtime_files ${runtime_xgboost})
endif()
add_custom_target(runtime_libraries DEPENDS ${runtime_files})

# cmake --install BUILD --strip --component firesteel --prefix PLACE: bin/ (src/cli) and lib/, as a package holds them; tools/package.py
# makes one. The programs find lib/ beside their folder. Others' libraries are taken as they are: DuckDB's extensions are signed.
install(FILES ${duckdb_library} DESTINATION lib COMPONENT firesteel)
install(FILES ${DUCKDB_EXTENSIONS} DESTINATION lib/extensions COMPONENT firesteel)
if(FIRESTEEL_XGBOOST)
  install(DIRECTORY ${XGBOOST_ROOT}/lib/ DESTINATION lib COMPONENT firesteel)
endif()
