#include "provider/functions/policy.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/base/path.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/policy/hujson.h"
#include "provider/clients/headscale/policy/policy.h"
#include "provider/clients/headscale/policy/reach.h"
#include "provider/sdk/function.h"
#include "provider/value/json.h"

namespace charon::functions {
namespace {

namespace vpn = headscale::policy;

// A function's errors have no remedy of their own: it follows the message.
absl::Status AtParameter(std::size_t index, const absl::Status& status) {
  const std::string remedy = RemedyOf(status).value_or("");
  return sdk::AtArgument(index, absl::InvalidArgumentError(absl::StrCat(
                                    status.message(), remedy.empty() ? "" : ". ", remedy)));
}

const Value& Inner(const Value& value) {
  return value.kind() == Value::Kind::kDynamic ? value.dynamic_value() : value;
}

// By the rules of the newest generation that takes it.
absl::StatusOr<vpn::Policy> ReadAny(const vpn::HuJson& document) {
  vpn::Policy newest = vpn::ReadPolicy(document, vpn::kNewestPolicy);
  const absl::Status refusal = newest.Refusal();
  if (refusal.ok()) return newest;
  for (int minor = vpn::kNewestPolicy - 1; minor >= vpn::kOldestPolicy; --minor) {
    vpn::Policy older = vpn::ReadPolicy(document, minor);
    if (older.Refusal().ok()) return older;
  }
  return refusal;
}

}  // namespace

const ObjectSpec<PolicyReach>& PolicyReach::Describe() {
  using M = PolicyReach;
  static const auto& spec = *new ObjectSpec<M>(
      "What a policy lets through.",
      {
          Field(&M::reaches, "reaches", Computed,
                "True if each of `src` reaches each of `dst`, on every port asked for."),
          Field(&M::traffic, "traffic", Computed,
                "What gets through from each to each, such as `443; icmp`; `nothing` if nothing "
                "does."),
          Field(&M::rules, "rules", Computed, "The rules that say so, with their lines."),
          Field(&M::missing, "missing", Computed,
                "What would have to be allowed for it to be true."),
      });
  return spec;
}

absl::StatusOr<std::string> HujsonNormalize(const std::string& text) {
  const absl::StatusOr<vpn::HuJson> document = vpn::ParseHuJson(text);
  if (!document.ok()) return AtParameter(0, document.status());
  if (const absl::Status twice = vpn::CheckNoDuplicates(*document); !twice.ok())
    return AtParameter(0, twice);
  return vpn::NormalHuJson(*document);
}

absl::StatusOr<PolicyReach> Reach(const std::optional<Value>& policy, const std::string& src,
                                  const std::string& dst) {
  vpn::Policy model = vpn::NoPolicy(vpn::kNewestPolicy);
  if (policy && !Inner(*policy).IsNull()) {
    const Value& value = Inner(*policy);
    std::string text;
    if (value.kind() == Value::Kind::kString) {
      text = value.string();
    } else if (value.kind() == Value::Kind::kMapping) {
      const absl::StatusOr<std::string> json = EncodeAnyJson(*policy);
      if (!json.ok()) {
        PolicyReach unknown;
        unknown.reaches = Attr<bool>::Unknown();
        unknown.traffic = Attr<std::string>::Unknown();
        unknown.rules = unknown.missing = Attr<std::vector<std::string>>::Unknown();
        return unknown;
      }
      text = *json;
    } else {
      return sdk::AtArgument(
          0, absl::InvalidArgumentError("must be the text of a policy, an object, or null"));
    }
    const absl::StatusOr<vpn::HuJson> document = vpn::ParseHuJson(text);
    if (!document.ok()) return AtParameter(0, document.status());
    absl::StatusOr<vpn::Policy> read = ReadAny(*document);
    if (!read.ok()) return AtParameter(0, read.status());
    model = *std::move(read);
  }
  const absl::StatusOr<vpn::Answer> answer = vpn::Ask(model, src, dst);
  if (!answer.ok()) {
    const std::optional<Path> path = PathOf(answer.status());
    return AtParameter(path && path->ToString() == "src" ? 1 : 2, answer.status());
  }
  PolicyReach reach;
  reach.reaches = answer->reaches;
  reach.traffic = answer->traffic.ToString();
  reach.rules = answer->rules;
  reach.missing = answer->missing;
  return reach;
}

}  // namespace charon::functions
