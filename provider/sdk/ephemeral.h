// An ephemeral resource: opened in plan and in apply, never stored.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "provider/schema/field.h"
#include "provider/sdk/adapter.h"
#include "provider/sdk/any.h"

namespace charon::sdk {

template <typename M>
struct Opened {
  M result;
  std::optional<absl::Time> renew_at;  // Terraform calls Renew at that instant, not earlier
};

// Called concurrently. What Close needs must be in the private state that Open leaves: Terraform
// hands Close that one, not the last Renew's.
template <typename M>
class Ephemeral {
 public:
  using Base = Ephemeral<M>;  // what Registry::Add takes
  virtual ~Ephemeral() = default;
  virtual const ResourceInfo& info() const = 0;
  virtual absl::Status Validate(const Context&, const M& /*config*/) { return absl::OkStatus(); }
  virtual absl::StatusOr<Opened<M>> Open(const Context& context, const M& config) = 0;
  // The next time to renew; nullopt ends renewals.
  virtual absl::StatusOr<std::optional<absl::Time>> Renew(const Context&) {
    return std::optional<absl::Time>();
  }
  virtual absl::Status Close(const Context&) { return absl::OkStatus(); }
};

class EphemeralRunner : public AnyEphemeral {
 public:
  explicit EphemeralRunner(const AnyProvider& provider) : provider_(provider) {}
  Diagnostics Validate(const Call& call, const Value& config) final;
  EphemeralAnswer Open(const Call& call, const Value& config) final;
  EphemeralAnswer Renew(const Call& call, const std::string& private_bytes) final;
  Diagnostics Close(const Call& call, const std::string& private_bytes) final;

 protected:
  virtual absl::Status DoValidate(const Context& context, const Value& config) = 0;
  virtual absl::Status DoOpen(const Context& context, const Value& config,
                              EphemeralAnswer& answer) = 0;
  virtual absl::StatusOr<std::optional<absl::Time>> DoRenew(const Context& context) = 0;
  virtual absl::Status DoClose(const Context& context) = 0;

 private:
  const AnyProvider& provider_;
};

template <typename M>
class EphemeralAdapter final : public EphemeralRunner {
 public:
  EphemeralAdapter(std::unique_ptr<Ephemeral<M>> ephemeral, const AnyProvider& provider)
      : EphemeralRunner(provider), ephemeral_(std::move(ephemeral)) {}
  const ResourceInfo& info() const override { return ephemeral_->info(); }
  const ObjectSchema& schema() const override { return M::Describe().schema(); }

 protected:
  absl::Status DoValidate(const Context& context, const Value& config) override {
    CHARON_ASSIGN_OR_RETURN(const M model, M::Describe().Decode(config));
    return ephemeral_->Validate(context, model);
  }
  absl::Status DoOpen(const Context& context, const Value& config,
                      EphemeralAnswer& answer) override {
    CHARON_ASSIGN_OR_RETURN(const M model, M::Describe().Decode(config));
    CHARON_ASSIGN_OR_RETURN(Opened<M> opened, ephemeral_->Open(context, model));
    answer.result = M::Describe().Encode(opened.result);
    answer.renew_at = opened.renew_at;
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<absl::Time>> DoRenew(const Context& context) override {
    return ephemeral_->Renew(context);
  }
  absl::Status DoClose(const Context& context) override { return ephemeral_->Close(context); }

 private:
  std::unique_ptr<Ephemeral<M>> ephemeral_;
};

}  // namespace charon::sdk
