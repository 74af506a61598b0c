#include "provider/clients/kubernetes/run_claims.h"

#include "absl/strings/str_cat.h"
#include "provider/base/status.h"

namespace charon::kubernetes {

absl::StatusOr<RunClaims::Turn> RunClaims::Take(const Call& call, const ObjectRef& ref) {
  for (bool told = false;; told = true) {
    {
      const absl::MutexLock lock(&mutex_);
      if (busy_.insert(ref).second) return Turn(*this, ref);
    }
    if (!told)
      call.log->Info("another resource of this run works on the object",
                     {{"object", ref.ToString()}});
    CHARON_RETURN_IF_ERROR(
        Annotate(call.Wait(absl::Milliseconds(20)),
                 absl::StrCat("another resource of this run works on ", ref.ToString())));
  }
}

void RunClaims::Claim(const ObjectRef& ref) {
  const absl::MutexLock lock(&mutex_);
  claimed_.insert(ref);
}

void RunClaims::Forget(const ObjectRef& ref) {
  const absl::MutexLock lock(&mutex_);
  claimed_.erase(ref);
}

bool RunClaims::IsClaimed(const ObjectRef& ref) const {
  const absl::MutexLock lock(&mutex_);
  return claimed_.contains(ref);
}

void RunClaims::End(const ObjectRef& ref) {
  const absl::MutexLock lock(&mutex_);
  busy_.erase(ref);
}

}  // namespace charon::kubernetes
