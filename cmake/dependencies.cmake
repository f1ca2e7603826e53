# Everything that is not ours. System packages by find_package; what tools/setup fetched lies under
# FIRESTEEL_CACHE. tools/pinned names every version and why it was chosen.

# Where tools/setup keeps what it fetched, and the Python that the tests run with.
set(FIRESTEEL_CACHE ${CMAKE_SOURCE_DIR}/.cache)
if(DEFINED ENV{FIRESTEEL_CACHE})
  get_filename_component(FIRESTEEL_CACHE $ENV{FIRESTEEL_CACHE} ABSOLUTE BASE_DIR ${CMAKE_SOURCE_DIR})
endif()
if(NOT FIRESTEEL_PYTHON)
  set(FIRESTEEL_PYTHON ${FIRESTEEL_CACHE}/venv/test/bin/python3)
endif()

find_package(Threads REQUIRED)
# Static, since a target machine need not have it.
set(OPENSSL_USE_STATIC_LIBS ON)
find_package(OpenSSL 3 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

# Header only, so that no library built by the distribution's newer compiler enters the binary.
find_package(fmt 9 REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)

find_library(YAML_CPP_LIBRARY NAMES libyaml-cpp.a REQUIRED)
add_library(yaml_cpp STATIC IMPORTED)
set_target_properties(yaml_cpp PROPERTIES IMPORTED_LOCATION ${YAML_CPP_LIBRARY})

set(pinned ${CMAKE_SOURCE_DIR}/tools/pinned)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pinned})
file(STRINGS ${pinned} duckdb_line REGEX "^pypi +build +duckdb ")
string(REGEX REPLACE "^pypi +build +duckdb +([^ ]+) .*" "\\1" DUCKDB_VERSION "${duckdb_line}")
set(duckdb_root ${FIRESTEEL_CACHE}/deps/duckdb-${DUCKDB_VERSION})
if(NOT EXISTS ${duckdb_root}/lib/libduckdb.so)
  message(FATAL_ERROR "DuckDB ${DUCKDB_VERSION} is not in ${duckdb_root}: run tools/setup (make does it for you)")
endif()
# Its extensions, which are loaded when something of S3 is first asked for.
set(DUCKDB_EXTENSIONS ${duckdb_root}/lib/extensions/httpfs.duckdb_extension ${duckdb_root}/lib/extensions/aws.duckdb_extension)
foreach(extension ${DUCKDB_EXTENSIONS})
  if(NOT EXISTS ${extension})
    message(FATAL_ERROR "DuckDB's extension ${extension} is missing: run tools/setup (make does it for you)")
  endif()
endforeach()
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION ${duckdb_root}/lib/libduckdb.so
  INTERFACE_INCLUDE_DIRECTORIES ${duckdb_root}/include
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${duckdb_root}/include)
# What our libraries link: the library itself, but for a program that has LOADS_DUCKDB set and loads it when it needs it.
add_library(duckdb_api INTERFACE)
target_include_directories(duckdb_api SYSTEM INTERFACE ${duckdb_root}/include)
target_link_libraries(duckdb_api INTERFACE $<$<NOT:$<BOOL:$<TARGET_PROPERTY:LOADS_DUCKDB>>>:duckdb>)

# The program loads libxgboost.so when it trains with it. A build without it says so when it is asked to.
if(FIRESTEEL_XGBOOST)
  file(STRINGS ${pinned} xgboost_line REGEX "^pypi +xgboost +xgboost-cpu ")
  string(REGEX REPLACE "^pypi +xgboost +xgboost-cpu +([^ ]+) .*" "\\1" XGBOOST_VERSION "${xgboost_line}")
  set(XGBOOST_ROOT ${FIRESTEEL_CACHE}/deps/xgboost-${XGBOOST_VERSION})
  if(NOT EXISTS ${XGBOOST_ROOT}/lib/xgboost/lib/libxgboost.so)
    message(FATAL_ERROR "XGBoost ${XGBOOST_VERSION} is not in ${XGBOOST_ROOT}: run tools/setup (make does it for you), "
                        "or configure with -DFIRESTEEL_XGBOOST=OFF")
  endif()
  # What calls it by its header.
  add_library(xgboost_api INTERFACE)
  target_include_directories(xgboost_api SYSTEM INTERFACE ${XGBOOST_ROOT}/include)
  target_compile_definitions(xgboost_api INTERFACE FIRESTEEL_XGBOOST)
  # What is run from the build folder without lib/ beside it: tests and benchmarks.
  add_library(xgboost_runtime INTERFACE)
  target_link_options(xgboost_runtime INTERFACE -Wl,-rpath,${XGBOOST_ROOT}/lib/xgboost/lib)
else()
  add_library(xgboost_api INTERFACE)
  add_library(xgboost_runtime INTERFACE)
endif()

# AWS's libraries, each before those that it calls. A build without them says so when it is asked for s3://.
add_library(aws_s3_api INTERFACE)
if(FIRESTEEL_S3)
  file(STRINGS ${pinned} awscrt_line REGEX "^pypi +s3 +awscrt ")
  string(REGEX REPLACE "^pypi +s3 +awscrt +([^ ]+) .*" "\\1" AWSCRT_VERSION "${awscrt_line}")
  set(awscrt_root ${FIRESTEEL_CACHE}/deps/awscrt-${AWSCRT_VERSION})
  if(NOT EXISTS ${awscrt_root}/lib/libaws-c-s3.a)
    message(FATAL_ERROR "AWS's libraries (awscrt ${AWSCRT_VERSION}) are not in ${awscrt_root}: run tools/setup (make does it "
                        "for you), or configure with -DFIRESTEEL_S3=OFF")
  endif()
  foreach(name aws-c-s3 aws-c-auth aws-checksums aws-c-http aws-c-compression aws-c-io s2n aws-c-sdkutils aws-c-cal aws-c-common)
    add_library(${name} STATIC IMPORTED)
    set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${awscrt_root}/lib/lib${name}.a)
    target_link_libraries(aws_s3_api INTERFACE ${name})
  endforeach()
  target_link_libraries(aws_s3_api INTERFACE OpenSSL::Crypto Threads::Threads ${CMAKE_DL_LIBS} m rt)
  target_include_directories(aws_s3_api SYSTEM INTERFACE ${awscrt_root}/include)
endif()

if(FIRESTEEL_TESTS)
  # From source: GoogleTest must be compiled by the compiler and with the sanitizers of the code it tests.
  set(INSTALL_GTEST OFF)
  set(BUILD_GMOCK ON)
  add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
  # Not in lib/, which holds what the binary needs beside it.
  set_target_properties(gtest gtest_main gmock gmock_main PROPERTIES
    ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/googletest)
  if(NOT TARGET GTest::gmock_main)
    add_library(GTest::gmock_main ALIAS gmock_main)
  endif()
endif()

if(FIRESTEEL_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
