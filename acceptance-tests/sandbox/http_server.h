// The HTTP side: connections, TLS, the request log and scripted faults around a site.

#ifndef ACCEPTANCE_TESTS_SANDBOX_HTTP_SERVER_H_
#define ACCEPTANCE_TESTS_SANDBOX_HTTP_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "faults.h"
#include "http_request.h"
#include "request_log.h"
#include "site.h"
#include "tls.h"

namespace httplib {
class Server;
}  // namespace httplib

namespace charon::sandbox {

class HttpServer {
 public:
  // `identity` null: plain HTTP. Everything passed in must outlive the server.
  HttpServer(Site& site, FaultScript& faults, RequestLog& log, const ServerIdentity* identity);
  ~HttpServer();

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Binds to 127.0.0.1; 0 takes a free port. Returns the port.
  absl::StatusOr<int> Bind(int port);
  // Serves until Stop().
  void Run();
  // Ends every connection. From any thread, but not from a signal handler.
  void Stop();

 private:
  struct Connection;

  HttpResponse Answer(const HttpRequest& request, int remote_port, std::string* user,
                      bool* dropped);
  void CloseConnections(int remote_port) const;

  Site& site_;
  FaultScript& faults_;
  RequestLog& log_;
  std::unique_ptr<httplib::Server> server_;
  int port_ = 0;
  int listener_ = -1;
  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_HTTP_SERVER_H_
