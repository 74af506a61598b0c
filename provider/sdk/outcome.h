// What an operation leaves behind: a state, an error, or both.
#pragma once

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace charon::sdk {

// Terraform stores the state that comes with an error and keeps the former one if none comes. So
// after "created, but not ready in time" return Partial(model, status), or the object becomes an
// orphan.
template <typename M>
class [[nodiscard]] Outcome {
 public:
  Outcome(M state) : state_(std::move(state)) {}  // NOLINT(google-explicit-constructor)
  // REQUIRES: !status.ok(). NotFound from Read means the object is gone.
  Outcome(absl::Status status)
      : status_(std::move(status)) {}  // NOLINT(google-explicit-constructor)
  Outcome(absl::StatusOr<M> state)     // NOLINT(google-explicit-constructor)
      : status_(state.status()) {
    if (state.ok()) state_ = *std::move(state);
  }
  static Outcome Partial(M state, absl::Status status) {
    Outcome outcome(std::move(status));
    outcome.state_ = std::move(state);
    return outcome;
  }

  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }
  const std::optional<M>& state() const { return state_; }

 private:
  std::optional<M> state_;
  absl::Status status_;
};

}  // namespace charon::sdk
