#include "http_server.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace charon::sandbox {
namespace {

// As the API server's APIResponseCompression has it.
constexpr std::size_t kCompressedFrom = 128 * 1024;

// The library gives every open connection a thread for as long as it lives, and a watch keeps its
// connection for minutes. A fixed pool would starve, so this one grows with the connections.
class GrowingQueue final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override {
    std::unique_lock<std::mutex> lock(mu_);
    tasks_.push_back(std::move(task));
    if (idle_ < tasks_.size()) threads_.emplace_back([this] { Work(); });
    lock.unlock();
    wake_.notify_one();
  }

  void shutdown() override {
    {
      const std::lock_guard<std::mutex> lock(mu_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Work() {
    std::unique_lock<std::mutex> lock(mu_);
    while (true) {
      ++idle_;
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      --idle_;
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mu_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

int PortOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  }
  return 0;
}

// Sockets of this process that `port` serves, optionally only the one to `remote_port`. The
// library does not give its sockets away, so they are looked up in the table of open files.
std::vector<int> SocketsOf(int port, int remote_port) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int last = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 65536));
  std::vector<int> out;
  for (int fd = 3; fd < last; ++fd) {
    sockaddr_storage local{};
    sockaddr_storage remote{};
    socklen_t size = sizeof local;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) != 0) continue;
    if (PortOf(local) != port) continue;
    size = sizeof remote;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&remote), &size) != 0) continue;
    if (remote_port == 0 || PortOf(remote) == remote_port) out.push_back(fd);
  }
  return out;
}

bool ClientIsGone(int fd) {
  pollfd poller{fd, POLLRDHUP, 0};
  return poll(&poller, 1, 0) > 0 && (poller.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

HttpRequest Convert(const httplib::Request& request) {
  HttpRequest out;
  out.method = request.method;
  out.path = request.path;
  out.body = request.body;
  out.query = {request.params.begin(), request.params.end()};
  const auto mark = request.target.find('?');
  if (mark != std::string::npos) out.raw_query = request.target.substr(mark + 1);
  out.raw_path = request.target.substr(0, mark);
  for (const auto& [name, value] : request.headers) {
    out.headers.emplace_back(absl::AsciiStrToLower(name), value);
  }
  out.accept = request.get_header_value("Accept");
  out.content_type = request.get_header_value("Content-Type");
  out.user_agent = request.get_header_value("User-Agent");
  out.authorization = request.get_header_value("Authorization");
  return out;
}

}  // namespace

HttpServer::HttpServer(Site& site, FaultScript& faults, RequestLog& log,
                       const ServerIdentity* identity)
    : site_(site), faults_(faults), log_(log) {
  if (identity == nullptr) {
    server_ = std::make_unique<httplib::Server>();
  } else {
    server_ =
        std::make_unique<httplib::SSLServer>(identity->certificate.get(), identity->key.get());
  }
  server_->new_task_queue = [] { return new GrowingQueue(); };
  server_->set_keep_alive_max_count(1'000'000'000);
  server_->set_keep_alive_timeout(600);
  server_->set_read_timeout(60);
  server_->set_write_timeout(60);
  server_->set_tcp_nodelay(true);
  server_->set_payload_max_length(16 * 1024 * 1024);
  // A request with neither length nor encoding has no body (RFC 9112, section 6.3); the library
  // would wait for one and refuse. What it reads is the request's headers.
  server_->set_pre_routing_handler([](const httplib::Request& in, httplib::Response&) {
    if (!in.has_header("Content-Length") && !in.has_header("Transfer-Encoding"))
      const_cast<httplib::Request&>(in).headers.emplace("Content-Length", "0");
    return httplib::Server::HandlerResponse::Unhandled;
  });
  server_->set_socket_options([this](int socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    listener_ = socket;
  });

  const auto handler = [this](const httplib::Request& in, httplib::Response& out) {
    const HttpRequest request = Convert(in);
    const absl::Time start = absl::Now();
    std::string user;
    bool dropped = false;
    HttpResponse response = Answer(request, in.remote_port, &user, &dropped);
    if (!absl::StartsWith(request.path, "/_sandbox/")) {
      Json entry = {
          {"time", absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", start, absl::UTCTimeZone())},
          {"api", site_.api()},
          {"method", request.method},
          {"path", request.path},
          {"query", request.raw_query},
          {"status", dropped ? 0 : response.status},
          {"dropped", dropped},
          {"user", user},
          {"user_agent", request.user_agent},
          {"bytes_in", request.body.size()},
          {"bytes_out", response.body.size()},
          {"is_watch", response.stream != nullptr},
          {"milliseconds", absl::ToDoubleMilliseconds(absl::Now() - start)}};
      site_.Describe(request, entry);
      log_.Add(std::move(entry));
    }
    out.status = response.status;
    for (const auto& [name, value] : response.headers) out.set_header(name, value);
    // The library would compress all it can. A real server compresses large answers only and never
    // a watch: its events would wait in the compressor. The request is the library's own and not
    // const.
    if (response.stream != nullptr || response.body.size() < kCompressedFrom) {
      const_cast<httplib::Request&>(in).headers.erase("Accept-Encoding");
    }
    if (response.stream == nullptr) {
      out.set_content(std::move(response.body), response.content_type);
      return;
    }
    const int remote_port = in.remote_port;
    auto stream = std::move(response.stream);
    const std::vector<int> sockets = SocketsOf(port_, remote_port);
    const int socket = sockets.empty() ? -1 : sockets[0];
    out.set_chunked_content_provider(response.content_type,
                                     [stream, socket](std::size_t, httplib::DataSink& sink) {
                                       const StreamWriter write = [&sink](absl::string_view data) {
                                         return sink.write(data.data(), data.size());
                                       };
                                       // Ending a chunked answer takes done(), which also lets the
                                       // connection live on.
                                       if (socket >= 0 && ClientIsGone(socket)) return false;
                                       if (!stream(write)) sink.done();
                                       return true;
                                     });
  };
  server_->Get(".*", handler);
  server_->Post(".*", handler);
  server_->Put(".*", handler);
  server_->Patch(".*", handler);
  server_->Delete(".*", handler);
  server_->set_exception_handler(
      [](const httplib::Request&, httplib::Response& out, const std::exception_ptr& thrown) {
        std::string what = "unknown";
        try {
          std::rethrow_exception(thrown);
        } catch (const std::exception& error) {
          what = error.what();
        } catch (...) {
        }
        out.status = 500;
        out.set_content("a defect of the sandbox: " + what, "text/plain");
      });
}

HttpServer::~HttpServer() = default;

absl::StatusOr<int> HttpServer::Bind(int port) {
  if (!server_->is_valid()) return absl::InternalError("the TLS server cannot be set up");
  if (port == 0) {
    port_ = server_->bind_to_any_port("127.0.0.1");
    if (port_ <= 0) return absl::UnavailableError("no port is free");
  } else {
    if (!server_->bind_to_port("127.0.0.1", port)) {
      return absl::UnavailableError(absl::StrCat("port ", port, " is taken"));
    }
    port_ = port;
  }
  // The library asks for a backlog of 5, which delays bursts of connections by a second.
  if (listener_ >= 0) listen(listener_, 1024);
  return port_;
}

void HttpServer::Run() { server_->listen_after_bind(); }

void HttpServer::Stop() {
  server_->stop();
  site_.Stop();
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  CloseConnections(0);
}

void HttpServer::CloseConnections(int remote_port) const {
  for (const int fd : SocketsOf(port_, remote_port)) shutdown(fd, SHUT_RDWR);
}

HttpResponse HttpServer::Answer(const HttpRequest& request, int remote_port, std::string* user,
                                bool* dropped) {
  if (std::optional<HttpResponse> early = site_.Admit(request, user)) return *std::move(early);
  const std::optional<Fault> fault = faults_.Next(site_.api(), request);
  if (!fault.has_value()) return site_.Handle(request, *user);
  switch (fault->action) {
    case Fault::Action::kStatus:
      return site_.FaultAnswer(request, *fault);
    case Fault::Action::kDelay:
      absl::SleepFor(fault->delay);
      return site_.Handle(request, *user);
    case Fault::Action::kHang: {
      // Until the client gives up or the sandbox ends.
      const std::vector<int> sockets = SocketsOf(port_, remote_port);
      while (!sockets.empty() && !ClientIsGone(sockets[0])) {
        absl::MutexLock lock(&mu_);
        if (mu_.AwaitWithTimeout(absl::Condition(&stopping_), absl::Milliseconds(100))) break;
      }
      break;
    }
    case Fault::Action::kDropAfter:
      (void)site_.Handle(request, *user);
      break;
    case Fault::Action::kDropBefore:
      break;
  }
  *dropped = true;
  CloseConnections(remote_port);
  return HttpResponse();
}

}  // namespace charon::sandbox
