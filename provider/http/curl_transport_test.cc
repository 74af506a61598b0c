#include "provider/http/curl_transport.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <httplib.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/http/certificates.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/test_certificates.h"
#include "provider/testing/test_server.h"

namespace charon::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// No test waits this long unless it fails.
constexpr absl::Duration kPatience = absl::Seconds(20);

// A TCP server that does with each connection what it is told, on a thread of its own.
class RawServer {
 public:
  // Given the connection and its number from 1; the connection is closed afterwards.
  using Script = std::function<void(int fd, int number)>;

  explicit RawServer(Script script) : script_(std::move(script)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    listen(listener_, 64);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Accept(); });
  }

  ~RawServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
    for (std::thread& thread : threads_) thread.join();
    for (const int fd : connections_) close(fd);
    close(listener_);
  }

  int port() const { return port_; }
  int connections() const { return count_; }

  // Reads one request with its body; "" when the client has gone.
  static std::string ReadRequest(int fd) {
    std::string text;
    char buffer[4096];
    std::size_t wanted = std::string::npos;
    while (text.size() < wanted) {
      const ssize_t size = read(fd, buffer, sizeof(buffer));
      if (size <= 0) return "";
      text.append(buffer, static_cast<std::size_t>(size));
      const std::size_t end = text.find("\r\n\r\n");
      if (wanted != std::string::npos || end == std::string::npos) continue;
      wanted = end + 4;
      const std::size_t length = text.find("Content-Length: ");
      if (length < end) wanted += std::stoul(text.substr(length + 16));
    }
    return text;
  }

  static void Write(int fd, absl::string_view text) {
    [[maybe_unused]] const ssize_t size = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  }

 private:
  void Accept() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      connections_.push_back(fd);
      const int number = ++count_;
      threads_.emplace_back([this, fd, number] {
        script_(fd, number);
        shutdown(fd, SHUT_RDWR);
      });
    }
  }

  Script script_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> count_ = 0;
  std::thread thread_;
  // The accepting thread's until it has ended.
  std::vector<std::thread> threads_;
  std::vector<int> connections_;
};

// One CA and one server certificate for all tests; making them takes longer than most tests.
const TestCa& Ca() {
  static const auto& ca = *new TestCa("Charon test CA");
  return ca;
}
const KeyPair& ServerIdentity() {
  static const auto& identity = *new KeyPair(Ca().Issue({}));
  return identity;
}

std::unique_ptr<Transport> NewTransport(TransportOptions options = {},
                                        CurlEnvironment environment = {
                                            .variable = [](const std::string&) {
                                              return std::optional<std::string>();
                                            }}) {
  if (options.tls.ca_pem.empty() && !options.tls.insecure) options.tls.ca_pem = Ca().pem();
  auto transport = NewCurlTransport(std::move(options), std::move(environment));
  EXPECT_THAT(transport, IsOk());
  return *std::move(transport);
}

Call Patient() {
  Call call;
  call.deadline = absl::Now() + kPatience;
  return call;
}

TEST(CurlTransport, CarriesRequestAndAnswer) {
  std::string seen;
  const TestServer server({.identity = ServerIdentity()}, [&](const httplib::Request& request,
                                                              httplib::Response& response) {
    seen =
        absl::StrCat(request.method, " ", request.target, " ", request.get_header_value("X-Mine"),
                     " ", request.get_header_value("User-Agent"), " ",
                     request.get_header_value("Content-Type"), " ", request.body);
    response.status = 418;
    response.set_header("X-Twice", "a");
    response.headers.emplace("X-Twice", "b");
    response.set_content("short and stout", "text/plain");
  });
  const auto transport = NewTransport({.tls = {}, .user_agent = "charon/1"});
  const auto response = transport->Send(
      Patient(), {.method = "PATCH",
                  .url = server.Url("/p/a%2Fb?x=1&y=%20"),
                  .headers = {{"X-Mine", "yes"}, {"Content-Type", "application/apply-patch+yaml"}},
                  .body = "{\"a\":1}"});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(seen, "PATCH /p/a%2Fb?x=1&y=%20 yes charon/1 application/apply-patch+yaml {\"a\":1}");
  EXPECT_EQ(response->status, 418);
  EXPECT_EQ(response->headers.at("x-twice"), "a, b");
  EXPECT_EQ(response->body, "short and stout");
}

TEST(CurlTransport, DotsInAPathStayInIt) {
  std::string seen;
  const TestServer server(
      {.identity = ServerIdentity()},
      [&](const httplib::Request& request, httplib::Response&) { seen = request.target; });
  const auto transport = NewTransport({.tls = {}, .user_agent = "charon/1"});
  ASSERT_THAT(transport->Send(Patient(), {.method = "GET", .url = server.Url("/a/../b/./c")}),
              IsOk());
  EXPECT_EQ(seen, "/a/../b/./c");
}

TEST(CurlTransport, SendsEveryMethodWithAndWithoutBody) {
  std::map<std::string, std::string> seen;
  RawServer server([&](int fd, int) {
    while (true) {
      const std::string request = RawServer::ReadRequest(fd);
      if (request.empty()) return;
      seen[request.substr(0, request.find(' '))] = request;
      RawServer::Write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  const auto transport = NewTransport();
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}) {
    EXPECT_THAT(
        transport->Send(Patient(), {.method = method,
                                    .url = absl::StrCat("http://127.0.0.1:", server.port(), "/")}),
        IsOk())
        << method;
  }
  const std::string large(2 << 20, 'x');
  EXPECT_THAT(transport->Send(Patient(), {.method = "OPTIONS",
                                          .url = absl::StrCat("http://127.0.0.1:", server.port()),
                                          .body = large}),
              IsOk());
  EXPECT_THAT(seen["GET"], Not(HasSubstr("Content-Length")));
  EXPECT_THAT(seen["DELETE"], Not(HasSubstr("Content-Length")));
  for (const char* method : {"POST", "PUT", "PATCH"}) {
    EXPECT_THAT(seen[method], HasSubstr("Content-Length: 0\r\n")) << method;
    EXPECT_THAT(seen[method], Not(HasSubstr("Content-Type"))) << method;
  }
  EXPECT_THAT(seen["OPTIONS"], Not(HasSubstr("Expect")));
  EXPECT_TRUE(absl::EndsWith(seen["OPTIONS"], large));
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlTransport, EightyRequestsOnTenThreadsShareTenConnections) {
  const TestServer server({.identity = ServerIdentity()},
                          [](const httplib::Request&, httplib::Response& response) {
                            // Long enough that all ten threads are at it together.
                            absl::SleepFor(absl::Milliseconds(5));
                            response.set_content("ok", "text/plain");
                          });
  const auto transport = NewTransport();
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 8; ++n) {
        const auto response = transport->Send(Patient(), {.url = server.Url("/x")});
        if (response.ok() && response->body == "ok") ++good;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(good, 80);
  EXPECT_EQ(server.requests(), 80);
  EXPECT_LE(server.connections(), 10);
  EXPECT_GE(server.connections(), 2);  // they did run together
}

TEST(CurlTransport, NothingIsStartedBeforeTheFirstRequest) {
  const auto threads = [] {
    int count = 0;
    DIR* tasks = opendir("/proc/self/task");
    while (readdir(tasks) != nullptr) ++count;
    closedir(tasks);
    return count;
  };
  const int before = threads();
  const auto transport = NewTransport();
  EXPECT_EQ(threads(), before);
  // Nobody listens on port 1.
  EXPECT_THAT(transport->Send(Patient(), {.url = "http://127.0.0.1:1"}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(threads(), before + 1);
}

// Lets a handler wait until the test is done with it.
class Gate {
 public:
  ~Gate() { Open(); }
  void Open() {
    std::call_once(once_, [this] { open_.Notify(); });
  }
  bool Wait() { return open_.WaitForNotificationWithTimeout(kPatience); }
  bool IsOpen() const { return open_.HasBeenNotified(); }

 private:
  std::once_flag once_;
  absl::Notification open_;
};

TEST(CurlTransport, StreamsArriveAsTheyAreSent) {
  Gate first_seen;
  const TestServer server({.identity = ServerIdentity()},
                          [&](const httplib::Request&, httplib::Response& response) {
                            response.set_chunked_content_provider(
                                "application/json", [&](std::size_t, httplib::DataSink& sink) {
                                  sink.write("one\n", 4);
                                  // The second piece is only sent once the first one has arrived.
                                  if (!first_seen.Wait()) return false;
                                  sink.write("two\n", 4);
                                  sink.done();
                                  return true;
                                });
                          });
  std::string seen;
  Request watch{.url = server.Url("/watch")};
  watch.on_body = [&](absl::string_view piece) {
    absl::StrAppend(&seen, piece);
    if (!first_seen.IsOpen()) first_seen.Open();
    return true;
  };
  const auto response = NewTransport()->Send(Patient(), watch);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(seen, "one\ntwo\n");
  EXPECT_EQ(response->body, "");
}

// A server whose answers begin and never end.
class EndlessServer {
 public:
  EndlessServer()
      : server_({.identity = ServerIdentity()},
                [this](const httplib::Request& request, httplib::Response& response) {
                  if (request.path == "/quick") return;
                  if (request.path == "/silent") {
                    arrived_.Open();
                    gate_.Wait();
                    return;
                  }
                  response.set_chunked_content_provider(
                      "text/plain", [this](std::size_t, httplib::DataSink& sink) {
                        sink.write("x", 1);
                        gate_.Wait();
                        return false;
                      });
                }) {}
  ~EndlessServer() { gate_.Open(); }

  std::string Url(absl::string_view path) const { return server_.Url(path); }
  Gate& arrived() { return arrived_; }

 private:
  Gate gate_;
  Gate arrived_;
  TestServer server_;
};

TEST(CurlTransport, OnBodyEndsAStreamWithSuccess) {
  EndlessServer server;
  Request watch{.url = server.Url("/endless")};
  watch.on_body = [](absl::string_view) { return false; };
  const auto response = NewTransport()->Send(Patient(), watch);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 200);
}

// How long it takes from a stop request until Send returns.
absl::Duration TimeToStop(const std::string& url, Gate& begun, bool stream) {
  const auto transport = NewTransport();
  std::stop_source source;
  Call call = Patient();
  call.stop = source.get_token();
  Request request{.url = url};
  if (stream) {
    request.on_body = [&](absl::string_view) {
      begun.Open();
      return true;
    };
  }
  absl::Time stopped;
  std::jthread stopper([&] {
    begun.Wait();
    stopped = absl::Now();
    source.request_stop();
  });
  EXPECT_THAT(transport->Send(call, request), StatusIs(absl::StatusCode::kCancelled));
  const absl::Time ended = absl::Now();
  stopper.join();
  return ended - stopped;
}

// The best of three: what is slow each time is slow by itself, not for want of a processor.
absl::Duration Fastest(const std::function<absl::Duration()>& measure) {
  return std::min({measure(), measure(), measure()});
}

TEST(CurlTransport, StopEndsAHangingRequestAtOnce) {
  EXPECT_LT(Fastest([] {
              EndlessServer server;
              return TimeToStop(server.Url("/silent"), server.arrived(), false);
            }),
            absl::Milliseconds(200));
}

TEST(CurlTransport, StopEndsAStreamAtOnce) {
  EXPECT_LT(Fastest([] {
              EndlessServer server;
              Gate begun;
              return TimeToStop(server.Url("/endless"), begun, true);
            }),
            absl::Milliseconds(200));
}

TEST(CurlTransport, StopEndsAHandshakeAtOnce) {
  EXPECT_LT(Fastest([] {
              Gate arrived;
              RawServer silent([&](int fd, int) {
                char byte = 0;
                [[maybe_unused]] const ssize_t size = read(fd, &byte, 1);
                arrived.Open();
                // Until the client goes.
                while (read(fd, &byte, 1) > 0) {
                }
              });
              return TimeToStop(absl::StrCat("https://127.0.0.1:", silent.port()), arrived, false);
            }),
            absl::Milliseconds(200));
}

TEST(CurlTransport, AStoppedCallSendsNothing) {
  const TestServer server({}, [](const httplib::Request&, httplib::Response&) {});
  std::stop_source source;
  source.request_stop();
  Call call = Patient();
  call.stop = source.get_token();
  EXPECT_THAT(NewTransport()->Send(call, {.url = server.Url()}),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(server.requests(), 0);
}

TEST(CurlTransport, DeadlineEndsARequest) {
  EndlessServer server;
  const auto transport = NewTransport();
  // On a busy machine the first limits may pass before there is a connection, which is told apart.
  for (absl::Duration limit = absl::Milliseconds(50);; limit *= 2) {
    ASSERT_LT(limit, kPatience);
    Call call;
    call.deadline = absl::Now() + limit;
    const auto response = transport->Send(call, {.url = server.Url("/silent")});
    ASSERT_THAT(response, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("127.0.0.1:")));
    EXPECT_EQ(IsUnsent(response.status()),
              absl::StrContains(response.status().message(), "no connection"));
    if (!IsUnsent(response.status())) break;
  }
}

TEST(CurlTransport, AConnectionOutlivesACancelledRequest) {
  EndlessServer server;
  const auto transport = NewTransport();
  Call call;
  call.deadline = absl::Now() + absl::Milliseconds(50);
  EXPECT_THAT(transport->Send(call, {.url = server.Url("/silent")}),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(transport->Send(Patient(), {.url = server.Url("/quick")}), IsOk());
}

TEST(CurlTransport, StreamsLeaveRoomForRequests) {
  EndlessServer server;
  const auto transport = NewTransport({.tls = {}, .max_connections_per_host = 2});
  std::stop_source source;
  std::vector<std::jthread> watches;
  std::atomic<int> count = 0;
  absl::Notification all;
  for (int i = 0; i < 6; ++i) {
    watches.emplace_back([&] {
      Call call = Patient();
      call.stop = source.get_token();
      Request watch{.url = server.Url("/endless")};
      watch.on_body = [&](absl::string_view) {
        if (++count == 6) all.Notify();
        return true;
      };
      EXPECT_THAT(transport->Send(call, watch), StatusIs(absl::StatusCode::kCancelled));
    });
  }
  EXPECT_TRUE(all.WaitForNotificationWithTimeout(kPatience));
  EXPECT_THAT(transport->Send(Patient(), {.url = server.Url("/quick")}), IsOk());
  source.request_stop();
}

TEST(CurlTransport, ErrorBodiesOfStreamsAreKept) {
  const TestServer server({}, [](const httplib::Request&, httplib::Response& response) {
    response.status = 410;
    response.set_content("too old", "text/plain");
  });
  Request watch{.url = server.Url()};
  watch.on_body = [](absl::string_view) {
    ADD_FAILURE() << "not for errors";
    return true;
  };
  const auto response = NewTransport()->Send(Patient(), watch);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 410);
  EXPECT_EQ(response->body, "too old");
}

TEST(CurlTransport, CompressedBodiesAreUnpacked) {
  const std::string text(5000, 'z');
  bool offered = false;
  const TestServer server({}, [&](const httplib::Request& request, httplib::Response& response) {
    offered = absl::StrContains(request.get_header_value("Accept-Encoding"), "gzip");
    response.set_content(text, "application/json");
  });
  const auto response = NewTransport()->Send(Patient(), {.url = server.Url()});
  ASSERT_THAT(response, IsOk());
  EXPECT_TRUE(offered);
  EXPECT_EQ(response->headers.at("content-encoding"), "gzip");
  EXPECT_EQ(response->body, text);
}

TEST(CurlTransport, LargeBodiesAreRefused) {
  const TestServer server({}, [](const httplib::Request&, httplib::Response& response) {
    // Small on the wire, as it is compressed.
    response.set_content(std::string(100001, 'x'), "application/json");
  });
  const auto transport = NewTransport({.tls = {}, .max_body_bytes = 100000});
  EXPECT_THAT(transport->Send(Patient(), {.url = server.Url()}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("100000 bytes")));
}

// Certificates.

TEST(CurlTransportTls, AWrongCaIsToldApartAndNamed) {
  const TestServer server({.identity = ServerIdentity()},
                          [](const httplib::Request&, httplib::Response&) {});
  const TestCa other("Another CA");
  const auto transport =
      NewTransport({.tls = {.ca_pem = other.pem(), .ca_source = "cluster_ca_certificate"}});
  const auto response = transport->Send(Patient(), {.url = server.Url()});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnauthenticated,
                                 AllOf(HasSubstr(absl::StrCat("127.0.0.1:", server.port())),
                                       HasSubstr("signed by \"CN=Charon test CA\""),
                                       HasSubstr("not the CA in cluster_ca_certificate"))));
  EXPECT_TRUE(IsUnsent(response.status()));
  EXPECT_EQ(server.requests(), 0);
}

TEST(CurlTransportTls, AnExpiredCertificateIsToldWithItsDate) {
  const TestServer server(
      {.identity = Ca().Issue(
           {.not_before = absl::FromCivil(absl::CivilDay(2020, 1, 1), absl::UTCTimeZone()),
            .not_after = absl::FromCivil(absl::CivilDay(2021, 2, 3), absl::UTCTimeZone())})},
      [](const httplib::Request&, httplib::Response&) {});
  EXPECT_THAT(NewTransport()->Send(Patient(), {.url = server.Url()}),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       AllOf(HasSubstr("expired on 2021-02-03"), HasSubstr("CN=localhost"))));
}

TEST(CurlTransportTls, ACertificateFromTheFutureBlamesTheClock) {
  const TestServer server({.identity = Ca().Issue({.not_before = absl::Now() + absl::Hours(5),
                                                   .not_after = absl::Now() + absl::Hours(9)})},
                          [](const httplib::Request&, httplib::Response&) {});
  const auto response = NewTransport()->Send(Patient(), {.url = server.Url()});
  EXPECT_THAT(response,
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("not valid before")));
  EXPECT_THAT(RemedyOf(response.status()).value_or(""), HasSubstr("clock"));
}

TEST(CurlTransportTls, AWrongNameListsTheRightOnes) {
  const TestServer server({.identity = Ca().Issue({.dns_names = {"kubernetes", "api.example"},
                                                   .addresses = {"10.0.0.1"}})},
                          [](const httplib::Request&, httplib::Response&) {});
  EXPECT_THAT(NewTransport()->Send(Patient(), {.url = server.Url()}),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       AllOf(HasSubstr("is not for \"127.0.0.1\""),
                             HasSubstr("kubernetes, api.example, 10.0.0.1"))));
}

TEST(CurlTransportTls, ServerNameReplacesTheHostInVerificationOnly) {
  std::string host;
  const TestServer server({.identity = Ca().Issue({.dns_names = {"kubernetes"}, .addresses = {}})},
                          [&](const httplib::Request& request, httplib::Response&) {
                            host = request.get_header_value("Host");
                          });
  const auto transport = NewTransport({.tls = {.server_name = "kubernetes"}});
  EXPECT_THAT(transport->Send(Patient(), {.url = server.Url("/x")}), IsOk());
  EXPECT_EQ(host, absl::StrCat("127.0.0.1:", server.port()));
  const auto wrong = NewTransport({.tls = {.server_name = "other"}});
  EXPECT_THAT(wrong->Send(Patient(), {.url = server.Url("/x")}),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("is not for \"other\"")));
}

TEST(CurlTransportTls, InsecureTakesAnyCertificate) {
  const TestCa unknown("Unknown CA");
  const TestServer server({.identity = unknown.Issue({.dns_names = {"x"}, .addresses = {}})},
                          [](const httplib::Request&, httplib::Response&) {});
  EXPECT_THAT(NewTransport({.tls = {.insecure = true}})->Send(Patient(), {.url = server.Url()}),
              IsOk());
}

TEST(CurlTransportTls, AClientCertificateIsShown) {
  const TestServer server({.identity = ServerIdentity(), .client_ca = Ca().pem()},
                          [](const httplib::Request&, httplib::Response&) {});
  const KeyPair client = Ca().Issue({.common_name = "ci"});
  EXPECT_THAT(NewTransport({.tls = {.client_cert_pem = client.certificate_pem,
                                    .client_key_pem = client.key_pem}})
                  ->Send(Patient(), {.url = server.Url()}),
              IsOk());
}

// A server that turns down every client whose certificate it does not know, and then stays on the
// line: who hangs up with unread bytes resets the connection, and the alert is lost.
class StrictTlsServer {
 public:
  StrictTlsServer()
      : context_(SSL_CTX_new(TLS_server_method())), server_([this](int fd, int) { Refuse(fd); }) {
    const auto open = [](const std::string& pem) { return BIO_new_mem_buf(pem.data(), -1); };
    BIO* in = open(ServerIdentity().certificate_pem);
    X509* certificate = PEM_read_bio_X509(in, nullptr, nullptr, nullptr);
    BIO_free(in);
    in = open(ServerIdentity().key_pem);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
    BIO_free(in);
    SSL_CTX_use_certificate(context_, certificate);
    SSL_CTX_use_PrivateKey(context_, key);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~StrictTlsServer() { SSL_CTX_free(context_); }

  std::string Url() const { return absl::StrCat("https://127.0.0.1:", server_.port()); }

 private:
  void Refuse(int fd) {
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, fd);
    EXPECT_LE(SSL_accept(ssl), 0);
    char buffer[256];
    while (read(fd, buffer, sizeof(buffer)) > 0) {
    }
    SSL_free(ssl);
  }

  SSL_CTX* context_;
  RawServer server_;
};

TEST(CurlTransportTls, AMissingClientCertificateIsSaidToBeMissing) {
  StrictTlsServer server;
  EXPECT_THAT(NewTransport()->Send(Patient(), {.url = server.Url()}),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       HasSubstr("wants a client certificate, and none is configured")));
}

TEST(CurlTransportTls, ARefusedClientCertificateIsSaidToBeRefused) {
  StrictTlsServer server;
  const KeyPair stranger = TestCa("Another CA").Issue({.common_name = "stranger"});
  EXPECT_THAT(
      NewTransport({.tls = {.client_cert_pem = stranger.certificate_pem,
                            .client_key_pem = stranger.key_pem}})
          ->Send(Patient(), {.url = server.Url()}),
      StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("refused the client certificate")));
}

TEST(CurlTransportTls, BadPemIsRefusedBeforeAnyRequest) {
  const KeyPair a = Ca().Issue({.common_name = "a"});
  const KeyPair b = Ca().Issue({.common_name = "b"});
  const auto error = [](TlsOptions tls) {
    return NewCurlTransport(TransportOptions{.tls = std::move(tls)}).status();
  };
  EXPECT_THAT(error({.ca_pem = "/etc/ca.crt", .ca_source = "cluster_ca_certificate"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("cluster_ca_certificate"), HasSubstr("-----BEGIN"))));
  EXPECT_THAT(error({.ca_pem = absl::StrCat(a.certificate_pem,
                                            "-----BEGIN CERTIFICATE-----\nxx\n"
                                            "-----END CERTIFICATE-----\n")}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("certificate number 2")));
  EXPECT_THAT(error({.client_cert_pem = a.certificate_pem, .client_key_pem = b.key_pem}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not that of")));
  EXPECT_THAT(error({.client_cert_pem = a.certificate_pem, .client_key_pem = "x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no PEM private key")));
  EXPECT_THAT(error({.client_cert_pem = a.certificate_pem}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("without its key")));
  EXPECT_THAT(error({.client_key_pem = a.key_pem}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("without a client cert")));
}

TEST(CurlTransportTls, APlainServerIsRecognised) {
  const TestServer server({}, [](const httplib::Request&, httplib::Response&) {});
  EXPECT_THAT(
      NewTransport()->Send(Patient(), {.url = absl::StrCat("https://127.0.0.1:", server.port())}),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("does not speak TLS")));
}

// Connections that fail.

int UnusedPort() {
  RawServer server([](int, int) {});
  return server.port();
}

TEST(CurlTransport, ARefusedConnectionNamesHostPortAndCause) {
  const int port = UnusedPort();
  const auto response =
      NewTransport()->Send(Patient(), {.url = absl::StrCat("https://127.0.0.1:", port)});
  EXPECT_THAT(response,
              StatusIs(absl::StatusCode::kUnavailable,
                       absl::StrCat("cannot connect to 127.0.0.1:", port, ": Connection refused")));
  EXPECT_TRUE(IsUnsent(response.status()));
}

TEST(CurlTransport, AnUnknownNameIsSaidToBeOne) {
  // Too long for DNS, so that nobody is asked.
  const auto response = NewTransport()->Send(
      Patient(), {.url = absl::StrCat("https://", std::string(70, 'a'), ".invalid:6443")});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("cannot be resolved")));
  EXPECT_TRUE(IsUnsent(response.status()));
}

TEST(CurlTransport, ThoseWhoWaitForAConnectionFailWithIt) {
  RawServer silent([](int fd, int) {
    char byte = 0;
    while (read(fd, &byte, 1) > 0) {
    }
  });
  const auto transport =
      NewTransport({}, {.variable = {}, .connect_timeout = absl::Milliseconds(300)});
  const absl::Time begin = absl::Now();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&] {
      const auto response = transport->Send(
          Patient(), {.method = "POST", .url = absl::StrCat("https://127.0.0.1:", silent.port())});
      EXPECT_THAT(response,
                  StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no answer within 300ms")));
      EXPECT_TRUE(IsUnsent(response.status()));
    });
  }
  threads.clear();
  // One after the other it would be three seconds.
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
}

TEST(CurlTransport, TheNextOneConnectsWhenTheFirstOneIsStopped) {
  Gate arrived;
  const TestServer server({.identity = ServerIdentity()},
                          [](const httplib::Request&, httplib::Response&) {});
  RawServer front([&](int fd, int number) {
    char byte = 0;
    if (number == 1) {
      // The first connection gets stuck in its handshake.
      [[maybe_unused]] const ssize_t size = read(fd, &byte, 1);
      arrived.Open();
      while (read(fd, &byte, 1) > 0) {
      }
    }
  });
  const auto transport = NewTransport();
  const std::string url = absl::StrCat("https://127.0.0.1:", front.port());
  std::stop_source source;
  std::jthread first([&] {
    Call call = Patient();
    call.stop = source.get_token();
    EXPECT_THAT(transport->Send(call, {.url = url}), StatusIs(absl::StatusCode::kCancelled));
  });
  ASSERT_TRUE(arrived.Wait());
  std::jthread stopper([&] { source.request_stop(); });
  // Held behind the first, then on its own, and refused by the front.
  EXPECT_THAT(transport->Send(Patient(), {.url = url}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(front.connections(), 2);
}

// Answers the first request of each connection, and hangs up on the second.
void HangUpOnSecond(int fd, std::atomic<int>& requests) {
  if (RawServer::ReadRequest(fd).empty()) return;
  ++requests;
  RawServer::Write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  if (!RawServer::ReadRequest(fd).empty()) ++requests;
}

TEST(CurlTransport, ABrokenKeptConnectionDoesNotRepeatAPost) {
  std::atomic<int> requests = 0;
  RawServer server([&](int fd, int) { HangUpOnSecond(fd, requests); });
  const std::string url = absl::StrCat("http://127.0.0.1:", server.port(), "/");
  const auto transport = NewTransport();
  ASSERT_THAT(transport->Send(Patient(), {.url = url}), IsOk());
  const auto response =
      transport->Send(Patient(), {.method = "POST", .url = url, .body = "create"});
  EXPECT_THAT(response,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("closed it before it answered")));
  EXPECT_FALSE(IsUnsent(response.status()));
  EXPECT_EQ(requests, 2);
}

TEST(CurlTransport, ABrokenKeptConnectionRepeatsAGet) {
  std::atomic<int> requests = 0;
  RawServer server([&](int fd, int) { HangUpOnSecond(fd, requests); });
  const std::string url = absl::StrCat("http://127.0.0.1:", server.port(), "/");
  const auto transport = NewTransport();
  ASSERT_THAT(transport->Send(Patient(), {.url = url}), IsOk());
  EXPECT_THAT(transport->Send(Patient(), {.url = url}), IsOk());
  EXPECT_EQ(requests, 3);
}

TEST(CurlTransport, ATruncatedAnswerIsABrokenConnection) {
  RawServer server([](int fd, int) {
    RawServer::ReadRequest(fd);
    RawServer::Write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
  });
  const auto response =
      NewTransport()->Send(Patient(), {.url = absl::StrCat("http://127.0.0.1:", server.port())});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable,
                                 HasSubstr(absl::StrCat("127.0.0.1:", server.port(), " broke"))));
  EXPECT_FALSE(IsUnsent(response.status()));
}

TEST(CurlTransport, BadUrlsAreRefused) {
  EXPECT_THAT(NewTransport()->Send(Patient(), {.url = "/api/v1"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(CurlTransport, LineBreaksInHeadersAreRefused) {
  const TestServer server({}, [](const httplib::Request&, httplib::Response&) {});
  const auto transport = NewTransport();
  for (const char* value : {"a\r\nX-Other: b", "a\nb"}) {
    EXPECT_THAT(
        transport->Send(Patient(), {.url = server.Url(), .headers = {{"Authorization", value}}}),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 AllOf(HasSubstr("Authorization"), Not(HasSubstr("X-Other")))));
  }
  EXPECT_EQ(server.requests(), 0);
}

// Proxies.

TEST(CurlTransportProxy, TheEnvironmentsProxyCarriesTheRequest) {
  std::string seen;
  RawServer proxy([&](int fd, int) {
    seen = RawServer::ReadRequest(fd);
    RawServer::Write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  const std::string address = absl::StrCat("http://127.0.0.1:", proxy.port());
  const auto transport =
      NewTransport({}, {.variable = [&](const std::string& name) {
                     return name == "HTTP_PROXY" ? std::optional(address) : std::nullopt;
                   }});
  EXPECT_THAT(transport->Send(Patient(), {.url = "http://far.example/x"}), IsOk());
  EXPECT_THAT(seen, HasSubstr("GET http://far.example/x HTTP/1.1"));
}

TEST(CurlTransportProxy, ProxyUrlCarriesTlsThroughATunnel) {
  const TestServer server({.identity = ServerIdentity()},
                          [](const httplib::Request&, httplib::Response& response) {
                            response.set_content("through", "text/plain");
                          });
  std::string seen;
  RawServer proxy([&](int fd, int) {
    seen = RawServer::ReadRequest(fd);
    const int out = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(server.port()));
    ASSERT_EQ(connect(out, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    RawServer::Write(fd, "HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n");
    const auto copy = [](int from, int to) {
      char buffer[4096];
      ssize_t size = 0;
      while ((size = read(from, buffer, sizeof(buffer))) > 0) {
        RawServer::Write(to, absl::string_view(buffer, static_cast<std::size_t>(size)));
      }
      shutdown(to, SHUT_RDWR);
    };
    std::jthread back([&] { copy(out, fd); });
    copy(fd, out);
    back.join();
    close(out);
  });
  const auto transport =
      NewTransport({.tls = {}, .proxy_url = absl::StrCat("http://me:pw@127.0.0.1:", proxy.port())});
  const auto response = transport->Send(Patient(), {.url = server.Url("/x")});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->body, "through");
  EXPECT_EQ(response->headers.count("x-proxy"), 0U);
  EXPECT_THAT(seen, AllOf(HasSubstr(absl::StrCat("CONNECT 127.0.0.1:", server.port())),
                          HasSubstr("Proxy-Authorization: Basic ")));
}

TEST(CurlTransportProxy, ARefusedTunnelNamesProxyHostAndStatus) {
  RawServer proxy([&](int fd, int) {
    RawServer::ReadRequest(fd);
    RawServer::Write(fd, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
  });
  const auto transport = NewTransport(
      {.tls = {}, .proxy_url = absl::StrCat("http://me:geheim@127.0.0.1:", proxy.port())});
  const auto response = transport->Send(Patient(), {.url = "https://far.example:6443"});
  EXPECT_THAT(
      response,
      StatusIs(absl::StatusCode::kUnavailable,
               AllOf(HasSubstr(absl::StrCat("the proxy http://127.0.0.1:", proxy.port())),
                     HasSubstr("far.example:6443"), HasSubstr("407"), Not(HasSubstr("geheim")))));
  EXPECT_EQ(RemedyOf(response.status()), "Check proxy_url.");
  EXPECT_TRUE(IsUnsent(response.status()));
}

TEST(CurlTransportProxy, AnUnreachableProxyIsToldApartFromTheServer) {
  const int port = UnusedPort();
  const auto transport =
      NewTransport({.tls = {}, .proxy_url = absl::StrCat("http://127.0.0.1:", port)});
  EXPECT_THAT(transport->Send(Patient(), {.url = "https://far.example:6443"}),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr(absl::StrCat("through the proxy http://127.0.0.1:", port))));
}

}  // namespace
}  // namespace charon::http
