# Compiles through ccache where it is installed. Of precompiled headers it asks for this sloppiness (its manual, "Precompiled
# headers"): no file here depends on __TIME__ or on macros that only a precompiled header would see.
find_program(CHARON_CCACHE ccache)
if(CHARON_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${CHARON_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER "${CHARON_CCACHE}")
endif()
