#include "provider/clients/rfc2136/channel.h"

#include <ares.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "provider/base/status.h"

namespace charon::rfc2136 {
namespace {

constexpr absl::Duration kConnectTimeout = absl::Seconds(5);
constexpr int kConnectTries = 3;

struct Address {
  sockaddr_storage storage;
  socklen_t length = 0;
};

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

// Waits until the socket is ready, in slices so that a stop is noticed.
absl::Status Await(const Call& call, int fd, short events) {
  while (true) {
    CHARON_RETURN_IF_ERROR(call.Alive());
    pollfd one{fd, events, 0};
    const int ready = poll(&one, 1, 100);
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return absl::UnavailableError(std::strerror(errno));
  }
}

// The resolver is c-ares: a static glibc would have to load its name service at run time.
absl::StatusOr<std::vector<Address>> Resolve(const Call& call, const ServerAddress& server) {
  std::uint32_t port = 0;
  (void)absl::SimpleAtoi(server.port, &port);
  Address literal{};
  if (auto* four = reinterpret_cast<sockaddr_in*>(&literal.storage);
      inet_pton(AF_INET, server.host.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(static_cast<std::uint16_t>(port));
    literal.length = sizeof(sockaddr_in);
    return std::vector<Address>{literal};
  }
  if (auto* six = reinterpret_cast<sockaddr_in6*>(&literal.storage);
      inet_pton(AF_INET6, server.host.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(static_cast<std::uint16_t>(port));
    literal.length = sizeof(sockaddr_in6);
    return std::vector<Address>{literal};
  }
  static const int initialised = ares_library_init(ARES_LIB_INIT_ALL);
  ares_channel channel = nullptr;
  if (initialised != ARES_SUCCESS || ares_init(&channel) != ARES_SUCCESS)
    return absl::UnavailableError("no resolver could be set up");
  struct Found {
    bool done = false;
    int status = ARES_SUCCESS;
    std::vector<Address> addresses;
  } found;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NUMERICSERV;
  ares_getaddrinfo(
      channel, server.host.c_str(), server.port.c_str(), &hints,
      [](void* into, int status, int, ares_addrinfo* info) {
        auto* out = static_cast<Found*>(into);
        out->done = true;
        out->status = status;
        for (const ares_addrinfo_node* node = info == nullptr ? nullptr : info->nodes;
             node != nullptr; node = node->ai_next) {
          Address address{};
          std::memcpy(&address.storage, node->ai_addr, node->ai_addrlen);
          address.length = node->ai_addrlen;
          out->addresses.push_back(address);
        }
        if (info != nullptr) ares_freeaddrinfo(info);
      },
      &found);
  absl::Status alive;
  while (!found.done && alive.ok()) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    const int mask = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    std::vector<pollfd> fds;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      const auto bit = static_cast<unsigned int>(i);
      const auto bits = static_cast<unsigned int>(mask);
      const bool reads = (bits >> bit & 1U) != 0,
                 writes = (bits >> (bit + ARES_GETSOCK_MAXNUM) & 1U) != 0;
      if (reads || writes)
        fds.push_back(
            {sockets[i], static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), 0});
    }
    const int ready = poll(fds.data(), fds.size(), 100);
    if (ready <= 0) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (const pollfd& one : fds) {
      if (one.revents != 0) {
        ares_process_fd(
            channel, (one.revents & (POLLIN | POLLERR | POLLHUP)) != 0 ? one.fd : ARES_SOCKET_BAD,
            (one.revents & POLLOUT) != 0 ? one.fd : ARES_SOCKET_BAD);
      }
    }
    alive = call.Alive();
  }
  ares_destroy(channel);  // calls back what is still open
  CHARON_RETURN_IF_ERROR(alive);
  if (found.addresses.empty())
    return absl::UnavailableError(
        absl::StrCat("the name ", server.host, " has no address: ", ares_strerror(found.status)));
  return found.addresses;
}

absl::Status Connect(const Call& call, int fd, const Address& address) {
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0)
    return absl::OkStatus();
  if (errno != EINPROGRESS) return absl::UnavailableError(std::strerror(errno));
  if (absl::Status ready = Await(call.Within(kConnectTimeout), fd, POLLOUT); !ready.ok()) {
    CHARON_RETURN_IF_ERROR(call.Alive());
    return absl::UnavailableError("no connection within 5 seconds");
  }
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return error == 0 ? absl::OkStatus() : absl::UnavailableError(std::strerror(error));
}

absl::Status SendAll(const Call& call, int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      CHARON_RETURN_IF_ERROR(Await(call, fd, POLLOUT));
    } else {
      return absl::UnavailableError(std::strerror(errno));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Receive(const Call& call, int fd, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t have = 0; have < size;) {
    const ssize_t got = recv(fd, bytes.data() + have, size - have, 0);
    if (got > 0) {
      have += static_cast<std::size_t>(got);
    } else if (got == 0) {
      return absl::UnavailableError("the server closed the connection without an answer");
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      CHARON_RETURN_IF_ERROR(Await(call, fd, POLLIN));
    } else {
      return absl::UnavailableError(std::strerror(errno));
    }
  }
  return bytes;
}

class TcpChannel final : public Channel {
 public:
  explicit TcpChannel(ServerAddress server) : server_(std::move(server)) {}

  absl::Status Exchange(const Call& call, const std::string& message,
                        const OnAnswer& on_answer) override {
    if (message.size() > 65535)
      return absl::InternalError("a DNS message has more than 65,535 bytes");
    absl::Duration pause = absl::Milliseconds(250);
    for (int attempt = 1;; ++attempt) {
      bool sent = false;
      absl::Status status = Once(call, message, on_answer, &sent);
      // Once something was sent, the caller has to see what became of it.
      if (status.ok() || sent || !absl::IsUnavailable(status) || attempt == kConnectTries ||
          !call.Wait(pause).ok()) {
        return status.ok()
                   ? status
                   : Annotate(std::move(status), absl::StrCat("the DNS server ", server_.host,
                                                              " port ", server_.port));
      }
      pause *= 2;
    }
  }

 private:
  absl::Status Once(const Call& call, const std::string& message, const OnAnswer& on_answer,
                    bool* sent) const {
    CHARON_ASSIGN_OR_RETURN(const std::vector<Address> addresses, Resolve(call, server_));
    absl::Status status;
    for (const Address& address : addresses) {
      const Socket socket_(
          socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (socket_.fd() < 0) return absl::UnavailableError(std::strerror(errno));
      status = Connect(call, socket_.fd(), address);
      if (!status.ok()) continue;
      *sent = true;
      std::string framed = {static_cast<char>(message.size() >> 8),
                            static_cast<char>(message.size() & 0xff)};
      CHARON_RETURN_IF_ERROR(SendAll(call, socket_.fd(), framed + message));
      while (true) {
        CHARON_ASSIGN_OR_RETURN(const std::string length, Receive(call, socket_.fd(), 2));
        const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(length[0]))
                                     << 8 |
                                 static_cast<unsigned char>(length[1]);
        CHARON_ASSIGN_OR_RETURN(const std::string answer, Receive(call, socket_.fd(), size));
        CHARON_ASSIGN_OR_RETURN(const bool more, on_answer(answer));
        if (!more) return absl::OkStatus();
      }
    }
    return status;
  }

  const ServerAddress server_;
};

}  // namespace

absl::StatusOr<ServerAddress> ParseServer(absl::string_view text) {
  const auto bad = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" is not a server; write \"192.0.2.53\", \"ns1.example.org:5353\" or "
                     "\"[2001:db8::53]:53\""));
  };
  ServerAddress server{"", "53"};
  absl::string_view rest = text;
  if (absl::StartsWith(rest, "[")) {
    const std::size_t end = rest.find(']');
    if (end == absl::string_view::npos) return bad();
    server.host = std::string(rest.substr(1, end - 1));
    rest = rest.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') return bad();
  } else if (std::count(rest.begin(), rest.end(), ':') > 1) {  // a bare IPv6 address
    server.host = std::string(rest);
    rest = "";
  } else {
    const std::size_t colon = rest.find(':');
    server.host = std::string(rest.substr(0, colon));
    rest = colon == absl::string_view::npos ? "" : rest.substr(colon);
  }
  if (!rest.empty()) {
    std::uint32_t port = 0;
    if (!absl::SimpleAtoi(rest.substr(1), &port) || port == 0 || port > 65535) return bad();
    server.port = absl::StrCat(port);
  }
  const auto odd = [](unsigned char c) {
    return absl::ascii_isspace(c) || c == '/' || c == '@' || c == '[' || c == ']';
  };
  if (server.host.empty() || std::any_of(server.host.begin(), server.host.end(), odd)) return bad();
  return server;
}

std::unique_ptr<Channel> NewTcpChannel(ServerAddress server) {
  return std::make_unique<TcpChannel>(std::move(server));
}

}  // namespace charon::rfc2136
