# The static release build: one executable that needs no shared library.
function(charon_link_static target)
  target_link_options(${target} PRIVATE -static)
endfunction()
