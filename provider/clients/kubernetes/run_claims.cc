#include "provider/clients/kubernetes/run_claims.h"

#include "absl/strings/str_cat.h"
#include "provider/base/status.h"

namespace charon::kubernetes {

absl::StatusOr<RunClaims::Turn> RunClaims::Take(const Call& call, const ObjectRef& ref) {
  for (bool told = false;; told = true) {
    {
      const absl::MutexLock lock(&mutex_);
      if (busy_.insert(KeyOf(ref)).second) return Turn(*this, ref);
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
  claimed_.insert(KeyOf(ref));
}

void RunClaims::Forget(const ObjectRef& ref) {
  const absl::MutexLock lock(&mutex_);
  claimed_.erase(KeyOf(ref));
}

bool RunClaims::IsClaimed(const ObjectRef& ref) const {
  const absl::MutexLock lock(&mutex_);
  return claimed_.contains(KeyOf(ref));
}

std::string RunClaims::KeyOf(const ObjectRef& ref) {
  return absl::StrCat(ref.kind.group(), "/", ref.kind.kind, "/", ref.name_space, "/", ref.name);
}

void RunClaims::End(const ObjectRef& ref) {
  const absl::MutexLock lock(&mutex_);
  busy_.erase(KeyOf(ref));
}

}  // namespace charon::kubernetes
