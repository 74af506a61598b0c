// Where the server may listen: a private folder with a Unix socket, else a free TCP port on
// loopback.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "provider/server/handshake.h"

namespace charon::server {

// A new folder that only this user may enter (mode 0700), with the path of a socket in it. The
// destructor removes both. Not copyable.
class SocketFolder {
 public:
  // In the host's socket folder if it names one, else below TMPDIR, else /tmp. If none of them can
  // hold a socket: FailedPrecondition naming each with its reason (not writable, path longer than a
  // socket's may be).
  static absl::StatusOr<std::unique_ptr<SocketFolder>> Make(const HostSettings& host);

  SocketFolder(const SocketFolder&) = delete;
  SocketFolder& operator=(const SocketFolder&) = delete;
  ~SocketFolder() { Remove(); }

  const std::string& socket_path() const { return socket_path_; }

  // Lets the host's group, if it names one, connect. To be called when the socket exists.
  // NotFound if there is no such group; PermissionDenied if we may not give it the socket.
  absl::Status OpenToGroup(const std::string& group) const;

  // Removes socket and folder; may be called again.
  void Remove();

 private:
  explicit SocketFolder(std::string folder)
      : folder_(std::move(folder)), socket_path_(folder_ + "/plugin.sock") {}

  std::string folder_;
  std::string socket_path_;
};

// A TCP port that was free on 127.0.0.1 a moment ago, from `first` to the host's max_port. 0 (the
// kernel chooses) if the host names no range. ResourceExhausted if all are taken.
absl::StatusOr<int> FreePort(const HostSettings& host, int first);

}  // namespace charon::server
