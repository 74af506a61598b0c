#include "resources/vpn/policy.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/client.h"
#include "provider/clients/headscale/policy/addresses.h"
#include "provider/clients/headscale/policy/reach.h"
#include "provider/operations/local_addresses.h"
#include "provider/schema/checks.h"
#include "provider/value/json.h"
#include "resources/vpn/common.h"

namespace charon::vpn {
namespace {

namespace acl = headscale::policy;
using acl::HuJson;

constexpr char kId[] = "policy";
// What two resources of one run must not both set (Services::Claim).
constexpr char kPlace[] = "the VPN policy";
// Private state: the policy that this resource found and took the place of; empty if the server had
// none.
constexpr char kFound[] = "found";
// As much as a server without a policy allows, in words that every generation takes. The API cannot
// remove a policy.
constexpr char kAllowAll[] = R"({"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]})";

const char* Form(const PolicyModel& model) { return model.object.IsNull() ? "policy" : "object"; }

bool IsOpen(const PolicyModel& model) {
  return model.policy.IsUnknown() || model.object.IsUnknown() ||
         (model.object.IsKnown() && !model.object->IsWhollyKnown());
}

absl::StatusOr<HuJson> ParseValue(const Value& value) {
  CHARON_ASSIGN_OR_RETURN(const std::string json, EncodeAnyJson(value));
  return acl::ParseHuJson(json);
}

// The configuration's document. REQUIRES: !IsOpen(model).
absl::StatusOr<HuJson> DocumentOf(const PolicyModel& model) {
  absl::StatusOr<HuJson> document =
      model.object.IsNull() ? acl::ParseHuJson(*model.policy) : ParseValue(*model.object);
  if (!document.ok()) return At(Form(model), document.status());
  return document;
}

// What is sent: text as it is written, with its comments; an object as standard JSON.
std::string TextOf(const PolicyModel& model, const HuJson& document) {
  return model.object.IsNull() ? acl::ForServer(*model.policy) : acl::NormalHuJson(document) + "\n";
}

bool SameAsText(const HuJson& document, absl::string_view text) {
  const absl::StatusOr<HuJson> other = acl::ParseHuJson(text);
  return other.ok() && acl::SameHuJson(document, *other);
}

absl::Status FileMode() {
  return WithRemedy(
      absl::FailedPreconditionError("the server reads its policy from a file (policy.mode is "
                                    "\"file\"): it cannot be set by the API"),
      "Set policy.mode to \"database\" in the server's configuration and restart it, or leave the "
      "policy to that "
      "file and read it with "
      "the data source charon_vpn_policy.");
}

absl::Status Exists(const PolicyModel& model) {
  return At(Form(model),
            WithRemedy(absl::AlreadyExistsError(
                           "the server has a policy already, and it says something else"),
                       "Import it (id \"policy\"), or set on_conflict = \"adopt\" to take its "
                       "place and keep it for "
                       "on_destroy = \"restore\", or "
                       "\"replace\" to take its place for good."));
}

std::string Listed(const acl::Difference& difference) {
  constexpr std::size_t kMost = 12;
  std::string text;
  for (const auto& [word, lines] :
       {std::pair<const char*, const std::vector<std::string>&>{"gains", difference.gains},
        {"loses", difference.losses}}) {
    for (std::size_t i = 0; i < std::min(lines.size(), kMost); ++i)
      absl::StrAppend(&text, "\n  ", word, "  ", lines[i]);
    if (lines.size() > kMost)
      absl::StrAppend(&text, "\n  ", word, "  and ", lines.size() - kMost, " more lines");
  }
  return text;
}

// The users that a policy names by e-mail address (or an id of the identity provider).
std::set<std::string> FullNames(const acl::Policy& policy) {
  std::set<std::string> names;
  const auto add = [&names](const std::string& name) {
    if (absl::StrContains(name, "@")) names.insert(name);
  };
  for (const auto& [group, users] : policy.groups) std::for_each(users.begin(), users.end(), add);
  for (const acl::Rule& rule : policy.rules) {
    for (const acl::Alias& alias : rule.src) add(alias.name);
    for (const acl::Rule::Destination& dst : rule.dst) add(dst.alias.name);
  }
  return names;
}

// The nodes as policies see them, each user by the name that the policies use.
absl::StatusOr<std::vector<acl::Device>> Devices(const sdk::Context& context,
                                                 headscale::Client& client,
                                                 const std::set<std::string>& full_names) {
  CHARON_ASSIGN_OR_RETURN(const auto nodes, client.nodes().List(context));
  std::map<std::string, std::string> names;  // by user id
  if (!full_names.empty()) {
    CHARON_ASSIGN_OR_RETURN(const auto users, client.users().List(context));
    for (const headscale::User& user : *users) {
      if (full_names.count(user.email) > 0) names[user.id] = user.email;
    }
  }
  std::vector<acl::Device> devices;
  for (const headscale::Node& node : *nodes) {
    acl::Device device{node.given_name, node.user, node.tags, {}};
    if (const auto name = names.find(node.user_id); name != names.end()) device.user = name->second;
    device.tags.insert(device.tags.end(), node.asked_tags.begin(), node.asked_tags.end());
    for (const std::string& address : node.addresses) {
      if (const auto parsed = acl::ParseAddress(address)) device.addresses.push_back(*parsed);
    }
    devices.push_back(std::move(device));
  }
  return devices;
}

// Whether a node has the tag from an administrator; true for none.
absl::StatusOr<bool> IsCarried(const sdk::Context& context, headscale::Client& client,
                               const std::string& tag) {
  if (tag.empty()) return true;
  CHARON_ASSIGN_OR_RETURN(const auto nodes, client.nodes().List(context));
  return std::any_of(nodes->begin(), nodes->end(), [&](const headscale::Node& node) {
    return std::find(node.tags.begin(), node.tags.end(), tag) != node.tags.end();
  });
}

// Tests that fail only because nobody is there yet whom this run may make.
bool MayPassLater(const absl::Status& refusal) {
  return absl::StrContains(refusal.message(), "test(s) failed") &&
         !absl::StrContains(refusal.message(), "expected ");
}

}  // namespace

const ObjectSpec<ProtectModel>& ProtectModel::Describe() {
  using M = ProtectModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A reach.", {
                      Field(&M::src, "src", Required,
                            "Who: a user (`ann@`), `group:...`, `tag:...`, `autogroup:...`, a "
                            "host, an address or a network."),
                      Field(&M::dst, "dst", Required,
                            "Whom, with ports as in a rule, of tcp unless a protocol follows: "
                            "`tag:web:22`, `tag:dns:53/udp`. "
                            "Without ports it is enough that anything gets through."),
                  });
  return spec;
}

const ObjectSpec<PolicyModel>& PolicyModel::Describe() {
  using M = PolicyModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The policy of the Headscale server: who reaches whom. A server has one, kept in its "
      "database (`policy.mode: database`). "
      "It is compared by meaning: "
      "another format, order of names, or comment is no change. The plan tells who gains and who "
      "loses reach, and refuses what "
      "the server of that version "
      "would refuse, with line and column.",
      {
          Field(&M::id, "id", Computed, "Always `policy`.").KeepPrior(),
          Field(&M::policy, "policy", Optional,
                "The policy as HuJSON text, such as `file(\"policy.hujson\")`; sent as it is "
                "written, with its comments.")
              .Same([](const std::string& a, const std::string& b) {
                return acl::SameHuJsonText(a, b);
              }),
          Field(&M::object, "object", Optional,
                "The policy as an HCL value: `{ acls = [{ action = \"accept\", src = "
                "[\"group:dev\"], dst = [\"tag:web:443\"] }] "
                "}`.")
              .Same([](const Value& a, const Value& b) {
                const absl::StatusOr<HuJson> x = ParseValue(a), y = ParseValue(b);
                return x.ok() && y.ok() && acl::SameHuJson(*x, *y);
              }),
          Field(&M::protect, "protect", Optional,
                "Reach that the policy must always allow; a plan that would take it away is "
                "refused, with the rule. If unset: "
                "each node that this machine "
                "reaches now must stay within its reach, if one of its addresses is a node's. `[]` "
                "protects nothing."),
          Field(&M::on_conflict, "on_conflict", Optional,
                "What to do at creation if the server has a policy that says something else: "
                "`fail` (default), `adopt` (take its "
                "place; it is kept for "
                "`on_destroy`) or `replace`.")
              .Check(OneOf({"fail", "adopt", "replace"})),
          Field(&M::on_destroy, "on_destroy", Optional,
                "`keep` (default): the policy stays in force, since a server without one allows "
                "everything. `restore`: the "
                "policy that was found at creation "
                "comes back, or one that allows everything if there was none.")
              .Check(OneOf({"keep", "restore"})),
          sdk::TimeoutsField(&M::timeouts),
      },
      {ExactlyOneOf({"policy", "object"})});
  return spec;
}

const ObjectSpec<PolicyIdentity>& PolicyIdentity::Describe() {
  static const auto& spec = *new ObjectSpec<PolicyIdentity>(
      "The policy.", {Field(&PolicyIdentity::id, "id", Required, "Always `policy`.")});
  return spec;
}

PolicyResource::PolicyResource(Services& services)
    : PolicyResource(services, operations::LocalAddresses) {}

const sdk::ResourceInfo& PolicyResource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_policy",
                                                   .noun = "VPN policy",
                                                   .subcategory = "VPN",
                                                   .import_id = "always `policy`",
                                                   .needs = needs::Headscale()};
  return info;
}

absl::Status PolicyResource::Validate(const sdk::Context&, const PolicyModel& config) {
  if (IsOpen(config)) return absl::OkStatus();
  CHARON_ASSIGN_OR_RETURN(const HuJson document, DocumentOf(config));
  return At(Form(config), acl::RefusedByAll(document, /*places=*/config.object.IsNull()));
}

absl::StatusOr<PolicyResource::Found> PolicyResource::Find(const sdk::Context& context,
                                                           headscale::Client& client) const {
  CHARON_ASSIGN_OR_RETURN(const headscale::Dialect dialect, client.server().GetDialect(context));
  Found found;
  found.minor = std::clamp(dialect.minor, acl::kOldestPolicy, acl::kNewestPolicy);
  const absl::StatusOr<headscale::Policy> policy = client.policy().Get(context);
  if (!policy.ok() && !absl::IsNotFound(policy.status())) return policy.status();
  if (policy.ok() && !policy->updated_at) return FileMode();
  if (!policy.ok() || absl::StripAsciiWhitespace(policy->text).empty()) {
    found.model = acl::NoPolicy(found.minor);
    return found;
  }
  found.text = policy->text;
  const absl::StatusOr<HuJson> document = acl::ParseHuJson(policy->text);
  if (document.ok()) found.model = acl::ReadPolicy(*document, found.minor);
  return found;
}

absl::Status PolicyResource::CheckProtected(const sdk::Context& context, headscale::Client& client,
                                            const PolicyModel& model, const acl::Policy& before,
                                            const acl::Policy& after) const {
  if (model.protect.IsUnknown() || (model.protect.IsKnown() && model.protect->empty()))
    return absl::OkStatus();
  std::set<std::string> full_names = FullNames(before);
  full_names.merge(FullNames(after));
  CHARON_ASSIGN_OR_RETURN(const std::vector<acl::Device> devices,
                          Devices(context, client, full_names));
  if (model.protect.IsNull()) {
    for (const std::string& text : local_addresses_()) {
      const std::optional<acl::Address> address = acl::ParseAddress(text);
      const auto self =
          std::find_if(devices.begin(), devices.end(), [&](const acl::Device& device) {
            return address && std::find(device.addresses.begin(), device.addresses.end(),
                                        *address) != device.addresses.end();
          });
      if (self == devices.end()) continue;
      const std::vector<std::string> lost = acl::LostDevices(before, after, *self, devices);
      if (lost.empty()) return absl::OkStatus();
      const std::string more =
          lost.size() > 1 ? absl::StrCat("; and ", lost.size() - 1, " more") : "";
      return At(Form(model), WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                                            "this machine (node \"", self->name, "\", ", text,
                                            ") would no longer reach ", lost.front(), more)),
                                        "Keep a rule that lets it, or set protect to what must "
                                        "stay within reach ([] for nothing)."));
    }
    return absl::OkStatus();
  }
  for (std::size_t i = 0; i < model.protect->size(); ++i) {
    const ProtectModel& entry = (*model.protect)[i];
    if (!entry.src.IsKnown() || !entry.dst.IsKnown()) continue;
    const Path at = Path("protect").Index(static_cast<std::int64_t>(i));
    const absl::StatusOr<acl::Answer> answer = acl::Ask(after, *entry.src, *entry.dst, devices);
    if (!answer.ok()) return At(at, answer.status());
    if (answer->reaches) continue;
    const absl::StatusOr<acl::Answer> now = acl::Ask(before, *entry.src, *entry.dst, devices);
    const std::string by = now.ok() && now->reaches && !now->rules.empty()
                               ? absl::StrCat("; now it does by ", absl::StrJoin(now->rules, "; "))
                               : "";
    const std::string missing =
        answer->missing.empty()
            ? ""
            : absl::StrCat(": missing is ",
                           absl::StrJoin(answer->missing.begin(),
                                         answer->missing.begin() +
                                             static_cast<std::ptrdiff_t>(
                                                 std::min<std::size_t>(answer->missing.size(), 5)),
                                         "; "));
    return At(
        at,
        WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                       "by this policy ", *entry.src, " does not reach ", *entry.dst, missing, by)),
                   "Keep a rule that allows it, or take the entry out of protect."));
  }
  return absl::OkStatus();
}

absl::Status PolicyResource::CheckChange(const sdk::Context& context, headscale::Client& client,
                                         const PolicyModel& model, const HuJson& document,
                                         const Found& found, acl::Policy& after) const {
  after = acl::ReadPolicy(document, found.minor);
  CHARON_RETURN_IF_ERROR(At(Form(model), after.Refusal(/*places=*/model.object.IsNull())));
  return CheckProtected(context, client, model, found.model.value_or(after), after);
}

absl::Status PolicyResource::Plan(const sdk::Context& context,
                                  sdk::PlanChange<PolicyModel>& change) {
  if (change.IsDestroy()) {
    const bool restore = change.prior().on_destroy.value_or("keep") == "restore";
    const bool known = context.private_state->Get(kFound).has_value();
    context.diagnostics->Warning(
        restore && known ? "VPN policy is put back" : "VPN policy stays in force",
        restore && known
            ? context.private_state->Get(kFound)->empty()
                  ? "The server had no policy before this one: it gets one that allows everything."
                  : "The policy that the server had before this one comes back."
        : restore
            ? "It is not known what the server had before this policy (it was imported, or took "
              "the place of another for good), so the policy stays as it is."
            : "Without a policy a Headscale server allows everything, so the policy stays as it "
              "is. on_destroy = \"restore\" would put back what was there "
              "before.");
    return absl::OkStatus();
  }
  if (change.IsCreate()) change.Set("id", Attr<std::string>(kId));
  const PolicyModel& config = change.config();
  if (IsOpen(config)) return absl::OkStatus();
  CHARON_RETURN_IF_ERROR(Validate(context, config));
  if (context.provider_config_unknown || !change.Changes()) return absl::OkStatus();
  CHARON_ASSIGN_OR_RETURN(const HuJson document, DocumentOf(config));
  return services_.CheckHeadscalePlan(context, [&](headscale::Client& client) -> absl::Status {
    CHARON_ASSIGN_OR_RETURN(const Found found, Find(context, client));
    acl::Policy after;
    CHARON_RETURN_IF_ERROR(CheckChange(context, client, config, document, found, after));
    const bool same = found.text && SameAsText(document, *found.text);
    if (same) return absl::OkStatus();
    const std::string on_conflict =
        config.on_conflict.IsUnknown() ? "unknown" : config.on_conflict.value_or("fail");
    if (change.IsCreate() && found.text && on_conflict == "fail") return Exists(config);
    CHARON_ASSIGN_OR_RETURN(const headscale::Dialect dialect, client.server().GetDialect(context));
    absl::Status verdict;
    if (dialect.Can(headscale::Feature::kPolicyCheck)) {
      verdict = client.policy().Check(context, TextOf(config, document));
      if (!verdict.ok() && !MayPassLater(verdict))
        return absl::IsInvalidArgument(verdict) ? At(Form(config), verdict) : verdict;
    }
    if (context.planned_before) return absl::OkStatus();
    if (!verdict.ok()) {
      context.diagnostics->Warning(
          "VPN policy has tests that fail as of now",
          absl::StrCat(verdict.message(),
                       "\n\nThey pass at apply only if this run makes whom they name."),
          Path(Form(config)));
    }
    for (const acl::Finding& finding : after.findings) {
      if (finding.refused) continue;
      CHARON_ASSIGN_OR_RETURN(const bool taken, IsCarried(context, client, finding.unless_tag));
      context.diagnostics->Warning(
          taken ? "VPN policy may not do what it says" : "The server will refuse the VPN policy",
          absl::StrCat(finding.ToString(config.object.IsNull()),
                       taken ? ""
                             : absl::StrCat(", and as of now no node carries it, as Headscale 0.",
                                            found.minor, " wants it then"),
                       ". ", finding.remedy),
          Path(Form(config)));
    }
    if (change.IsCreate() && found.text) {
      context.diagnostics->Warning(
          "VPN policy exists",
          on_conflict == "replace"
              ? "It will be replaced for good."
              : "It will be adopted: this one takes its place, and it is kept for on_destroy.");
    }
    if (!found.model) return absl::OkStatus();
    const acl::Difference difference = acl::Compare(*found.model, after);
    if (!difference.empty())
      context.diagnostics->Warning("VPN policy changes who reaches whom",
                                   absl::StrCat("Apply changes the reach of:", Listed(difference)),
                                   Path(Form(config)));
    return absl::OkStatus();
  });
}

sdk::Outcome<PolicyModel> PolicyResource::Set(const sdk::Context& context,
                                              headscale::Client& client, const PolicyModel& plan,
                                              const std::string& text) const {
  if (!services_.Claim(kPlace)) {
    return At(Form(plan),
              WithRemedy(absl::AlreadyExistsError(
                             "the server's policy is declared twice: this run has set it already"),
                         "A server has one policy: remove one of the two resources, or give one of "
                         "them another provider configuration."));
  }
  const absl::StatusOr<headscale::Policy> set = client.policy().Set(context, text);
  if (!set.ok())
    return absl::IsInvalidArgument(set.status()) ? At(Form(plan), set.status()) : set.status();
  PolicyModel model = plan;
  model.id = kId;
  return model;
}

sdk::Outcome<PolicyModel> PolicyResource::Create(const sdk::Context& context,
                                                 const PolicyModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const HuJson document, DocumentOf(plan));
  CHARON_ASSIGN_OR_RETURN(const Found found, Find(context, *client));
  acl::Policy after;
  CHARON_RETURN_IF_ERROR(CheckChange(context, *client, plan, document, found, after));
  const bool same = found.text && SameAsText(document, *found.text);
  const std::string on_conflict = plan.on_conflict.value_or("fail");
  if (found.text && !same && on_conflict == "fail") return Exists(plan);
  if (on_conflict != "replace" || !found.text)
    context.private_state->Set(kFound, found.text.value_or(""));
  if (!same) return Set(context, *client, plan, TextOf(plan, document));
  PolicyModel model = plan;
  model.id = kId;
  return model;
}

sdk::Outcome<PolicyModel> PolicyResource::Read(const sdk::Context& context,
                                               const PolicyModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const headscale::Policy policy, client->policy().Get(context));
  if (absl::StripAsciiWhitespace(policy.text).empty())
    return absl::NotFoundError("the server has no policy");
  PolicyModel model = prior;
  model.id = kId;
  const absl::StatusOr<HuJson> live = acl::ParseHuJson(policy.text);
  if (prior.object.IsKnown()) {
    const absl::StatusOr<HuJson> known = ParseValue(*prior.object);
    if (known.ok() && live.ok() && acl::SameHuJson(*known, *live)) return model;
    // A text that is no HuJSON (an older server's, by hand) is shown as what it is.
    const absl::StatusOr<TypedValue> typed =
        DecodeAnyJson(live.ok() ? acl::NormalHuJson(*live) : acl::QuoteJson(policy.text));
    if (!typed.ok()) return typed.status();
    model.object = Value::Dynamic(typed->type, typed->value);
    return model;
  }
  if (!prior.policy.IsKnown() || !acl::SameHuJsonText(*prior.policy, policy.text))
    model.policy = policy.text;
  return model;
}

sdk::Outcome<PolicyModel> PolicyResource::Update(const sdk::Context& context, const PolicyModel&,
                                                 const PolicyModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const HuJson document, DocumentOf(plan));
  CHARON_ASSIGN_OR_RETURN(const Found found, Find(context, *client));
  acl::Policy after;
  CHARON_RETURN_IF_ERROR(CheckChange(context, *client, plan, document, found, after));
  if (found.text && SameAsText(document, *found.text)) return plan;
  return Set(context, *client, plan, TextOf(plan, document));
}

absl::Status PolicyResource::Delete(const sdk::Context& context, const PolicyModel& prior) {
  const std::optional<std::string> before = context.private_state->Get(kFound);
  if (prior.on_destroy.value_or("keep") != "restore" || !before) return absl::OkStatus();
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const Found found, Find(context, *client));
  // Gone, or somebody's who came after this resource: theirs to decide.
  const absl::StatusOr<HuJson> own = IsOpen(prior) ? absl::NotFoundError("") : DocumentOf(prior);
  if (!found.text || !own.ok() || !SameAsText(*own, *found.text)) return absl::OkStatus();
  return client->policy().Set(context, before->empty() ? std::string(kAllowAll) : *before).status();
}

absl::StatusOr<PolicyModel> PolicyResource::Import(const sdk::Context&, const std::string& id) {
  if (id != kId) {
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                          "a server has one policy, and its id is \"policy\", not \"", id, "\"")),
                      "Import it with the id \"policy\".");
  }
  PolicyModel model;
  model.id = kId;
  return model;
}

absl::StatusOr<PolicyModel> PolicyResource::ImportByIdentity(const sdk::Context& context,
                                                             const PolicyIdentity& identity) {
  return Import(context, *identity.id);
}

absl::StatusOr<PolicyIdentity> PolicyResource::Identify(const sdk::Context&, const PolicyModel&) {
  return PolicyIdentity{std::string(kId)};
}

}  // namespace charon::vpn
