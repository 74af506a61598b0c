#include "provider/server/listener.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace charon::server {
namespace {

// With the byte that ends it: 108 on Linux, 104 elsewhere.
constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un{}.sun_path);

std::string ErrnoText() { return std::strerror(errno); }

absl::StatusOr<std::string> MakeFolder(std::string parent) {
  while (parent.size() > 1 && parent.back() == '/') parent.pop_back();
  std::string folder = absl::StrCat(parent, parent.back() == '/' ? "" : "/", "charon-XXXXXX");
  if (folder.size() + std::strlen("/plugin.sock") + 1 > kMaxSocketPath) {
    return absl::FailedPreconditionError(absl::StrCat(
        parent, ": the path is too long for a Unix socket (", kMaxSocketPath - 1, " bytes)"));
  }
  // These would end a field of the handshake, or its line.
  if (folder.find_first_of("|\r\n") != std::string::npos) {
    return absl::FailedPreconditionError(
        absl::StrCat(parent, ": the path has a '|' or a line break in it"));
  }
  if (parent.front() != '/') {
    return absl::FailedPreconditionError(absl::StrCat(parent, ": the path is not absolute"));
  }
  if (::mkdtemp(folder.data()) == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(parent, ": ", ErrnoText()));
  }
  return folder;
}

// Through /etc/group itself: a static program has no name-service modules.
absl::StatusOr<gid_t> GroupId(const std::string& group) {
  unsigned number = 0;
  if (absl::SimpleAtoi(group, &number)) return static_cast<gid_t>(number);
  std::FILE* file = std::fopen("/etc/group", "re");
  if (file != nullptr) {
    gid_t found = 0;
    bool ok = false;
    while (const struct group* entry = ::fgetgrent(file)) {
      if (group == entry->gr_name) {
        found = entry->gr_gid;
        ok = true;
        break;
      }
    }
    std::fclose(file);
    if (ok) return found;
  }
  return absl::NotFoundError(
      absl::StrCat("PLUGIN_UNIX_SOCKET_GROUP names the group \"", group,
                   "\", which is not in /etc/group; give its number instead"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SocketFolder>> SocketFolder::Make(const HostSettings& host) {
  // A host that names a folder looks for the socket there (it may be mounted into a container), so
  // no other one will do.
  std::vector<std::string> parents;
  if (!host.socket_folder.empty()) {
    parents = {host.socket_folder};
  } else {
    if (!host.temporary_folder.empty()) parents.push_back(host.temporary_folder);
    parents.emplace_back("/tmp");
  }
  std::vector<std::string> reasons;
  for (const std::string& parent : parents) {
    absl::StatusOr<std::string> folder = MakeFolder(parent);
    if (folder.ok()) return std::unique_ptr<SocketFolder>(new SocketFolder(*std::move(folder)));
    reasons.emplace_back(folder.status().message());
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no folder can hold the plugin's socket (", absl::StrJoin(reasons, "; "), ")"));
}

absl::Status SocketFolder::OpenToGroup(const std::string& group) const {
  if (group.empty()) return absl::OkStatus();
  const absl::StatusOr<gid_t> id = GroupId(group);
  if (!id.ok()) return id.status();
  constexpr auto kSameOwner = static_cast<uid_t>(-1);
  if (::chown(folder_.c_str(), kSameOwner, *id) != 0 ||
      ::chown(socket_path_.c_str(), kSameOwner, *id) != 0 ||
      ::chmod(socket_path_.c_str(), 0660) != 0 || ::chmod(folder_.c_str(), 0710) != 0) {
    return absl::PermissionDeniedError(absl::StrCat("the socket ", socket_path_,
                                                    " could not be given to group ", group,
                                                    " (PLUGIN_UNIX_SOCKET_GROUP): ", ErrnoText()));
  }
  return absl::OkStatus();
}

void SocketFolder::Remove() {
  if (folder_.empty()) return;
  ::unlink(socket_path_.c_str());
  ::rmdir(folder_.c_str());
  folder_.clear();
}

absl::StatusOr<int> FreePort(const HostSettings& host, int first) {
  if (host.min_port == 0) return 0;
  for (int port = std::max(first, host.min_port); port <= host.max_port; ++port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
      return absl::UnavailableError(absl::StrCat("no TCP socket can be made: ", ErrnoText()));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const bool free = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::close(fd);
    if (free) return port;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("every TCP port from ", host.min_port, " to ", host.max_port,
                   " (PLUGIN_MIN_PORT, PLUGIN_MAX_PORT) is taken on 127.0.0.1"));
}

}  // namespace charon::server
