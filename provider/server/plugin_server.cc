#include "provider/server/plugin_server.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "provider/base/log.h"
#include "provider/base/status.h"
#include "provider/server/auto_mtls.h"
#include "provider/server/call_queue.h"
#include "provider/server/host_methods.h"
#include "provider/server/listener.h"

namespace charon::server {
namespace {

// As the reference servers; gRPC's own limit of 4 MiB is below what a large state needs.
constexpr int kMaxMessageBytes = 256 << 20;
// How long after the grace a handler may take to notice that it was cancelled.
constexpr absl::Duration kCancelled = absl::Milliseconds(100);
constexpr int kPortAttempts = 100;

// What gRPC has to say (a client whose certificate is refused, for one) in the form of our own log.
void ForwardLog(gpr_log_func_args* line) {
  const LogLevel level = line->severity == GPR_LOG_SEVERITY_ERROR  ? LogLevel::kError
                         : line->severity == GPR_LOG_SEVERITY_INFO ? LogLevel::kInfo
                                                                   : LogLevel::kDebug;
  Logger::Standard().Log(level, line->message,
                         {{"grpc_source", absl::StrCat(line->file, ":", line->line)}});
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const HostSettings& host,
                                                     const ServerIdentity& identity) {
  if (host.client_certificate.empty()) return grpc::InsecureServerCredentials();
  // The host's certificate is an ECDSA P-521 one. gRPC on OpenSSL verifies it; stock BoringSSL
  // would not.
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = host.client_certificate;
  options.pem_key_cert_pairs.push_back({identity.private_key_pem, identity.certificate_pem});
  return grpc::SslServerCredentials(options);
}

}  // namespace

class PluginServer::Impl {
 public:
  Impl(Methods methods, std::function<void()> on_shutdown) : methods_(std::move(methods)) {
    methods_.merge(HostMethods(std::move(on_shutdown)));
  }

  ~Impl() {
    if (server_ != nullptr) Shutdown(absl::ZeroDuration());
    if (ender_.joinable()) ender_.join();
    queue_.reset();
    server_.reset();
  }

  absl::Status Start(const HostSettings& host) {
    gpr_set_log_function(ForwardLog);
    ServerIdentity identity;
    if (!host.client_certificate.empty()) {
      CHARON_RETURN_IF_ERROR(CheckClientCertificate(host.client_certificate));
      CHARON_ASSIGN_OR_RETURN(identity, MakeServerIdentity(absl::Now()));
      certificate_ = UnpaddedBase64(identity.certificate_der);
    }
    const auto credentials = Credentials(host, identity);
    const absl::Status on_unix = StartOnUnixSocket(host, credentials);
    if (on_unix.ok() || absl::IsNotFound(on_unix) || absl::IsPermissionDenied(on_unix))
      return on_unix;
    if (host.client_certificate.empty()) {
      return WithRemedy(
          Annotate(on_unix, "without TLS only a Unix socket is safe from other users"),
          absl::StrCat("Set ", host.socket_folder.empty() ? "TMPDIR" : "PLUGIN_UNIX_SOCKET_DIR",
                       " to a folder with a short path that can be written, or let Terraform use "
                       "TLS (unset TF_DISABLE_PLUGIN_TLS)."));
    }
    Logger::Standard().Warn("listening on TCP, loopback only, because no Unix socket can be had",
                            {{"reason", std::string(on_unix.message())}});
    return Annotate(StartOnTcp(host, credentials), on_unix.message());
  }

  bool Shutdown(absl::Duration grace) {
    if (!ender_.joinable()) {
      queue_->End();
      ender_ = std::thread([this, deadline = absl::ToChronoTime(absl::Now() + grace)] {
        server_->Shutdown(deadline);
        ended_.Notify();
      });
    }
    const bool ended = ended_.WaitForNotificationWithTimeout(grace + kCancelled);
    if (folder_ != nullptr) folder_->Remove();
    return ended;
  }

  const Address& address() const { return address_; }
  const std::string& certificate() const { return certificate_; }

 private:
  absl::Status StartOnUnixSocket(const HostSettings& host,
                                 const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    CHARON_ASSIGN_OR_RETURN(folder_, SocketFolder::Make(host));
    Address address{Address::Network::kUnix, folder_->socket_path()};
    if (!Listen(address, credentials)) {
      folder_.reset();
      return absl::FailedPreconditionError(
          absl::StrCat("no Unix socket could be opened at ", address.text));
    }
    return folder_->OpenToGroup(host.socket_group);
  }

  absl::Status StartOnTcp(const HostSettings& host,
                          const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    // Another process may take the port between the search and our bind, in which case the next one
    // is tried.
    int port = host.min_port;
    for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
      CHARON_ASSIGN_OR_RETURN(port, FreePort(host, port));
      Address address{Address::Network::kTcp, absl::StrCat("127.0.0.1:", port)};
      if (Listen(address, credentials)) return absl::OkStatus();
      ++port;
    }
    return absl::UnavailableError("no TCP port could be opened on 127.0.0.1");
  }

  bool Listen(Address address, const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    auto queue = std::make_unique<CallQueue>(methods_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address.grpc_target(), credentials, &port);
    // Two providers must not share a port, which SO_REUSEPORT would let them.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // Pings that measure how fast a network is, after every message; the host is on this machine.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    // Statistics of every call that nobody asks for.
    builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    builder.SetMaxSendMessageSize(kMaxMessageBytes);
    queue->Register(builder);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return false;
    if (address.network == Address::Network::kTcp) address.text = absl::StrCat("127.0.0.1:", port);
    address_ = std::move(address);
    queue_ = std::move(queue);
    queue_->Start();
    return true;
  }

  Methods methods_;
  std::unique_ptr<SocketFolder> folder_;
  std::unique_ptr<CallQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  Address address_;
  std::string certificate_;
  std::thread ender_;
  absl::Notification ended_;
};

PluginServer::PluginServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PluginServer::~PluginServer() = default;

absl::StatusOr<std::unique_ptr<PluginServer>> PluginServer::Start(
    const HostSettings& host, Methods methods, std::function<void()> on_shutdown) {
  auto impl = std::make_unique<Impl>(std::move(methods), std::move(on_shutdown));
  CHARON_RETURN_IF_ERROR(impl->Start(host));
  return std::unique_ptr<PluginServer>(new PluginServer(std::move(impl)));
}

const Address& PluginServer::address() const { return impl_->address(); }
const std::string& PluginServer::certificate() const { return impl_->certificate(); }
bool PluginServer::Shutdown(absl::Duration grace) { return impl_->Shutdown(grace); }

}  // namespace charon::server
