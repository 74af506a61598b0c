// charon_vpn_preauth_key: a key with which machines join the VPN.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "provider/clients/headscale/client.h"
#include "provider/schema/field.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"
#include "resources/vpn/key_sink.h"

namespace charon::vpn {

struct SecretSinkModel {
  Attr<std::string> name_space, name, key;
  static const ObjectSpec<SecretSinkModel>& Describe();
  friend bool operator==(const SecretSinkModel&, const SecretSinkModel&) = default;
};

struct DeliverToModel {
  Attr<SecretSinkModel> kubernetes_secret;
  Attr<std::string> file;
  static const ObjectSpec<DeliverToModel>& Describe();
  friend bool operator==(const DeliverToModel&, const DeliverToModel&) = default;
};

struct PreauthKeyModel {
  Attr<std::string> id, user, expires_in, renew_before, rotation_trigger, on_conflict, key,
      expires_at;
  Attr<std::set<std::string>> tags;
  Attr<bool> reusable, ephemeral, expose_key, used, delivered;
  Attr<DeliverToModel> deliver_to;
  Attr<sdk::TimeoutsModel> timeouts;
  static const ObjectSpec<PreauthKeyModel>& Describe();
};

struct PreauthKeyIdentity {
  Attr<std::string> id;
  static const ObjectSpec<PreauthKeyIdentity>& Describe();
};

class PreauthKeyResource final : public sdk::Resource<PreauthKeyModel, PreauthKeyIdentity> {
 public:
  explicit PreauthKeyResource(Services& services) : services_(services) {}

  const sdk::ResourceInfo& info() const override;
  absl::Status Validate(const sdk::Context& context, const PreauthKeyModel& config) override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<PreauthKeyModel>& change) override;
  sdk::Outcome<PreauthKeyModel> Create(const sdk::Context& context,
                                       const PreauthKeyModel& plan) override;
  sdk::Outcome<PreauthKeyModel> Read(const sdk::Context& context,
                                     const PreauthKeyModel& prior) override;
  sdk::Outcome<PreauthKeyModel> Update(const sdk::Context& context, const PreauthKeyModel& prior,
                                       const PreauthKeyModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const PreauthKeyModel& prior) override;
  absl::StatusOr<PreauthKeyModel> Import(const sdk::Context& context,
                                         const std::string& id) override;
  absl::StatusOr<PreauthKeyModel> ImportByIdentity(const sdk::Context& context,
                                                   const PreauthKeyIdentity& identity) override;
  absl::StatusOr<PreauthKeyIdentity> Identify(const sdk::Context& context,
                                              const PreauthKeyModel& state) override;

 private:
  absl::StatusOr<std::vector<std::unique_ptr<KeySink>>> Sinks(const PreauthKeyModel& model) const;
  absl::StatusOr<headscale::PreauthKey> Mint(const sdk::Context& context, headscale::Client& client,
                                             const PreauthKeyModel& plan,
                                             const std::vector<std::unique_ptr<KeySink>>& sinks,
                                             KeyIntent& intent);

  Services& services_;
};

}  // namespace charon::vpn
