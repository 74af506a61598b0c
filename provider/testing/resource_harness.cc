#include "provider/testing/resource_harness.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace charon {
namespace {

constexpr sdk::Capabilities kCapabilities{.deferral_allowed = false, .write_only_allowed = true};

using Severity = sdk::Diagnostic::Severity;

std::vector<std::string> Texts(const sdk::Diagnostics& diagnostics, Severity severity) {
  std::vector<std::string> texts;
  for (const sdk::Diagnostic& d : diagnostics.list()) {
    if (d.severity == severity)
      texts.push_back(absl::StrCat(d.path.ToString(), ": ", d.summary, ": ", d.detail));
  }
  return texts;
}

std::vector<std::string> Errors(const sdk::Diagnostics& diagnostics) {
  return Texts(diagnostics, Severity::kError);
}

}  // namespace

sdk::PlanAnswer ResourceHarness::Plan(const Value& prior, const Value& config,
                                      const std::string& private_bytes) {
  sdk::PlanRequest request;
  request.config = config;
  request.prior = prior;
  if (config.IsKnown())
    request.proposed = core::ProposedNewState(resource_->schema(), prior, config);
  request.private_bytes = private_bytes;
  request.identity = identity_;
  request.capabilities = kCapabilities;
  return resource_->Plan(call, request);
}

std::vector<std::string> ResourceHarness::ApplyPlan(const Value& prior, const Value& config,
                                                    const sdk::PlanAnswer& plan) {
  sdk::ApplyRequest request;
  request.config = config;
  request.prior = prior;
  request.planned = plan.planned;
  request.private_bytes = plan.private_bytes;
  request.identity = plan.identity;
  sdk::StateAnswer answer = resource_->Apply(call, request);
  state_ = std::move(answer.state);
  identity_ = std::move(answer.identity);
  private_bytes_ = std::move(answer.private_bytes);
  return Errors(answer.diagnostics);
}

ResourceHarness::Step ResourceHarness::Run(const Value& config) {
  Step step;
  warnings_.clear();
  if (config.IsKnown()) {
    step.errors = Errors(resource_->Validate(call, config, kCapabilities));
    if (!step.errors.empty()) return step;
  }
  sdk::PlanAnswer plan = Plan(state_, config, private_bytes_);
  step.errors = Errors(plan.diagnostics);
  warnings_ = Texts(plan.diagnostics, Severity::kWarning);
  if (!step.errors.empty()) return step;
  step.action = core::ActionOf(state_, plan.planned, plan.requires_replace);
  if (step.action == core::Action::kNoOp) return step;
  if (step.action != core::Action::kReplace) {
    step.errors = ApplyPlan(state_, config, plan);
    return step;
  }
  // The create half is planned before the delete half runs, and gives it its private bytes.
  const Value prior = state_;
  plan = Plan(Value(), config, plan.private_bytes);
  step.errors = Errors(plan.diagnostics);
  if (!step.errors.empty()) return step;
  sdk::PlanAnswer removal;
  removal.private_bytes = plan.private_bytes;
  removal.identity = identity_;
  step.errors = ApplyPlan(prior, Value(), removal);
  if (step.errors.empty()) step.errors = ApplyPlan(Value(), config, plan);
  return step;
}

core::Action ResourceHarness::Apply(absl::string_view config) {
  const Value wanted = Object(config);
  const Step step = Run(wanted);
  if (!step.errors.empty()) {
    ADD_FAILURE() << "applying " << config << ": " << absl::StrJoin(step.errors, "\n");
    return step.action;
  }
  const sdk::PlanAnswer again = Plan(state_, wanted, private_bytes_);
  EXPECT_EQ(core::ActionOf(state_, again.planned, again.requires_replace), core::Action::kNoOp)
      << "the plan after the apply of " << config << " is "
      << ::testing::PrintToString(again.planned) << "\nthe state is "
      << ::testing::PrintToString(state_);
  return step.action;
}

std::vector<std::string> ResourceHarness::ApplyToFail(absl::string_view config) {
  Step step = Run(Object(config));
  EXPECT_FALSE(step.errors.empty()) << "applying " << config << " did not fail";
  return std::move(step.errors);
}

void ResourceHarness::Refresh() {
  sdk::ReadRequest request;
  request.state = state_;
  request.private_bytes = private_bytes_;
  request.identity = identity_;
  request.capabilities = kCapabilities;
  sdk::StateAnswer answer = resource_->Read(call, request);
  for (const std::string& error : Errors(answer.diagnostics))
    ADD_FAILURE() << "refreshing: " << error;
  state_ = std::move(answer.state);
  identity_ = std::move(answer.identity);
  private_bytes_ = std::move(answer.private_bytes);
}

core::Action ResourceHarness::Destroy() {
  const Step step = Run(Value());
  for (const std::string& error : step.errors) ADD_FAILURE() << "destroying: " << error;
  return step.action;
}

void ResourceHarness::Import(const std::string& id) {
  sdk::ImportRequest request;
  request.id = id;
  request.capabilities = kCapabilities;
  sdk::StateAnswer answer = resource_->Import(call, request);
  for (const std::string& error : Errors(answer.diagnostics))
    ADD_FAILURE() << "importing: " << error;
  state_ = std::move(answer.state);
  identity_ = std::move(answer.identity);
  private_bytes_ = std::move(answer.private_bytes);
  if (state_.IsKnown()) Refresh();
}

}  // namespace charon
