#include "provider/testing/test_server.h"

#include <httplib.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace charon::http {
namespace {

constexpr std::size_t kThreads = 64;

X509* ReadCertificate(const std::string& pem) {
  BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(in, nullptr, nullptr, nullptr);
  BIO_free(in);
  return certificate;
}

std::unique_ptr<httplib::Server> MakeServer(const TestServer::Options& options) {
  if (options.identity.certificate_pem.empty()) return std::make_unique<httplib::Server>();
  X509* certificate = ReadCertificate(options.identity.certificate_pem);
  BIO* in = BIO_new_mem_buf(options.identity.key_pem.data(), -1);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  BIO_free(in);
  X509_STORE* client_store = nullptr;
  if (!options.client_ca.empty()) {
    client_store = X509_STORE_new();
    X509* ca = ReadCertificate(options.client_ca);
    X509_STORE_add_cert(client_store, ca);
    X509_free(ca);
  }
  // The server keeps references to certificate and key, and takes the store.
  auto server = std::make_unique<httplib::SSLServer>(certificate, key, client_store);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return server;
}

}  // namespace

struct TestServer::State {
  std::unique_ptr<httplib::Server> server;
  std::thread thread;
  std::mutex mutex;
  std::set<int> ports;  // of the clients
  int requests = 0;
};

TestServer::TestServer(Options options, Handler handler)
    : state_(std::make_unique<State>()), is_tls_(!options.identity.certificate_pem.empty()) {
  state_->server = MakeServer(options);
  httplib::Server& server = *state_->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  // Answers leave in two writes; the second would wait for the first one's acknowledgement.
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(100000);
  server.set_keep_alive_timeout(30);
  const auto route = [state = state_.get(), handler = std::move(handler)](
                         const httplib::Request& request, httplib::Response& response) {
    {
      const std::scoped_lock lock(state->mutex);
      state->ports.insert(request.remote_port);
      ++state->requests;
    }
    handler(request, response);
  };
  server.Get(".*", route).Post(".*", route).Put(".*", route).Patch(".*", route).Delete(".*", route);
  // The library listens with a backlog of five. When more connect at once, the kernel drops the
  // rest, who try again a second later.
  int listener = -1;
  server.set_socket_options([&listener](int fd) { listener = fd; });
  port_ = server.bind_to_any_port("127.0.0.1");
  listen(listener, SOMAXCONN);
  state_->thread = std::thread([this] { state_->server->listen_after_bind(); });
  // Asked to stop before it runs, it would not.
  while (!server.is_running()) std::this_thread::yield();
}

TestServer::~TestServer() {
  state_->server->stop();
  state_->thread.join();
}

std::string TestServer::Url(absl::string_view path) const {
  return absl::StrCat(is_tls_ ? "https" : "http", "://127.0.0.1:", port_, path);
}

int TestServer::connections() const {
  const std::scoped_lock lock(state_->mutex);
  return static_cast<int>(state_->ports.size());
}

int TestServer::requests() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->requests;
}

}  // namespace charon::http
