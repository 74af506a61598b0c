// DNS messages over TCP (RFC 1035, section 4.2.2).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/base/call.h"

namespace charon::rfc2136 {

class Channel {
 public:
  // Returns false after the last message that is wanted.
  using OnAnswer = std::function<absl::StatusOr<bool>(absl::string_view message)>;

  virtual ~Channel() = default;
  // Sends one message on a connection of its own and hands over the answers. Unavailable if there
  // is no connection or it breaks; DeadlineExceeded, Cancelled as the call says. Safe for
  // concurrent use.
  virtual absl::Status Exchange(const Call& call, const std::string& message,
                                const OnAnswer& on_answer) = 0;
};

// A server as users write it: "192.0.2.53", "ns1.example.org:5353", "[2001:db8::53]:53".
// InvalidArgument if it is none.
struct ServerAddress {
  std::string host;
  std::string port;
};
absl::StatusOr<ServerAddress> ParseServer(absl::string_view text);

std::unique_ptr<Channel> NewTcpChannel(ServerAddress server);

}  // namespace charon::rfc2136
