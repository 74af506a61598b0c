// Which objects this run has made, changed or taken over, and which ones it works on just now.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

// Terraform runs ten resources at once, and two addresses of one run may be about the same object:
// one that goes and one that comes, as after a renamed address. Safe for concurrent use.
class RunClaims {
 public:
  // Nobody else of this run changes the object while it lives.
  class Turn {
   public:
    Turn(RunClaims& claims, ObjectRef ref) : claims_(&claims), ref_(std::move(ref)) {}
    Turn(Turn&& other) noexcept
        : claims_(std::exchange(other.claims_, nullptr)), ref_(std::move(other.ref_)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (claims_ != nullptr) claims_->End(ref_);
    }

   private:
    RunClaims* claims_;
    ObjectRef ref_;
  };

  // Waits until nobody else has the turn. As Call::Alive if that takes too long.
  absl::StatusOr<Turn> Take(const Call& call, const ObjectRef& ref);

  // The object belongs to a resource that this run has just applied.
  void Claim(const ObjectRef& ref);
  void Forget(const ObjectRef& ref);
  bool IsClaimed(const ObjectRef& ref) const;

 private:
  // By what stays if an object is addressed in another version of its group.
  static std::string KeyOf(const ObjectRef& ref);
  void End(const ObjectRef& ref);

  mutable absl::Mutex mutex_;
  std::set<std::string> busy_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> claimed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace charon::kubernetes
