#include "provider/testing/fake_transport.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace charon::http {
namespace {

class Borrowed final : public Transport {
 public:
  explicit Borrowed(Transport& transport) : transport_(transport) {}

  absl::StatusOr<Response> Send(const Call& call, const Request& request) override {
    return transport_.Send(call, request);
  }

 private:
  Transport& transport_;
};

}  // namespace

FakeTransport& FakeTransport::Answer(int status, std::string body,
                                     std::map<std::string, std::string> headers) {
  const std::scoped_lock lock(mutex_);
  script_.push_back(
      Response{.status = status, .headers = std::move(headers), .body = std::move(body)});
  return *this;
}

FakeTransport& FakeTransport::Fail(absl::Status status) {
  const std::scoped_lock lock(mutex_);
  script_.push_back(std::move(status));
  return *this;
}

FakeTransport& FakeTransport::Handle(Handler handler) {
  const std::scoped_lock lock(mutex_);
  handler_ = std::move(handler);
  return *this;
}

FakeTransport& FakeTransport::FailNth(int n, absl::Status status, bool after) {
  const std::scoped_lock lock(mutex_);
  faults_[requests_.size() + static_cast<std::size_t>(n)] = {std::move(status), after};
  return *this;
}

absl::StatusOr<Response> FakeTransport::Send(const Call& call, const Request& request) {
  if (absl::Status alive = call.Alive(); !alive.ok()) return alive;
  std::optional<absl::StatusOr<Response>> scripted;
  std::optional<Fault> fault;
  Handler handler;
  {
    const std::scoped_lock lock(mutex_);
    requests_.push_back(request);
    if (const auto found = faults_.find(requests_.size()); found != faults_.end()) {
      fault = found->second;
      if (!fault->after) return fault->status;
    }
    if (!script_.empty()) {
      scripted = std::move(script_.front());
      script_.pop_front();
    }
    handler = handler_;
  }
  // Without the lock: handlers may block, or send themselves.
  absl::StatusOr<Response> result =
      scripted.has_value() ? *std::move(scripted)
      : handler != nullptr ? handler(call, request)
                           : absl::InternalError(absl::StrCat("no answer was scripted for ",
                                                              request.method, " ", request.url));
  if (fault.has_value()) return fault->status;
  if (result.ok() && request.on_body != nullptr && result->status / 100 == 2) {
    if (!result->body.empty()) request.on_body(result->body);
    result->body.clear();
  }
  return result;
}

std::vector<Request> FakeTransport::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

std::size_t FakeTransport::count() const {
  const std::scoped_lock lock(mutex_);
  return requests_.size();
}

std::unique_ptr<Transport> Borrow(Transport& transport) {
  return std::make_unique<Borrowed>(transport);
}

}  // namespace charon::http
