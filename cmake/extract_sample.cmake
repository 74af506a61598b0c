# cmake -DPAGE=CONTRIBUTING.md -DOUT=sample.cc -DMOST=80 -P extract_sample.cmake: the page's C++ blocks as one
# source file. Fails if there is none, or if they have more than MOST lines that are not blank.

cmake_minimum_required(VERSION 3.25)

file(READ "${PAGE}" rest)
get_filename_component(name "${PAGE}" NAME)
set(line 1)   # of the page, where `rest` starts
set(code "")

# The number of lines in `text`. Whatever else could split a CMake list is taken out first.
function(count_lines text result)
  string(REGEX REPLACE "[^\n]" "" newlines "${text}")
  string(LENGTH "${newlines}" count)
  set(${result} ${count} PARENT_SCOPE)
endfunction()

while(TRUE)
  string(FIND "${rest}" "\n```cpp\n" start)
  if(start EQUAL -1)
    break()
  endif()
  math(EXPR start "${start} + 8")
  string(SUBSTRING "${rest}" 0 ${start} before)
  string(SUBSTRING "${rest}" ${start} -1 rest)
  count_lines("${before}" lines)
  math(EXPR line "${line} + ${lines}")
  string(FIND "${rest}" "\n```\n" end)
  if(end EQUAL -1)
    message(FATAL_ERROR "${name}:${line}: the code block has no end")
  endif()
  math(EXPR end "${end} + 1")
  string(SUBSTRING "${rest}" 0 ${end} block)
  string(SUBSTRING "${rest}" ${end} -1 rest)
  # Errors of the compiler point at the page.
  string(APPEND code "#line ${line} \"${name}\"\n${block}")
  string(APPEND counted "${block}")
  count_lines("${block}" lines)
  math(EXPR line "${line} + ${lines}")
endwhile()

if(code STREQUAL "")
  message(FATAL_ERROR "${name}: no C++ block")
endif()
string(REGEX REPLACE "\n[ \n]*\n" "\n" counted "${counted}")
count_lines("${counted}" lines)
if(lines GREATER MOST)
  message(FATAL_ERROR "${name}: the sample has ${lines} lines of code, ${MOST} is the most")
endif()
file(WRITE "${OUT}" "${code}")
