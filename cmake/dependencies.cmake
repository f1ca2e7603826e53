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

# What speaks to Spark: its messages, gRPC, and what reads its results. Compiled without sanitizers, as they are not ours.
if(FIRESTEEL_SPARK)
  file(STRINGS ${pinned} spark_client_lines REGEX "^pypi +spark ")
  string(REGEX REPLACE ".*pyspark-client +([^ ]+) .*nanoarrow +([^ ]+) .*" "\\1-\\2" spark_client_version "${spark_client_lines}")
  set(spark_client_root ${FIRESTEEL_CACHE}/deps/spark-client-${spark_client_version})
  if(NOT EXISTS ${spark_client_root}/connect.bin)
    message(FATAL_ERROR "the messages of Spark Connect are not in ${spark_client_root}: run tools/setup (make does it for "
                        "you), or configure with -DFIRESTEEL_SPARK=OFF")
  endif()

  find_program(PROTOC protoc REQUIRED)
  find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
  set(connect_folder ${CMAKE_BINARY_DIR}/spark_connect)
  set(connect_protos base catalog commands common expressions ml ml_common pipelines relations types)
  set(connect_sources)
  list(TRANSFORM connect_protos PREPEND spark/connect/)
  # The messages of Google's that they hold, too: the distribution has those for the whole of protobuf alone, not for its lite part.
  list(APPEND connect_protos google/protobuf/any google/protobuf/timestamp)
  foreach(name ${connect_protos})
    list(APPEND connect_sources ${connect_folder}/${name}.pb.cc)
  endforeach()
  list(TRANSFORM connect_protos APPEND .proto OUTPUT_VARIABLE connect_inputs)
  list(APPEND connect_sources ${connect_folder}/spark/connect/base.grpc.pb.cc)
  file(MAKE_DIRECTORY ${connect_folder})
  add_custom_command(OUTPUT ${connect_sources}
    COMMAND ${PROTOC} --descriptor_set_in=${spark_client_root}/connect.bin --cpp_out=lite:${connect_folder}
            --grpc_out=${connect_folder} --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} ${connect_inputs}
    DEPENDS ${spark_client_root}/connect.bin
    COMMENT "Generating the messages of Spark Connect" VERBATIM)
  add_library(spark_connect_messages STATIC EXCLUDE_FROM_ALL ${connect_sources})
  target_compile_features(spark_connect_messages PUBLIC cxx_std_20)
  target_include_directories(spark_connect_messages SYSTEM PUBLIC ${connect_folder})
  # Much code that does little: plans are small, and rows come as bytes.
  target_compile_options(spark_connect_messages PRIVATE -O1 -g0)
  # One group, as they call each other: gRPC's archives, then what they stand on.
  set(grpc_archives)
  foreach(name grpc++ grpc gpr address_sorting upb re2 cares protobuf-lite z)
    find_library(grpc_${name} NAMES lib${name}.a REQUIRED)
    list(APPEND grpc_archives ${grpc_${name}})
  endforeach()
  get_filename_component(grpc_folder ${grpc_grpc++} DIRECTORY)
  file(GLOB absl_archives ${grpc_folder}/libabsl_*.a)
  target_link_libraries(spark_connect_messages PUBLIC
    "-Wl,--start-group" ${grpc_archives} ${absl_archives} OpenSSL::SSL OpenSSL::Crypto "-Wl,--end-group"
    Threads::Threads ${CMAKE_DL_LIBS} m rt)

  find_library(ZSTD_LIBRARY NAMES libzstd.a REQUIRED)
  add_library(nanoarrow STATIC EXCLUDE_FROM_ALL
    ${spark_client_root}/src/nanoarrow.c ${spark_client_root}/src/nanoarrow_ipc.c ${spark_client_root}/src/flatcc.c)
  target_include_directories(nanoarrow SYSTEM PUBLIC ${spark_client_root}/include)
  target_compile_definitions(nanoarrow PRIVATE NANOARROW_IPC_WITH_ZSTD)
  # Its messages name its sources: by a name that is the same on every machine.
  target_compile_options(nanoarrow PRIVATE -ffile-prefix-map=${spark_client_root}=nanoarrow)
  target_link_libraries(nanoarrow PRIVATE ${ZSTD_LIBRARY})
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
