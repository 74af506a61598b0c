// How codecs of this folder report where they failed: the functions return bool while they recurse,
// and what a success costs is nothing.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "provider/base/path.h"

namespace charon {

// The step to an entry of an object whose type is not at hand: an attribute if the name can be
// written as one in HCL, else a key.
Path::Step StepTo(absl::string_view name);

// One failure, and the path to it, gathered from the inside out. Every function that returns bool
// returns false, so that a caller can `return trail.Fail(...)`.
class Trail {
 public:
  bool Fail(std::string message);
  bool FromAttribute(absl::string_view name);
  bool FromKey(absl::string_view key);
  bool FromIndex(std::int64_t index);
  bool From(Path::Step step);
  // Elements of sets have no address: the path ends at the set.
  bool FromSet();

  const std::string& message() const { return message_; }
  // Innermost first.
  const std::vector<Path::Step>& steps() const { return steps_; }
  void set_steps(std::vector<Path::Step> steps) { steps_ = std::move(steps); }

  // InvalidArgument or Internal, with the path if it is not empty. REQUIRES: something failed.
  absl::Status ToStatus(absl::StatusCode code) const;

 private:
  std::string message_;
  std::vector<Path::Step> steps_;
};

}  // namespace charon
