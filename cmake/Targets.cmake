# How a library, a test and an executable of this project are made: one function each.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

include(Ccache)

# Fifty test programs that hold gRPC: linking them takes longer than all else that a warm ccache leaves.
find_program(CHARON_MOLD mold)
if(CHARON_MOLD AND NOT CHARON_STATIC)
  add_link_options(-fuse-ld=mold)
endif()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(CHARON_GO_ARCH arm64)
else()
  set(CHARON_GO_ARCH amd64)
endif()

add_library(charon_options INTERFACE)
target_include_directories(charon_options INTERFACE "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}/generated")
target_compile_options(charon_options INTERFACE
  -pthread # everywhere: precompiled headers want the same options
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  # GCC 12 sees uninitialised strings in every moved std::variant (GCC bugs 105562, 105593).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  # Clang's -Wconversion contains it, GCC's does not: every char given to absl::ascii_isdigit.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>
  $<$<BOOL:$ENV{CI}>:-Werror>)
target_compile_definitions(charon_options INTERFACE
  CHARON_VERSION="${PROJECT_VERSION}"
  $<$<BOOL:${CHARON_CHECK_ANSWERS}>:CHARON_CHECK_ANSWERS=1>)
if(CHARON_FUZZ)
  target_compile_options(charon_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CHARON_SANITIZE)
  target_compile_options(charon_options INTERFACE
    -fsanitize=${CHARON_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(charon_options INTERFACE -fsanitize=${CHARON_SANITIZE})
endif()
if(CHARON_SANITIZE MATCHES "undefined")
  # A check before each dereference takes a third of the compiler's time and half of the object
  # files (gcc 12). A null pointer stops the program without it, AddressSanitizer finds what is
  # beyond an object, and only bytes are read through casts.
  target_compile_options(charon_options INTERFACE -fno-sanitize=null,alignment,object-size)
endif()
if(CHARON_SANITIZE STREQUAL "thread")
  find_package(absl REQUIRED)
  add_library(charon_tsan_mutex STATIC "${CMAKE_SOURCE_DIR}/cmake/tsan_mutex.cc")
  target_link_libraries(charon_tsan_mutex PUBLIC absl::synchronization absl::time)
  foreach(function
      Mutex4LockEv Mutex6UnlockEv Mutex5AwaitERKNS0_9ConditionE Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE
      Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE)
    target_link_options(charon_tsan_mutex INTERFACE "LINKER:--wrap=_ZN4absl7debian35${function}")
  endforeach()
  target_link_options(charon_tsan_mutex INTERFACE
    LINKER:--wrap=_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE
    # Also where only libraries lock: the linker looks at their calls as well.
    LINKER:--undefined=__wrap__ZN4absl7debian35Mutex4LockEv)
  target_link_libraries(charon_options INTERFACE charon_tsan_mutex)
endif()

# charon_library(NAME SOURCES a.cc ... HEADERS a.h ... [PUBLIC libs that appear in headers] [PRIVATE libs])
# makes charon::NAME. INTERFACE libraries (headers only) have no SOURCES.
function(charon_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;PUBLIC;PRIVATE" ${ARGN})
  set(target charon_${name})
  if(ARG_SOURCES)
    charon_batches(${target} "${ARG_SOURCES}" "${CMAKE_SOURCE_DIR}" sources)
    add_library(${target} STATIC ${sources})
    target_link_libraries(${target} PUBLIC charon_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
    target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS "${CMAKE_SOURCE_DIR}" FILES ${ARG_HEADERS})
    set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
    if(TARGET charon_precompiled)
      target_precompile_headers(${target} REUSE_FROM charon_precompiled)
    endif()
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE charon_options ${ARG_PUBLIC})
  endif()
  add_library(charon::${name} ALIAS ${target})
endfunction()

function(charon_executable target)
  target_link_libraries(${target} PRIVATE charon_options)
  if(CHARON_STATIC)
    charon_link_static(${target})
  endif()
endfunction()

# charon_test(NAME SOURCES a_test.cc ... LIBS charon::value ... [LABEL unit]) makes one test program.
function(charon_test name)
  if(NOT BUILD_TESTING OR CHARON_STATIC)
    return()
  endif()
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LIBS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  charon_batches(${name} "${ARG_SOURCES}" "${CMAKE_SOURCE_DIR}" sources)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE charon_options ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  if(TARGET charon_precompiled_test)
    target_precompile_headers(${name} REUSE_FROM charon_precompiled_test)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 300)
endfunction()

# charon_fuzzer(NAME SOURCES a_fuzz.cc LIBS ...) makes one libFuzzer program; the target charon-fuzzers makes all of them.
if(CHARON_FUZZ)
  add_custom_target(charon-fuzzers)
endif()
function(charon_fuzzer name)
  if(NOT CHARON_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE charon_options ${ARG_LIBS})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(charon-fuzzers ${name})
endfunction()
