// Between the server's dynamic values and a typed resource. The rules that no resource should have
// to remember live here: not-found on read removes, not-found on delete succeeds, write-only values
// come from the configuration and are cleared afterwards, `timeouts` become the deadline, a success
// without state is reported as our defect, an error never loses what was made.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "provider/sdk/any.h"

namespace charon::sdk {

struct ValueOutcome {
  std::optional<Value> state;
  absl::Status status;
};

// A plan in the making; PlanChange<M> in resource.h is its typed face.
struct PlanDraft {
  const Value& config;
  const Value& prior;
  Value planned;
  std::vector<Path> requires_replace;
  std::map<std::string, Value> set;  // attributes that the resource decided itself
  std::optional<Defer> deferred;
};

// The error of a move from a type that is none of `sources`.
absl::Status NoWayFrom(const MoveRequest& request, const std::vector<std::string>& sources);

class ResourceRunner : public AnyResource {
 public:
  explicit ResourceRunner(const AnyProvider& provider) : provider_(provider) {}

  Diagnostics Validate(const Call& call, const Value& config,
                       const Capabilities& capabilities) final;
  StateAnswer Read(const Call& call, const ReadRequest& request) final;
  PlanAnswer Plan(const Call& call, const PlanRequest& request) final;
  StateAnswer Apply(const Call& call, const ApplyRequest& request) final;
  StateAnswer Import(const Call& call, const ImportRequest& request) final;
  StateAnswer Upgrade(const Call& call, std::int64_t version, const std::string& json) final;
  StateAnswer UpgradeIdentity(const Call& call, std::int64_t version,
                              const std::string& json) final;
  StateAnswer Move(const Call& call, const MoveRequest& request) final;
  StateAnswer GenerateConfig(const Call& call, const Value& state) final;

 protected:
  virtual absl::Status DoValidate(const Context& context, const Value& config) = 0;
  virtual ValueOutcome DoCreate(const Context& context, const Value& planned) = 0;
  virtual ValueOutcome DoRead(const Context& context, const Value& prior) = 0;
  virtual ValueOutcome DoUpdate(const Context& context, const Value& prior,
                                const Value& planned) = 0;
  virtual absl::Status DoDelete(const Context& context, const Value& prior) = 0;
  virtual absl::Status DoPlan(const Context& context, PlanDraft& draft) = 0;
  virtual std::string DoSameObject(const Value& object) const = 0;
  virtual void DoSpare(const Context& context, const Value& prior) = 0;
  virtual absl::StatusOr<Value> DoImport(const Context& context, const ImportRequest& request) = 0;
  virtual absl::StatusOr<Value> DoIdentify(const Context& context, const Value& state) = 0;
  virtual absl::StatusOr<Value> DoUpgrade(const Context& context, std::int64_t version,
                                          const std::string& json) = 0;
  virtual absl::StatusOr<Value> DoMove(const Context& context, const MoveRequest& request) = 0;
  virtual absl::StatusOr<Value> DoGenerateConfig(const Context& context, const Value& state) = 0;

 private:
  Context MakeContext(const Call& call, absl::string_view operation, const Value& with_timeouts,
                      Diagnostics* diagnostics, PrivateState* private_state) const;
  void Finish(const Context& context, StateAnswer& answer, const PrivateState& private_state,
              const Value& former_identity);
  StateAnswer Delete(const Call& call, const ApplyRequest& request);
  Value WhatIsLeft(const Call& call, const ApplyRequest& request);
  absl::Status CompleteIdentity(const Value& identity) const;
  bool IsDeclaredTwice(const std::string& object, bool create);
  void ForgetPlans(const Value& object);

  const AnyProvider& provider_;
  absl::Mutex mutex_;
  // The objects (DoSameObject) that this run has planned to change or leave, and to make.
  std::set<std::string> kept_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> to_create_ ABSL_GUARDED_BY(mutex_);
  int run_ ABSL_GUARDED_BY(mutex_) = 0;
  // The run in which something was read last. Core reads what it is going to plan, unless the plan
  // is the one at apply.
  std::atomic<int> read_in_run_ = 0;
};

// The error as the user sees it: "Unable to create tier namespace", the chain of causes, what to
// do.
void ReportFailure(Diagnostics& diagnostics, absl::string_view verb, const ResourceInfo& info,
                   const ObjectSchema& schema, absl::Status status);

// `call` with the deadline that `object`'s `timeouts` (or `fallback`) give `operation`.
Call WithTimeout(const Call& call, const Value& object, absl::string_view operation,
                 absl::Duration fallback);

// `value` with unknowns replaced by null; sets *found if there was one.
Value NullForUnknown(Value value, bool* found);

// Runs `body`, turning an exception (a defect of ours or a library's) into Internal.
absl::Status Guard(const std::function<absl::Status()>& body);

// Validation of the table and what the typed hook adds; for data sources, ephemerals, lists and
// actions.
Diagnostics ValidateAgainst(const ObjectSchema& schema, const Value& config,
                            bool write_only_allowed, const ResourceInfo& info);

}  // namespace charon::sdk
