# Compiles through ccache where it is installed. The sandbox, a project of its own, includes this too.
find_program(CHARON_CCACHE ccache)
if(CHARON_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER sh "${CMAKE_CURRENT_LIST_DIR}/ccache.sh" "${CHARON_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER "${CHARON_CCACHE}")
endif()
