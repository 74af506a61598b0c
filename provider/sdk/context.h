// What every operation of a resource gets beside its models.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/base/call.h"
#include "provider/sdk/diagnostics.h"

namespace charon::sdk {

// A few small texts that Terraform keeps beside the state and never shows. Not a place for secrets:
// the state file has them in plain base64.
class PrivateState final : public Tenure {
 public:
  PrivateState() = default;
  // From the bytes Terraform kept; foreign or damaged bytes count as empty (a moved resource has
  // the other provider's).
  static PrivateState Parse(absl::string_view bytes);
  // JSON; empty if there is nothing.
  std::string ToBytes() const;

  std::optional<std::string> Get(absl::string_view key) const;
  void Set(absl::string_view key, absl::string_view value) {
    entries_[std::string(key)] = std::string(value);
  }
  void Erase(absl::string_view key) { entries_.erase(std::string(key)); }

  bool IsOwn(absl::string_view number) const override;
  void Find(absl::string_view number, Note note) override;
  // Of a create: what there is of the one that it replaces is not its own.
  void BeginTenure();
  // Once it has ended: writes the notes, best effort, into `call`'s log. `complete`: it has reached
  // all its objects; otherwise whatever stands at them may be its own.
  void NoteTenure(const Call& call, bool complete);
  // For this operation, whatever stands there may be its own.
  void OpenTenure() { open_ = true; }

 private:
  bool Has(absl::string_view number) const;

  std::map<std::string, std::string> entries_;
  bool creates_ = false;
  bool open_ = false;
  std::vector<Note> notes_;
};

// Why a change is put off (Deferred.Reason of the protocol).
enum class Defer {
  kResourceConfigUnknown = 1,
  kProviderConfigUnknown = 2,
  kAbsentPrerequisite = 3
};

// Lives as long as one operation. Converts to its Call, so that clients can be handed the context.
struct Context {
  Call call;
  Diagnostics* diagnostics = nullptr;  // for warnings, and for errors beyond the first
  PrivateState* private_state =
      nullptr;  // in plan: what apply will find; elsewhere: what state keeps
  // What the resource needs of the provider block was unknown: no API can be asked yet.
  bool provider_config_unknown = false;
  // This plan repeats, at apply, one that was made and checked before. Terraform tells it by
  // allowing deferrals only there (protocol 4.10); OpenTofu does not tell.
  bool planned_before = false;
  // False in a plan that may repeat, at apply, one that announced a change in place: core refuses a
  // replacement then. Terraform tells by the above; with OpenTofu it is a plan before which nothing
  // was read in this run, which in `tofu apply -refresh=false` the first one is as well.
  bool may_replace = true;
  // The state came from an import or a move, and nothing was applied since.
  bool adopting = false;
  // In the plan of a create: it is the second half of a replacement, so that what is there now will
  // have gone.
  bool replaces = false;

  operator const Call&() const { return call; }  // NOLINT(google-explicit-constructor)
};

}  // namespace charon::sdk
