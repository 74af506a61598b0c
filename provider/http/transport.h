// HTTP as the rest of the program sees it: a request goes in, a response or a Status comes out.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "provider/base/call.h"

namespace charon::http {

// Whether a request may be sent again when it is unclear what became of it.
enum class Repeat {
  kByMethod,      // GET, HEAD, PUT, DELETE: kSafe; everything else: kOnlyIfUnsent
  kSafe,          // the server's state is the same after one or two
  kOnlyIfUnsent,  // only if the server certainly did not see it, or refused it (429)
};

struct Request {
  std::string method = "GET";
  std::string url = {};  // absolute
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  Repeat repeat = Repeat::kByMethod;
  // Set for streams (watch): called with each piece of the body of a 2xx response as it arrives,
  // on the transport's thread; must not block. Returning false ends the transfer, which is then
  // a success. The response's body stays empty.
  std::function<bool(absl::string_view piece)> on_body = {};
};

// What kByMethod stands for: true if sending `request` twice does no harm.
bool IsRepeatable(const Request& request);

struct Response {
  int status = 0;
  // Names in lower case. A header sent twice is joined by ", ".
  std::map<std::string, std::string> headers = {};
  std::string body = {};
  int attempts = 1;  // how often it was sent until this answer
};

// Safe for concurrent use.
class Transport {
 public:
  virtual ~Transport() = default;

  // The response, whatever its status code. Only "no response" is an error:
  //   Unavailable       no connection, or it broke (the message names host, port and cause)
  //   Unauthenticated   the server's certificate was refused (the message names the CA used), or
  //                     it refused ours
  //   DeadlineExceeded  the call's deadline; Cancelled: its stop token
  //   ResourceExhausted the body is larger than allowed
  //   InvalidArgument   the URL is not one, or a header contains a control character
  // An Unavailable that IsUnsent() certainly reached no server.
  virtual absl::StatusOr<Response> Send(const Call& call, const Request& request) = 0;
};

// Marks an error as "the server did not see the request", which makes any method repeatable.
absl::Status MarkUnsent(absl::Status status);
bool IsUnsent(const absl::Status& status);

// How one server is reached. Where a text is empty the default holds.
struct TlsOptions {
  std::string ca_pem = {};     // empty: the system's bundle
  std::string ca_source = {};  // for messages: where ca_pem is from ("cluster_ca_certificate")
  std::string client_cert_pem = {};  // with client_key_pem: mutual TLS
  std::string client_key_pem = {};
  std::string server_name = {};  // for SNI and verification, if not the URL's host
  bool insecure = false;         // no verification at all
};

struct TransportOptions {
  TlsOptions tls = {};
  std::string proxy_url = {};  // empty: from HTTPS_PROXY, HTTP_PROXY, NO_PROXY
  std::string user_agent = {};
  int max_connections_per_host = 10;
  std::size_t max_body_bytes = std::size_t{512} << 20;
};

// One libcurl multi handle on its own thread: keep-alive, HTTP/2, one connection pool. Nothing is
// started before the first request. Streams do not count against max_connections_per_host, so that
// ten watches over HTTP/1.1 leave room for the requests beside them.
// InvalidArgument if a PEM text is not one, or the client's key does not belong to its certificate.
absl::StatusOr<std::unique_ptr<Transport>> NewCurlTransport(TransportOptions options);

// The file that holds this machine's CA bundle: SSL_CERT_FILE, then the usual places of Debian,
// Alpine and RHEL. FailedPrecondition, naming the places, if there is none.
absl::StatusOr<std::string> SystemCaBundle();
// The same where `is_readable` says which of the files can be read.
absl::StatusOr<std::string> SystemCaBundle(
    const std::function<bool(const std::string& path)>& is_readable);

}  // namespace charon::http
