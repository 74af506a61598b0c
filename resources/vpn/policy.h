// charon_vpn_policy: the one policy of a Headscale server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "provider/clients/headscale/policy/hujson.h"
#include "provider/clients/headscale/policy/policy.h"
#include "provider/schema/field.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"

namespace charon::vpn {

struct ProtectModel {
  Attr<std::string> src, dst;
  static const ObjectSpec<ProtectModel>& Describe();
};

struct PolicyModel {
  Attr<std::string> id, policy, on_conflict, on_destroy;
  Attr<Value> object;
  Attr<std::vector<ProtectModel>> protect;
  Attr<sdk::TimeoutsModel> timeouts;
  static const ObjectSpec<PolicyModel>& Describe();
};

struct PolicyIdentity {
  Attr<std::string> id;
  static const ObjectSpec<PolicyIdentity>& Describe();
};

class PolicyResource final : public sdk::Resource<PolicyModel, PolicyIdentity> {
 public:
  // `local_addresses` tells the addresses of this machine.
  using LocalAddresses = std::function<std::vector<std::string>()>;
  explicit PolicyResource(Services& services);
  PolicyResource(Services& services, LocalAddresses local_addresses)
      : services_(services), local_addresses_(std::move(local_addresses)) {}

  const sdk::ResourceInfo& info() const override;
  absl::Status Validate(const sdk::Context& context, const PolicyModel& config) override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<PolicyModel>& change) override;
  sdk::Outcome<PolicyModel> Create(const sdk::Context& context, const PolicyModel& plan) override;
  sdk::Outcome<PolicyModel> Read(const sdk::Context& context, const PolicyModel& prior) override;
  sdk::Outcome<PolicyModel> Update(const sdk::Context& context, const PolicyModel& prior,
                                   const PolicyModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const PolicyModel& prior) override;
  // A server has one policy: the delete half of a replacement leaves it to the create half.
  std::string SameObject(const PolicyModel&) const override { return "policy"; }
  absl::StatusOr<PolicyModel> Import(const sdk::Context& context, const std::string& id) override;
  absl::StatusOr<PolicyModel> ImportByIdentity(const sdk::Context& context,
                                               const PolicyIdentity& identity) override;
  absl::StatusOr<PolicyIdentity> Identify(const sdk::Context& context,
                                          const PolicyModel& state) override;

 private:
  // What the server has now, and what of it matters to a change.
  struct Found {
    int minor = 0;
    std::optional<std::string> text;                 // nullopt: it has none
    std::optional<headscale::policy::Policy> model;  // nullopt: it cannot be read
  };
  absl::StatusOr<Found> Find(const sdk::Context& context, headscale::Client& client) const;

  // What must hold for `model` to take the place of what was found: the checks of that generation,
  // and what is protected. `after` gets the policy as the server will understand it.
  absl::Status CheckChange(const sdk::Context& context, headscale::Client& client,
                           const PolicyModel& model, const headscale::policy::HuJson& document,
                           const Found& found, headscale::policy::Policy& after) const;
  absl::Status CheckProtected(const sdk::Context& context, headscale::Client& client,
                              const PolicyModel& model, const headscale::policy::Policy& before,
                              const headscale::policy::Policy& after) const;
  sdk::Outcome<PolicyModel> Set(const sdk::Context& context, headscale::Client& client,
                                const PolicyModel& plan, const std::string& text) const;

  Services& services_;
  const LocalAddresses local_addresses_;
};

}  // namespace charon::vpn
