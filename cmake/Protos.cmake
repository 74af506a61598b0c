# charon_protos(a.proto ...) generates C++ of the .proto files of the current folder into
# ${CMAKE_BINARY_DIR}/generated/<folder>: the messages are charon::protos, the services' stubs
# charon::grpc_stubs, for clients (the server has its methods by name). Includes are written from
# the root: #include "proto/a.pb.h", #include "proto/a.grpc.pb.h".
#
# CMake's protobuf_generate cannot pass options to --cpp_out, hence the custom command. `lite` is
# needed because a message of the protocol is called GetMetadata, like a member of full messages.
function(charon_protos)
  file(RELATIVE_PATH folder "${CMAKE_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  set(out "${CMAKE_BINARY_DIR}/generated")
  file(MAKE_DIRECTORY "${out}/${folder}")
  set(messages)
  set(stubs)
  foreach(file IN LISTS ARGN)
    get_filename_component(stem "${file}" NAME_WE)
    set(base "${out}/${folder}/${stem}")
    add_custom_command(
      OUTPUT "${base}.pb.cc" "${base}.pb.h" "${base}.grpc.pb.cc" "${base}.grpc.pb.h"
      COMMAND protobuf::protoc "--proto_path=${CMAKE_SOURCE_DIR}"
              "--cpp_out=lite:${out}" "--grpc_out=${out}"
              "--plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>"
              "${folder}/${file}"
      DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${file}"
      COMMENT "Generating C++ of ${folder}/${file}"
      VERBATIM)
    list(APPEND messages "${base}.pb.cc")
    list(APPEND stubs "${base}.grpc.pb.cc")
  endforeach()
  # Not with our warnings: the code is not ours. Users see its headers as SYSTEM headers.
  add_library(charon_protos STATIC ${messages})
  target_link_libraries(charon_protos PUBLIC protobuf::libprotobuf)
  add_library(charon_grpc_stubs STATIC EXCLUDE_FROM_ALL ${stubs})
  target_link_libraries(charon_grpc_stubs PUBLIC charon_protos gRPC::grpc++)
  foreach(target IN ITEMS charon_protos charon_grpc_stubs)
    target_compile_features(${target} PUBLIC cxx_std_20)
    target_include_directories(${target} SYSTEM PUBLIC "${out}")
    if(CHARON_SANITIZE)
      target_compile_options(${target} PRIVATE -fsanitize=${CHARON_SANITIZE} -fno-omit-frame-pointer)
    endif()
  endforeach()
  add_library(charon::protos ALIAS charon_protos)
  add_library(charon::grpc_stubs ALIAS charon_grpc_stubs)
endfunction()
