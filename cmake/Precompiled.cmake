# The headers that most files read, parsed once: that is more than half of the compiler's time without optimisation and two
# fifths with it. Files still include what they use: cmake/check_includes.py compiles each without this
# (CMAKE_DISABLE_PRECOMPILE_HEADERS is CMake's way to build without).
#
# A precompiled header serves only where the options are the same, and -fPIC of libraries is not -fPIE of programs; so there
# are two, the second for tests. What differs elsewhere is an error (-Winvalid-pch).

set(headers
  <algorithm> <array> <chrono> <concepts> <cstdint> <functional> <map> <memory> <mutex> <optional> <set> <stop_token>
  <string> <thread> <utility> <variant> <vector>
  <absl/container/flat_hash_map.h> <absl/status/statusor.h> <absl/strings/ascii.h> <absl/strings/escaping.h>
  <absl/strings/match.h> <absl/strings/numbers.h> <absl/strings/str_cat.h> <absl/strings/str_join.h>
  <absl/strings/str_split.h> <absl/strings/strip.h> <absl/synchronization/mutex.h> <absl/time/time.h>
  <nlohmann/json.hpp>
  <provider/base/call.h> <provider/schema/field.h>)
file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/precompiled.cc" CONTENT "int main() {}\n")

# CMake's own way of saying it has paths that ccache does not see as such, and in another checkout they are others.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -include-pch <PCH_FILE>)
endif()

add_library(charon_precompiled STATIC "${CMAKE_BINARY_DIR}/precompiled.cc")
target_link_libraries(charon_precompiled PRIVATE charon_options)
target_precompile_headers(charon_precompiled PRIVATE ${headers})

if(TARGET GTest::gmock)
  add_executable(charon_precompiled_test "${CMAKE_BINARY_DIR}/precompiled.cc")
  target_link_libraries(charon_precompiled_test PRIVATE charon_options GTest::gmock GTest::gtest_main)
  target_precompile_headers(charon_precompiled_test PRIVATE ${headers} <gmock/gmock.h> <gtest/gtest.h>)
endif()
