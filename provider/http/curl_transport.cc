#include "provider/http/curl_transport.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/http/certificates.h"
#include "provider/http/url.h"

namespace charon::http {
namespace {

// Idle connections kept over all hosts. libcurl's default (four times the transfers at work) would
// close connections whenever the load drops for a moment.
constexpr long kMostIdleConnections = 64;
// Idle handles kept; each takes 130 KiB, most of it the resolver's.
constexpr std::size_t kMostIdleHandles = 16;
// How long sent bytes may stay unacknowledged before the connection counts as dead. Without it a
// request into a vanished network would hang until its deadline.
constexpr unsigned kUnacknowledgedMs = 30'000;
constexpr long kKeepAliveSeconds = 30;
// Nothing to do: sleep until woken. Timers of libcurl shorten it.
constexpr int kIdlePollMs = 3'600'000;

// libcurl's handles are all void*, so their types cannot choose the deleter.
struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using EasyPtr = std::unique_ptr<CURL, EasyDeleter>;
using MultiPtr = std::unique_ptr<CURLM, MultiDeleter>;
using ListPtr = std::unique_ptr<curl_slist, ListDeleter>;

void Append(ListPtr& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return;  // out of memory
  (void)list.release();
  list.reset(longer);
}

template <typename T>
void Set(CURL* easy, CURLoption option, T value) {
  // Options can only fail for want of memory or if this libcurl lacks the feature; both show in the
  // transfer.
  (void)curl_easy_setopt(easy, option, value);
}

class Engine;

// One request on its way. Belongs to the thread in Send; the engine's thread may touch it from
// Engine::Run's start until `done`.
struct Transfer {
  const Request* request = nullptr;
  std::size_t max_body_bytes = 0;
  Engine* engine = nullptr;
  std::string origin;
  EasyPtr easy;
  ListPtr headers;
  ListPtr connect_to;
  std::shared_ptr<Verification> verification = std::make_shared<Verification>();

  // The engine's thread only, until done.
  Response response;
  std::array<char, CURL_ERROR_SIZE> error{};
  int times_sent = 0;      // how often it had a connection to go out on
  bool too_large = false;  // the body
  bool ended = false;      // by on_body
  bool body_begun = false;

  // Guarded by the engine's mutex.
  bool done = false;
  CURLcode result = CURLE_OK;
  long os_error = 0;
  std::condition_variable_any wake;
};

// Why Engine::Run came back.
enum class Ending { kDone, kDeadline, kStopped };

// One multi handle and the thread that drives it. Safe for concurrent use.
class Engine {
 public:
  explicit Engine(int max_connections_per_host)
      : max_connections_per_host_(max_connections_per_host) {}

  ~Engine() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
      if (multi_ != nullptr) curl_multi_wakeup(multi_.get());
    }
    if (thread_.joinable()) thread_.join();
  }

  // Carries out the transfer. When this returns, no callback of it runs any more.
  Ending Run(const Call& call, Transfer& transfer) {
    std::unique_lock lock(mutex_);
    if (!Start()) {
      transfer.done = true;
      transfer.result = CURLE_FAILED_INIT;
      return Ending::kDone;
    }
    incoming_.push_back(&transfer);
    curl_multi_wakeup(multi_.get());

    const auto is_done = [&] { return transfer.done; };
    const absl::Duration remaining = call.Remaining();
    // A year is as good as forever, and does not overflow the clock.
    if (remaining > absl::Hours(24 * 365)) {
      transfer.wake.wait(lock, call.stop, is_done);
    } else {
      transfer.wake.wait_for(lock, call.stop, absl::ToChronoNanoseconds(remaining), is_done);
    }
    if (transfer.done) return Ending::kDone;
    const bool stopped = call.stop.stop_requested();
    cancelled_.push_back(&transfer);
    curl_multi_wakeup(multi_.get());
    transfer.wake.wait(lock, is_done);
    return stopped ? Ending::kStopped : Ending::kDeadline;
  }

  // A transfer's connection is up; those that waited for it may follow. Called from within libcurl,
  // which forbids adding transfers here.
  void OnConnected(const std::string& origin) {
    Origin& state = origins_[origin];
    state.leader = nullptr;
    state.connected = true;
  }

 private:
  // Transfers to a server that no connection is known of. The first one goes ahead; the others wait
  // to learn whether they share its connection (HTTP/2) or open their own. libcurl has the same
  // idea (CURLOPT_PIPEWAIT), but lets those that wait try one after the other when the first one
  // fails, each for the whole connect timeout. Here they fail with it.
  struct Origin {
    bool connected = false;
    Transfer* leader = nullptr;
    std::deque<Transfer*> held;
  };

  // REQUIRES: mutex_ held.
  bool Start() {
    if (multi_ != nullptr) return true;
    static const bool initialized = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    if (!initialized) return false;
    multi_.reset(curl_multi_init());
    if (multi_ == nullptr) return false;
    curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, kMostIdleConnections);
    LimitConnections();
    thread_ = std::thread([this] { Loop(); });
    return true;
  }

  void LimitConnections() {
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS,
                      static_cast<long>(max_connections_per_host_) + streams_);
  }

  void Loop() {
    // Signals are for other threads; and a write to a connection that the server has closed must
    // not end the process by SIGPIPE, which libcurl leaves alone under CURLOPT_NOSIGNAL.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    while (true) {
      std::vector<Transfer*> incoming;
      std::vector<Transfer*> cancelled;
      bool stopping = false;
      {
        const std::scoped_lock lock(mutex_);
        incoming.swap(incoming_);
        cancelled.swap(cancelled_);
        stopping = stopping_;
      }
      for (Transfer* transfer : incoming) Begin(transfer);
      for (Transfer* transfer : cancelled) Finish(transfer, CURLE_ABORTED_BY_CALLBACK);
      if (stopping) {
        // Nobody should be waiting any more; if somebody is, they get an answer.
        while (!live_.empty()) Finish(*live_.begin(), CURLE_ABORTED_BY_CALLBACK);
        return;
      }
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      CollectFinished();
      if (ReleaseHeld()) continue;
      curl_multi_poll(multi_.get(), nullptr, 0, kIdlePollMs, nullptr);
    }
  }

  void Begin(Transfer* transfer) {
    live_.insert(transfer);
    if (transfer->request->on_body != nullptr) {
      ++streams_;
      LimitConnections();
    }
    Origin& origin = origins_[transfer->origin];
    if (!origin.connected && origin.leader != nullptr) {
      origin.held.push_back(transfer);
      return;
    }
    if (!origin.connected) origin.leader = transfer;
    curl_multi_add_handle(multi_.get(), transfer->easy.get());
  }

  // Adds what waited for a connection that is there now, or whose leader was cancelled. True if
  // there was any.
  bool ReleaseHeld() {
    bool any = false;
    for (auto& [name, origin] : origins_) {
      while (!origin.held.empty() && (origin.connected || origin.leader == nullptr)) {
        Transfer* next = origin.held.front();
        origin.held.pop_front();
        if (!origin.connected) origin.leader = next;
        curl_multi_add_handle(multi_.get(), next->easy.get());
        any = true;
      }
    }
    return any;
  }

  void CollectFinished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      // Read all before Finish, which invalidates the message.
      const CURLcode result = message->data.result;
      char* pointer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &pointer);
      auto* transfer = reinterpret_cast<Transfer*>(pointer);
      if (result != CURLE_OK && transfer->times_sent == 0) FailHeld(*transfer, result);
      Finish(transfer, result);
    }
  }

  // The connection failed: it did for all who waited for it.
  void FailHeld(const Transfer& leader, CURLcode result) {
    Origin& origin = origins_[leader.origin];
    origin.connected = false;
    if (origin.leader != &leader) return;
    std::deque<Transfer*> held;
    held.swap(origin.held);
    long os_error = 0;
    curl_easy_getinfo(leader.easy.get(), CURLINFO_OS_ERRNO, &os_error);
    for (Transfer* transfer : held) {
      transfer->error = leader.error;
      transfer->verification = leader.verification;
      transfer->os_error = os_error;
      Finish(transfer, result);
    }
  }

  // Takes the transfer out and lets its owner go on. Does nothing if that has happened before.
  void Finish(Transfer* transfer, CURLcode result) {
    if (live_.erase(transfer) == 0) return;
    if (transfer->request->on_body != nullptr) {
      --streams_;
      LimitConnections();
    }
    Origin& origin = origins_[transfer->origin];
    if (origin.leader == transfer) origin.leader = nullptr;
    const auto waiting = std::find(origin.held.begin(), origin.held.end(), transfer);
    if (waiting != origin.held.end()) {
      origin.held.erase(waiting);
    } else {
      curl_multi_remove_handle(multi_.get(), transfer->easy.get());
    }
    const std::scoped_lock lock(mutex_);
    transfer->result = result;
    transfer->done = true;
    transfer->wake.notify_all();
  }

  const int max_connections_per_host_;
  MultiPtr multi_;  // set once, under mutex_, before the thread starts
  std::thread thread_;

  std::mutex mutex_;
  std::vector<Transfer*> incoming_;   // guarded by mutex_
  std::vector<Transfer*> cancelled_;  // guarded by mutex_
  bool stopping_ = false;             // guarded by mutex_

  // The engine's thread only.
  std::set<Transfer*> live_;
  std::map<std::string, Origin> origins_;
  int streams_ = 0;
};

// libcurl's callbacks.

int OnSend(void* data, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(data);
  transfer.engine->OnConnected(transfer.origin);
  // libcurl sends a request again, whatever its method, if a kept connection broke before the first
  // byte of the answer. The server may have acted on it, so what must not happen twice ends here.
  if (transfer.times_sent > 0 && !IsRepeatable(*transfer.request)) return CURL_PREREQFUNC_ABORT;
  ++transfer.times_sent;
  return CURL_PREREQFUNC_OK;
}

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* pointer) {
  auto& transfer = *static_cast<Transfer*>(pointer);
  const absl::string_view line(data, size * count);
  if (absl::StartsWith(line, "HTTP/")) {
    // Informational answers and repeated sendings come with headers of their own.
    transfer.response.headers.clear();
    return size * count;
  }
  const std::size_t colon = line.find(':');
  if (colon == absl::string_view::npos) return size * count;
  const std::string name = absl::AsciiStrToLower(line.substr(0, colon));
  const absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
  const auto [entry, is_new] = transfer.response.headers.emplace(name, std::string(value));
  if (!is_new) absl::StrAppend(&entry->second, ", ", value);
  return size * count;
}

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* pointer) {
  auto& transfer = *static_cast<Transfer*>(pointer);
  const absl::string_view piece(data, size * count);
  const Request& request = *transfer.request;
  long status = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.body_begun = true;
  // Any other count than the piece's size ends the transfer.
  if (request.on_body != nullptr && status >= 200 && status < 300) {
    transfer.ended = !request.on_body(piece);
    return transfer.ended ? 0 : piece.size();
  }
  if (transfer.response.body.size() + piece.size() > transfer.max_body_bytes) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(piece.data(), piece.size());
  return piece.size();
}

curl_socket_t OnOpenSocket(void*, curlsocktype, curl_sockaddr* address) {
  // Close-on-exec, because exec plugins are started from this process.
  const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd >= 0 && address->socktype == SOCK_STREAM) {
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof(kUnacknowledgedMs));
  }
  return fd;
}

CURLcode OnSslContext(CURL*, void* ssl_ctx, void* pointer) {
  RecordVerification(ssl_ctx, static_cast<Transfer*>(pointer)->verification);
  return CURLE_OK;
}

std::optional<std::string> ProcessVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

// A TLS alert with which servers turn down a client's certificate, or the lack of one. They come
// after the handshake in TLS 1.3, hence as an error of reading.
bool IsAboutOurCertificate(absl::string_view detail) {
  if (!absl::StrContains(detail, "alert")) return false;
  for (absl::string_view word :
       {"bad certificate", "certificate required", "certificate expired", "certificate unknown",
        "certificate revoked", "unsupported certificate", "unknown ca"}) {
    if (absl::StrContains(detail, word)) return true;
  }
  return false;
}

// A line break would begin another header, or the body: a token read from a file may hold one.
absl::Status CheckHeaders(const Request& request) {
  for (const auto& [name, value] : request.headers) {
    for (const char c : absl::StrCat(name, value)) {
      if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t') {
        return absl::InvalidArgumentError(
            absl::StrCat("the value of the header ", Redact(absl::CHexEscape(name)),
                         " contains a line break or another control character"));
      }
    }
  }
  return absl::OkStatus();
}

class CurlTransport final : public Transport {
 public:
  CurlTransport(TransportOptions options, CurlEnvironment environment)
      : options_(std::move(options)),
        environment_(std::move(environment)),
        engine_(options_.max_connections_per_host) {}

  absl::StatusOr<Response> Send(const Call& call, const Request& request) override {
    CHARON_RETURN_IF_ERROR(call.Alive());
    CHARON_ASSIGN_OR_RETURN(const UrlParts url, SplitUrl(request.url));
    CHARON_RETURN_IF_ERROR(CheckHeaders(request));
    Transfer transfer;
    transfer.request = &request;
    transfer.engine = &engine_;
    transfer.max_body_bytes = options_.max_body_bytes;
    transfer.origin = url.Origin();
    transfer.easy = TakeHandle();
    const std::string proxy = ProxyFor(url);
    std::string ca_source;
    if (url.scheme == "https" && !options_.tls.insecure) {
      CHARON_ASSIGN_OR_RETURN(ca_source, CaSource(url));
    }
    SetUp(transfer, url, proxy, ca_source);

    const Ending ending = engine_.Run(call, transfer);
    const bool succeeded =
        transfer.result == CURLE_OK || (transfer.result == CURLE_WRITE_ERROR && transfer.ended);
    if (ending == Ending::kDone && succeeded) {
      long status = 0;
      curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
      transfer.response.status = static_cast<int>(status);
      KeepHandle(std::move(transfer.easy));
      return std::move(transfer.response);
    }
    absl::Status error = ErrorOf(ending, transfer, url, proxy, ca_source);
    if (transfer.times_sent == 0) error = MarkUnsent(std::move(error));
    return error;
  }

 private:
  // A handle without options. To make one takes as long as half a request: it starts a resolver,
  // which reads the system's configuration.
  EasyPtr TakeHandle() {
    const std::scoped_lock lock(mutex_);
    if (idle_.empty()) return EasyPtr(curl_easy_init());
    EasyPtr easy = std::move(idle_.back());
    idle_.pop_back();
    return easy;
  }

  // REQUIRES: its transfer ended well.
  void KeepHandle(EasyPtr easy) {
    curl_easy_reset(easy.get());
    const std::scoped_lock lock(mutex_);
    if (idle_.size() < kMostIdleHandles) idle_.push_back(std::move(easy));
  }

  std::string ProxyFor(const UrlParts& url) const {
    if (!options_.proxy_url.empty()) return NormalizeProxy(options_.proxy_url);
    return ProxyFromEnvironment(
        url, environment_.variable ? environment_.variable : Variable(ProcessVariable));
  }

  // What the server's certificate is checked against, in words; the path if it is the system's.
  absl::StatusOr<std::string> CaSource(const UrlParts& url) const {
    if (!options_.tls.ca_pem.empty()) {
      return options_.tls.ca_source.empty() ? "the CA certificate that was given"
                                            : options_.tls.ca_source;
    }
    absl::StatusOr<std::string> path = SystemCaBundle();
    if (path.ok()) return path;
    absl::Status error = absl::UnauthenticatedError(absl::StrCat(
        "the certificate of ", url.HostPort(), " cannot be checked: ", path.status().message()));
    if (const auto remedy = RemedyOf(path.status())) error = WithRemedy(std::move(error), *remedy);
    return MarkUnsent(std::move(error));
  }

  void SetUp(Transfer& transfer, const UrlParts& url, const std::string& proxy,
             const std::string& ca_source) const {
    CURL* easy = transfer.easy.get();
    const Request& request = *transfer.request;
    Set(easy, CURLOPT_PRIVATE, &transfer);
    Set(easy, CURLOPT_ERRORBUFFER, transfer.error.data());
    Set(easy, CURLOPT_NOSIGNAL, 1L);
    Set(easy, CURLOPT_NOPROGRESS, 1L);
    // A name that does not resolve must not hold up the end of a cancelled request.
    Set(easy, CURLOPT_QUICK_EXIT, 1L);
    Set(easy, CURLOPT_CONNECTTIMEOUT_MS,
        static_cast<long>(absl::ToInt64Milliseconds(environment_.connect_timeout)));
    Set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    Set(easy, CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
    Set(easy, CURLOPT_TCP_KEEPINTVL, kKeepAliveSeconds);
    Set(easy, CURLOPT_OPENSOCKETFUNCTION, OnOpenSocket);
    Set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    Set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    Set(easy, CURLOPT_PREREQFUNCTION, OnSend);
    Set(easy, CURLOPT_PREREQDATA, &transfer);
    Set(easy, CURLOPT_HEADERFUNCTION, OnHeader);
    Set(easy, CURLOPT_HEADERDATA, &transfer);
    Set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    Set(easy, CURLOPT_WRITEFUNCTION, OnBody);
    Set(easy, CURLOPT_WRITEDATA, &transfer);
    // Both are given, even if empty: otherwise libcurl reads the environment by rules of its own.
    Set(easy, CURLOPT_PROXY, proxy.c_str());
    Set(easy, CURLOPT_NOPROXY, "");
    if (!options_.user_agent.empty()) {
      Set(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
    }
    // Large lists shrink to a tenth. Streams come uncompressed, as each piece is wanted at once.
    static const bool has_gzip =
        (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_LIBZ) != 0;
    if (has_gzip && request.on_body == nullptr) Set(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    SetUpTarget(transfer, url);
    if (url.scheme == "https") SetUpTls(transfer, ca_source);
    if (absl::StartsWith(proxy, "https://")) {
      if (const auto bundle = SystemCaBundle(); bundle.ok()) {
        Set(easy, CURLOPT_PROXY_CAINFO, bundle->c_str());
      }
    }
    SetUpMethod(transfer);
    Set(easy, CURLOPT_HTTPHEADER, transfer.headers.get());
  }

  // URL and Host header. With a server name of its own, the URL names that one, so that SNI and
  // verification use it, and the connection goes to the real host.
  void SetUpTarget(Transfer& transfer, const UrlParts& url) const {
    CURL* easy = transfer.easy.get();
    // What was asked for is asked: libcurl would take "/a/.." for "/".
    Set(easy, CURLOPT_PATH_AS_IS, 1L);
    const std::string& name = options_.tls.server_name;
    if (name.empty() || url.scheme != "https") {
      Set(easy, CURLOPT_URL, absl::StrCat(url.Origin(), url.target).c_str());
      return;
    }
    const std::string named = HostPort(name, url.port);
    Set(easy, CURLOPT_URL, absl::StrCat("https://", named, url.target).c_str());
    Append(transfer.connect_to, absl::StrCat(named, ":", url.HostPort()));
    Set(easy, CURLOPT_CONNECT_TO, transfer.connect_to.get());
    Append(transfer.headers, absl::StrCat("Host: ", url.HostPort()));
  }

  void SetUpTls(Transfer& transfer, const std::string& ca_source) const {
    CURL* easy = transfer.easy.get();
    const TlsOptions& tls = options_.tls;
    const auto blob = [](const std::string& text) {
      // Not copied: options_ outlives the transfer.
      return curl_blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_NOCOPY};
    };
    Set(easy, CURLOPT_SSL_VERIFYPEER, tls.insecure ? 0L : 1L);
    Set(easy, CURLOPT_SSL_VERIFYHOST, tls.insecure ? 0L : 2L);
    // Distributions build libcurl with a folder of CAs that it would trust besides the one given.
    Set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    if (!tls.insecure) {
      if (tls.ca_pem.empty()) {
        Set(easy, CURLOPT_CAINFO, ca_source.c_str());
      } else {
        const curl_blob ca = blob(tls.ca_pem);
        Set(easy, CURLOPT_CAINFO, static_cast<const char*>(nullptr));
        Set(easy, CURLOPT_CAINFO_BLOB, &ca);
      }
      Set(easy, CURLOPT_SSL_CTX_FUNCTION, OnSslContext);
      Set(easy, CURLOPT_SSL_CTX_DATA, &transfer);
    }
    if (!tls.client_cert_pem.empty()) {
      const curl_blob certificate = blob(tls.client_cert_pem);
      const curl_blob key = blob(tls.client_key_pem);
      Set(easy, CURLOPT_SSLCERT_BLOB, &certificate);
      Set(easy, CURLOPT_SSLKEY_BLOB, &key);
    }
  }

  static void SetUpMethod(Transfer& transfer) {
    CURL* easy = transfer.easy.get();
    const Request& request = *transfer.request;
    bool has_type = false;
    for (const auto& [name, value] : request.headers) {
      has_type = has_type || absl::EqualsIgnoreCase(name, "content-type");
      // With a colon and nothing behind it libcurl would leave the header out.
      Append(transfer.headers,
             value.empty() ? absl::StrCat(name, ";") : absl::StrCat(name, ": ", value));
    }
    if (request.method == "HEAD") {
      Set(easy, CURLOPT_NOBODY, 1L);
      return;
    }
    const bool sends_body = !request.body.empty() || request.method == "POST" ||
                            request.method == "PUT" || request.method == "PATCH";
    if (sends_body) {
      Set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      Set(easy, CURLOPT_POSTFIELDS, request.body.data());
      // Neither a type that nobody chose nor a wait for "100 Continue".
      if (!has_type) Append(transfer.headers, "Content-Type:");
      Append(transfer.headers, "Expect:");
    }
    Set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  absl::Status ErrorOf(Ending ending, const Transfer& transfer, const UrlParts& url,
                       const std::string& proxy, const std::string& ca_source) const;

  const TransportOptions options_;
  const CurlEnvironment environment_;
  std::mutex mutex_;
  std::vector<EasyPtr> idle_;  // guarded by mutex_
  Engine engine_;
};

// "https://proxy:3128" without what stands before the "@".
std::string ProxyName(const std::string& proxy) { return UrlForLog(proxy); }

absl::Status CurlTransport::ErrorOf(Ending ending, const Transfer& transfer, const UrlParts& url,
                                    const std::string& proxy, const std::string& ca_source) const {
  const std::string server = url.HostPort();
  const std::string through =
      proxy.empty() ? "" : absl::StrCat(" through the proxy ", ProxyName(proxy));
  const bool sent = transfer.times_sent > 0;
  if (ending == Ending::kStopped) return absl::CancelledError("stopped by the user");
  if (ending == Ending::kDeadline) {
    return absl::DeadlineExceededError(
        absl::StrCat(sent ? "no (complete) answer from " : "no connection to ", server, through,
                     " before the time-out"));
  }
  long os_error = transfer.os_error;
  if (os_error == 0) curl_easy_getinfo(transfer.easy.get(), CURLINFO_OS_ERRNO, &os_error);
  std::string detail = transfer.error[0] != '\0' ? std::string(transfer.error.data())
                                                 : curl_easy_strerror(transfer.result);
  detail = Redact(detail);
  const absl::string_view proxy_remedy =
      options_.proxy_url.empty()
          ? "The proxy is from HTTPS_PROXY or HTTP_PROXY; NO_PROXY exempts hosts from it."
          : "Check proxy_url.";

  switch (transfer.result) {
    case CURLE_WRITE_ERROR:
      if (transfer.too_large) {
        return absl::ResourceExhaustedError(absl::StrCat(
            "the answer of ", server, " is larger than ", transfer.max_body_bytes, " bytes"));
      }
      break;
    case CURLE_COULDNT_RESOLVE_PROXY:
      return WithRemedy(absl::UnavailableError(absl::StrCat(
                            "the name of the proxy ", ProxyName(proxy), " cannot be resolved")),
                        proxy_remedy);
    case CURLE_COULDNT_RESOLVE_HOST:
      return WithRemedy(
          absl::UnavailableError(absl::StrCat("the name \"", url.host, "\" cannot be resolved")),
          "Check the host's spelling, and this machine's DNS or VPN.");
    case CURLE_COULDNT_CONNECT: {
      const std::string cause = os_error != 0 ? std::strerror(static_cast<int>(os_error)) : detail;
      absl::Status error =
          absl::UnavailableError(absl::StrCat("cannot connect to ", server, through, ": ", cause));
      return WithRemedy(std::move(error), proxy.empty()
                                              ? "Check the address, and whether the server runs."
                                              : proxy_remedy);
    }
    case CURLE_OPERATION_TIMEDOUT:
      return WithRemedy(
          absl::UnavailableError(absl::StrCat("cannot connect to ", server, through,
                                              ": no answer within ",
                                              absl::FormatDuration(environment_.connect_timeout))),
          "Check the address, and whether a firewall or a missing VPN is in the way.");
    case CURLE_PEER_FAILED_VERIFICATION: {
      const absl::string_view name = options_.tls.server_name.empty()
                                         ? absl::string_view(url.host)
                                         : absl::string_view(options_.tls.server_name);
      return WithRemedy(absl::UnauthenticatedError(ExplainRefusal(*transfer.verification, server,
                                                                  name, ca_source, detail)),
                        RemedyOfRefusal(*transfer.verification));
    }
    case CURLE_SSL_CACERT_BADFILE:
      return absl::UnauthenticatedError(
          absl::StrCat("the certificate of ", server, " cannot be checked: ", ca_source,
                       " holds no usable CA certificate (", detail, ")"));
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      if (IsAboutOurCertificate(detail)) {
        return absl::UnauthenticatedError(
            absl::StrCat(server,
                         options_.tls.client_cert_pem.empty()
                             ? " wants a client certificate, and none is configured"
                             : " refused the client certificate",
                         " (", detail, ")"));
      }
      if (absl::StrContains(detail, "wrong version number") ||
          absl::StrContains(detail, "packet length too long")) {
        return WithRemedy(absl::UnavailableError(
                              absl::StrCat(server, through, " does not speak TLS (", detail, ")")),
                          "Check the port, and whether the URL should start with http://.");
      }
      break;
    default:
      break;
  }
  long proxy_status = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_HTTP_CONNECTCODE, &proxy_status);
  if (!proxy.empty() && !sent && proxy_status >= 300) {
    return WithRemedy(
        absl::UnavailableError(absl::StrCat(
            "the proxy ", ProxyName(proxy), " refused to connect to ", server, ": status ",
            proxy_status, proxy_status == 407 ? " (it wants a login)" : "")),
        proxy_remedy);
  }
  if (!sent) {
    return absl::UnavailableError(
        absl::StrCat("cannot connect to ", server, through, ": ", detail));
  }
  // libcurl words a connection that the server has closed at once as a failure of getpeername.
  if (transfer.result == CURLE_ABORTED_BY_CALLBACK || os_error == ENOTCONN) {
    detail = "the server closed it before it answered";
  }
  return absl::UnavailableError(
      absl::StrCat("the connection to ", server, through, " broke: ", detail));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> NewCurlTransport(TransportOptions options,
                                                            CurlEnvironment environment) {
  const TlsOptions& tls = options.tls;
  if (!tls.ca_pem.empty()) {
    CHARON_RETURN_IF_ERROR(
        Annotate(ReadCertificates(tls.ca_pem).status(),
                 tls.ca_source.empty() ? "the CA certificate" : absl::string_view(tls.ca_source)));
  }
  if (!tls.client_cert_pem.empty() || !tls.client_key_pem.empty()) {
    if (tls.client_cert_pem.empty()) {
      return absl::InvalidArgumentError("a client key without a client certificate");
    }
    if (tls.client_key_pem.empty()) {
      return absl::InvalidArgumentError("a client certificate without its key");
    }
    CHARON_RETURN_IF_ERROR(
        Annotate(ReadCertificates(tls.client_cert_pem).status(), "the client certificate"));
    CHARON_RETURN_IF_ERROR(
        Annotate(CheckKeyPair(tls.client_cert_pem, tls.client_key_pem), "the client certificate"));
    RegisterSecret(tls.client_key_pem);
  }
  if (!options.proxy_url.empty()) {
    // User and password of the proxy.
    const std::size_t at = options.proxy_url.rfind('@');
    const std::size_t scheme = options.proxy_url.find("://");
    const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
    if (at != std::string::npos && at > begin) {
      const std::string userinfo = options.proxy_url.substr(begin, at - begin);
      RegisterSecret(userinfo.substr(std::min(userinfo.find(':'), userinfo.size() - 1) + 1));
    }
  }
  return std::make_unique<CurlTransport>(std::move(options), std::move(environment));
}

absl::StatusOr<std::unique_ptr<Transport>> NewCurlTransport(TransportOptions options) {
  return NewCurlTransport(std::move(options), CurlEnvironment{});
}

}  // namespace charon::http
