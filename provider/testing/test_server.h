// An HTTPS server on loopback, for tests of what really goes over the wire.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "provider/testing/test_certificates.h"

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace charon::http {

// Listens on 127.0.0.1 at a port of the system's choice until it is destroyed. Requests still being
// handled then must have been let go by the test. Handlers run on up to 64 threads.
class TestServer {
 public:
  struct Options {
    KeyPair identity = {};       // empty: plain HTTP
    std::string client_ca = {};  // PEM; not empty: clients must show a certificate of it
  };
  using Handler = std::function<void(const httplib::Request&, httplib::Response&)>;

  // `handler` answers every request.
  TestServer(Options options, Handler handler);
  ~TestServer();

  int port() const { return port_; }
  // "https://127.0.0.1:4711" + path
  std::string Url(absl::string_view path = "") const;
  // How many connections have sent a request.
  int connections() const;
  int requests() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  bool is_tls_ = false;
  int port_ = 0;
};

}  // namespace charon::http
