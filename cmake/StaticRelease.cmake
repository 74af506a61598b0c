# The static release (CHARON_STATIC=ON): one executable that needs nothing of the machine it runs on,
# not even a C library. Include this before Dependencies.cmake, which then finds archives.
#
# Debian packages every library we use as an archive too, but the CMake files of gRPC and abseil name
# the shared ones; charon_use_archives() points their targets at the archives beside them. libcurl is
# the exception, see static_curl.sh.

if(CHARON_STATIC)
  set(CMAKE_FIND_LIBRARY_SUFFIXES ".a")
  set(OPENSSL_USE_STATIC_LIBS ON)
  set(ZLIB_USE_STATIC_LIBS ON)
  set(Protobuf_USE_STATIC_LIBS ON)
  # A position-dependent executable starts without a hundred thousand relocations, each of which
  # would also make a page of the data segment private memory.
  set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
  add_compile_options(-fno-pie -ffunction-sections -fdata-sections)
endif()

# Points every imported target that names a shared library at the archive in the same folder.
function(charon_use_archives)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
    if(NOT configurations)
      set(configurations)
    endif()
    foreach(property IMPORTED_LOCATION ${configurations})
      if(NOT property STREQUAL "IMPORTED_LOCATION")
        set(property "IMPORTED_LOCATION_${property}")
      endif()
      get_target_property(location ${target} ${property})
      if(location MATCHES "^(.*/lib[^/]*)[.]so[.0-9]*$")
        if(EXISTS "${CMAKE_MATCH_1}.a")
          set_target_properties(${target} PROPERTIES ${property} "${CMAKE_MATCH_1}.a")
        endif()
      endif()
    endforeach()
  endforeach()
endfunction()

# CURL::libcurl as an archive, built on first use.
function(charon_static_curl)
  cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
  execute_process(
    COMMAND sh "${CMAKE_SOURCE_DIR}/cmake/static_curl.sh" "${cores}"
    OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "The static libcurl could not be built; the lines above say why.")
  endif()
  find_package(ZLIB REQUIRED)
  find_library(CHARON_NGHTTP2 nghttp2 REQUIRED)
  find_library(CHARON_CARES cares REQUIRED)
  add_library(CURL::libcurl STATIC IMPORTED GLOBAL)
  set_target_properties(CURL::libcurl PROPERTIES
    IMPORTED_LOCATION "${prefix}/lib/libcurl.a"
    INTERFACE_COMPILE_DEFINITIONS CURL_STATICLIB
    INTERFACE_INCLUDE_DIRECTORIES "${prefix}/include"
    INTERFACE_LINK_LIBRARIES
      "${CHARON_NGHTTP2};${CHARON_CARES};OpenSSL::SSL;OpenSSL::Crypto;ZLIB::ZLIB;Threads::Threads")
endfunction()

function(charon_link_static target)
  target_link_options(${target} PRIVATE -static -no-pie -Wl,--gc-sections -s)
endfunction()
