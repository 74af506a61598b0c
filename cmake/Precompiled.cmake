# The headers of others that most files read, parsed once: in a build without optimisation parsing them is more than half of
# the compiler's time. Files still include what they use: the release build has none of this.
#
# GCC takes a precompiled header only where the options are the same, and -fPIC of libraries is not -fPIE of programs;
# so there are two, the second for tests. What differs elsewhere is an error (-Winvalid-pch).
#
# The build for ThreadSanitizer optimises; there GCC 12 warns of what it finds in such a header (array-bounds, in std::string).
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU" OR CHARON_SANITIZE STREQUAL "thread")
  return()
endif()

set(headers
  <algorithm> <array> <chrono> <cstdint> <functional> <map> <memory> <optional> <set> <string> <thread> <utility>
  <variant> <vector>
  <absl/container/flat_hash_map.h> <absl/status/statusor.h> <absl/strings/ascii.h> <absl/strings/escaping.h>
  <absl/strings/match.h> <absl/strings/numbers.h> <absl/strings/str_cat.h> <absl/strings/str_join.h>
  <absl/strings/str_split.h> <absl/strings/strip.h> <absl/synchronization/mutex.h> <absl/time/time.h>
  <nlohmann/json.hpp>)
file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/precompiled.cc" CONTENT "int main() {}\n")

add_library(charon_precompiled STATIC "${CMAKE_BINARY_DIR}/precompiled.cc")
target_link_libraries(charon_precompiled PRIVATE charon_options)
target_precompile_headers(charon_precompiled PRIVATE ${headers})

if(TARGET GTest::gmock)
  add_executable(charon_precompiled_test "${CMAKE_BINARY_DIR}/precompiled.cc")
  target_link_libraries(charon_precompiled_test PRIVATE charon_options GTest::gmock GTest::gtest_main)
  target_precompile_headers(charon_precompiled_test PRIVATE ${headers} <gmock/gmock.h> <gtest/gtest.h>)
endif()
