# charon_protos(TARGET a.proto ...) generates C++ messages and gRPC services of the .proto files of the
# current folder into ${CMAKE_BINARY_DIR}/generated/<folder> and makes the library TARGET of them.
# Includes are written from the root: #include "proto/a.grpc.pb.h".
#
# CMake's protobuf_generate cannot pass options to --cpp_out, hence the custom command. `lite` is
# needed because a message of the protocol is called GetMetadata, like a member of full messages.
function(charon_protos target)
  file(RELATIVE_PATH folder "${CMAKE_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  set(out "${CMAKE_BINARY_DIR}/generated")
  file(MAKE_DIRECTORY "${out}/${folder}")
  set(sources)
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
    list(APPEND sources "${base}.pb.cc" "${base}.grpc.pb.cc")
  endforeach()
  # Not with our warnings: the code is not ours. Users see its headers as SYSTEM headers.
  add_library(${target} STATIC ${sources})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} SYSTEM PUBLIC "${out}")
  target_link_libraries(${target} PUBLIC gRPC::grpc++ protobuf::libprotobuf)
  if(CHARON_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${CHARON_SANITIZE} -fno-omit-frame-pointer)
  endif()
  add_library(charon::protos ALIAS ${target})
endfunction()
