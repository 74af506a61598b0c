// One call over gRPC as its handler sees it, and the table of methods that a server has.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "absl/strings/string_view.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf
namespace grpc {
class Status;
}  // namespace grpc

namespace charon::server {

// Used by the handler's thread only.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // The message that opened the call. False if it is not one of this type.
  virtual bool Parse(google::protobuf::MessageLite& request) const = 0;

  // The message that goes out with the status, if the handler ends with OK.
  virtual void Answer(const google::protobuf::MessageLite& response) = 0;

  // A message of a stream, before the answer; waits until gRPC took it. False if the client wants
  // no more. REQUIRES: the method's way is kOwnThread.
  virtual bool Send(const google::protobuf::MessageLite& message) = 0;

  // Stops when the client gave up on the call, or its connection broke.
  virtual std::stop_token given_up() = 0;
};

struct Method {
  enum class Way {
    // Answered from memory, on the thread that reads the connections: no change of threads.
    kAtOnce,
    // May wait for an API or work for long. Any number of them runs at once.
    kOwnThread,
    // Stays open until the client or the server ends it, and takes no thread meanwhile. The answer,
    // if there is one, is a first message.
    kHeld,
  };
  Way way = Way::kOwnThread;
  // Throws nothing. nullptr for a held method that reads no message and greets by its headers.
  std::function<grpc::Status(Exchange&)> serve;
};

// By path: "/package.Service/Method".
using Methods = std::map<std::string, Method, std::less<>>;

}  // namespace charon::server
