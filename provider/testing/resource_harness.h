// A resource driven as Terraform core drives it, in the process: propose, validate, plan, apply,
// plan again.
//
//   ResourceHarness memo(std::make_unique<MemoResource>(api));
//   EXPECT_EQ(memo.Apply(R"({"title": "Tea"})"), core::Action::kCreate);
//   EXPECT_EQ(memo["pinned"], Value::Bool(false));
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "provider/sdk/registry.h"
#include "provider/testing/core_rules.h"
#include "provider/testing/fake_provider.h"
#include "provider/testing/values.h"

namespace charon {

// Holds the state of one instance. gTest failures for what core would refuse. Not for concurrent
// use.
class ResourceHarness {
 public:
  // Of a resource class, behind a provider block that is configured.
  template <typename R>
  explicit ResourceHarness(std::unique_ptr<R> resource)
      : own_(std::make_unique<sdk::Registry>(std::make_unique<FakeProvider>())) {
    own_->Add(std::move(resource));
    resource_ = own_->resources().begin()->second.get();
  }
  // Of the resource `type` of `registry`, which must outlive the harness.
  ResourceHarness(const sdk::Registry& registry, absl::string_view type)
      : resource_(registry.resources().at(std::string(type)).get()) {}

  // Brings the state to `config` (values.h). A replacement deletes first, as core does by default.
  // Afterwards plans once more, which must change nothing. Stops at the first error and fails the
  // test.
  core::Action Apply(absl::string_view config);
  // The same where it must fail: the errors, "path: summary: detail". A state that comes with one
  // is kept.
  std::vector<std::string> ApplyToFail(absl::string_view config);

  // ReadResource. The state is null afterwards if the object is gone.
  void Refresh();
  core::Action Destroy();
  // Import and the read that follows it. Replaces the state.
  void Import(const std::string& id);

  const Value& state() const { return state_; }
  const Value& identity() const { return identity_; }
  const std::string& private_bytes() const { return private_bytes_; }
  const Value& operator[](absl::string_view name) const { return state_[name]; }
  // A value of the resource's type.
  Value Object(absl::string_view json) const { return ObjectForTest(resource_->schema(), json); }

  // Of the last plan that Apply, ApplyToFail or Destroy made first: "path: summary: detail".
  const std::vector<std::string>& warnings() const { return warnings_; }

  Call call;  // of every operation

 private:
  struct Step {
    core::Action action = core::Action::kNoOp;
    std::vector<std::string> errors;
  };
  Step Run(const Value& config);
  sdk::PlanAnswer Plan(const Value& prior, const Value& config, const std::string& private_bytes);
  std::vector<std::string> ApplyPlan(const Value& prior, const Value& config,
                                     const sdk::PlanAnswer& plan);

  std::unique_ptr<sdk::Registry> own_;
  sdk::AnyResource* resource_ = nullptr;
  Value state_, identity_;
  std::string private_bytes_;
  std::vector<std::string> warnings_;
};

}  // namespace charon
