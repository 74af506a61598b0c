#include "datasources/vpn/policy.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/client.h"
#include "provider/clients/headscale/policy/hujson.h"
#include "provider/clients/headscale/policy/policy.h"
#include "resources/vpn/common.h"

namespace charon::vpn_data {
namespace acl = headscale::policy;

const ObjectSpec<PolicyModel>& PolicyModel::Describe() {
  using M = PolicyModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The policy of the Headscale server, also of one that reads it from a file. A server without "
      "a policy allows everything; "
      "its answers are null.",
      {
          Field(&M::policy, "policy", Computed,
                "The policy as it is stored, HuJSON with its comments."),
          Field(&M::json, "json", Computed,
                "The same as standard JSON in one form, for `jsondecode`."),
          Field(&M::mode, "mode", Computed,
                "`database` (the API can set it) or `file`; null if the server has no policy."),
          Field(&M::refused_by, "refused_by", Computed,
                "Versions of Headscale, from 0.23 to 0.30, that would refuse this policy, each "
                "with what is wrong: to look at before an upgrade."),
          Field(&M::updated_at, "updated_at", Computed,
                "When it was set, RFC 3339, UTC; null for a file."),
      });
  return spec;
}

const sdk::ResourceInfo& PolicySource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_policy",
                                                   .noun = "VPN policy",
                                                   .subcategory = "VPN",
                                                   .needs = needs::Headscale()};
  return info;
}

sdk::Outcome<PolicyModel> PolicySource::Read(const sdk::Context& context,
                                             const PolicyModel& config) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  const absl::StatusOr<headscale::Policy> policy = client->policy().Get(context);
  PolicyModel model = config;
  if (absl::IsNotFound(policy.status())) return model;
  CHARON_RETURN_IF_ERROR(policy.status());
  if (absl::StripAsciiWhitespace(policy->text).empty()) return model;
  model.policy = policy->text;
  const absl::StatusOr<acl::HuJson> document = acl::ParseHuJson(policy->text);
  if (document.ok()) {
    model.json = acl::NormalHuJson(*document);
    std::map<std::string, std::string> refused_by;
    for (int minor = acl::kOldestPolicy; minor <= acl::kNewestPolicy; ++minor) {
      const absl::Status refusal = acl::ReadPolicy(*document, minor).Refusal();
      if (!refusal.ok()) refused_by[absl::StrCat("0.", minor)] = std::string(refusal.message());
    }
    model.refused_by = refused_by;
  }
  model.mode = policy->updated_at ? "database" : "file";
  model.updated_at = vpn::TimeOrNull(policy->updated_at);
  return model;
}

}  // namespace charon::vpn_data
