# charon_batches(TARGET SOURCES ROOT VARIABLE): sets VARIABLE to what TARGET is compiled from, where ROOT is one of the folders
# that it finds headers in. With CHARON_BATCH = N these are files that include N of its sources each, which takes the compiler
# half as long: most of its time goes into headers, and into templates that neighbours have in common. So no two files of a
# target may have the same name in their anonymous namespaces. What files include is checked by cmake/check_includes.py.
#
# CMake's own way (CMAKE_UNITY_BUILD) writes whole paths, which ccache takes for another file in each checkout.

set(CHARON_BATCH 1 CACHE STRING "How many files are compiled as one; 1: each by itself, for short builds after a change")

function(charon_batches target sources root variable)
  list(LENGTH sources count)
  if(CHARON_BATCH LESS 2 OR count LESS 2)
    set(${variable} ${sources} PARENT_SCOPE)
    return()
  endif()
  set(batches)
  set(begin 0)
  while(begin LESS count)
    list(SUBLIST sources ${begin} ${CHARON_BATCH} members)
    set(content)
    foreach(source IN LISTS members)
      cmake_path(ABSOLUTE_PATH source)
      if(NOT EXISTS "${source}")
        message(FATAL_ERROR "${target}: there is no ${source}")
      endif()
      cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${root}")
      string(APPEND content "#include \"${source}\"\n")
    endforeach()
    set(batch "${CMAKE_BINARY_DIR}/batches/${target}_${begin}.cc")
    file(CONFIGURE OUTPUT "${batch}" CONTENT "${content}" @ONLY)
    list(APPEND batches "${batch}")
    math(EXPR begin "${begin} + ${CHARON_BATCH}")
  endwhile()
  set(${variable} ${batches} PARENT_SCOPE)
endfunction()
