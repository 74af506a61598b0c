// A transport that answers from a script and remembers what it was asked.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "provider/http/transport.h"

namespace charon::http {

// Answers come, in this order, from FailNth, from the script, from the handler. A request for which
// there is none gets Internal. Requests with on_body get a 2xx body in one piece. Thread-safe.
class FakeTransport final : public Transport {
 public:
  using Handler = std::function<absl::StatusOr<Response>(const Call& call, const Request& request)>;

  // The next answer of the script.
  FakeTransport& Answer(int status, std::string body = "",
                        std::map<std::string, std::string> headers = {});
  FakeTransport& Fail(absl::Status status);

  // Answers what the script does not.
  FakeTransport& Handle(Handler handler);

  // The n-th request from now on, counted from 1, fails. With `after` the handler or script is
  // asked first: the server has acted, but its answer is lost.
  FakeTransport& FailNth(int n, absl::Status status, bool after = false);

  absl::StatusOr<Response> Send(const Call& call, const Request& request) override;

  std::vector<Request> requests() const;
  std::size_t count() const;

 private:
  struct Fault {
    absl::Status status;
    bool after = false;
  };

  mutable std::mutex mutex_;
  std::deque<absl::StatusOr<Response>> script_;
  Handler handler_;
  std::map<std::size_t, Fault> faults_;  // by number of the request
  std::vector<Request> requests_;
};

// Sends through a transport that somebody else owns: decorators own theirs, tests keep the fake.
std::unique_ptr<Transport> Borrow(Transport& transport);

}  // namespace charon::http
