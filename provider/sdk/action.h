// An action (Terraform 1.14): something done, without a state.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "provider/schema/field.h"
#include "provider/sdk/adapter.h"
#include "provider/sdk/any.h"

namespace charon::sdk {

using Progress = std::function<void(const std::string& message)>;

// Called concurrently.
template <typename M>
class Action {
 public:
  using Base = Action<M>;  // what Registry::Add takes
  virtual ~Action() = default;
  virtual const ResourceInfo& info() const = 0;
  virtual absl::Status Validate(const Context&, const M& /*config*/) { return absl::OkStatus(); }
  // Looks ahead; anything may be unknown. No side effects.
  virtual absl::Status Plan(const Context&, const M& /*config*/) { return absl::OkStatus(); }
  virtual absl::Status Invoke(const Context& context, const M& config,
                              const Progress& progress) = 0;
};

class ActionRunner : public AnyAction {
 public:
  explicit ActionRunner(const AnyProvider& provider) : provider_(provider) {}
  Diagnostics Validate(const Call& call, const Value& config) final;
  Planned Plan(const Call& call, const Value& config, const Capabilities& capabilities) final;
  Diagnostics Invoke(const Call& call, const Value& config,
                     const std::function<void(const std::string&)>& progress) final;

 protected:
  virtual absl::Status DoValidate(const Context& context, const Value& config) = 0;
  virtual absl::Status DoPlan(const Context& context, const Value& config) = 0;
  virtual absl::Status DoInvoke(const Context& context, const Value& config,
                                const Progress& progress) = 0;

 private:
  const AnyProvider& provider_;
};

template <typename M>
class ActionAdapter final : public ActionRunner {
 public:
  ActionAdapter(std::unique_ptr<Action<M>> action, const AnyProvider& provider)
      : ActionRunner(provider), action_(std::move(action)) {}
  const ResourceInfo& info() const override { return action_->info(); }
  const ObjectSchema& schema() const override { return M::Describe().schema(); }

 protected:
  absl::Status DoValidate(const Context& context, const Value& config) override {
    CHARON_ASSIGN_OR_RETURN(const M model, M::Describe().Decode(config));
    return action_->Validate(context, model);
  }
  absl::Status DoPlan(const Context& context, const Value& config) override {
    CHARON_ASSIGN_OR_RETURN(const M model, M::Describe().Decode(config));
    return action_->Plan(context, model);
  }
  absl::Status DoInvoke(const Context& context, const Value& config,
                        const Progress& progress) override {
    CHARON_ASSIGN_OR_RETURN(const M model, M::Describe().Decode(config));
    return action_->Invoke(context, model, progress);
  }

 private:
  std::unique_ptr<Action<M>> action_;
};

}  // namespace charon::sdk
