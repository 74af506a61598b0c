#include "resources/vpn/user.h"

#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/client.h"
#include "provider/schema/checks.h"
#include "resources/vpn/common.h"

namespace charon::vpn {
namespace {

using headscale::Feature;
using headscale::NewUser;
using headscale::User;

NewUser ToNewUser(const UserModel& model) {
  return {*model.name, model.display_name.value_or(""), model.email.value_or(""),
          model.picture_url.value_or("")};
}

// Details that the configuration leaves open belong to others.
Attr<std::string> Detail(const Attr<std::string>& prior, const std::string& now, bool all) {
  if (now.empty()) return {};
  return all || !prior.IsNull() ? Attr<std::string>(now) : Attr<std::string>();
}

UserModel ToModel(const UserModel& prior, const User& user, bool all = false) {
  UserModel model = prior;
  model.id = user.id;
  model.name = user.name;
  model.display_name = Detail(prior.display_name, user.display_name, all);
  model.email = Detail(prior.email, user.email, all);
  model.picture_url = Detail(prior.picture_url, user.picture_url, all);
  model.created_at = TimeOrNull(user.created_at);
  model.oidc = user.IsFromOidc();
  return model;
}

// Within this time an apply that was killed is usually gone on with.
constexpr absl::Duration kRecently = absl::Hours(1);
// Private state: the user's id. Terraform hands it to the create half of a replacement.
constexpr char kHeld[] = "held";

// What would have to change on an existing user, which no server can.
absl::Status CheckDetails(const UserModel& plan, const User& user) {
  for (const auto& [name, wanted, has] :
       {std::tuple<const char*, const Attr<std::string>&, const std::string&>{
            "display_name", plan.display_name, user.display_name},
        {"email", plan.email, user.email},
        {"picture_url", plan.picture_url, user.picture_url}}) {
    if (!wanted.IsKnown() || *wanted == has) continue;
    return At(name,
              WithRemedy(absl::AlreadyExistsError(
                             absl::StrCat("user \"", user.name, "\" exists with ",
                                          has.empty() ? "none" : absl::StrCat("\"", has, "\""),
                                          ", and Headscale cannot change it")),
                         absl::StrCat(
                             "Leave ", name,
                             " out or write it as the user has it; on_conflict = \"replace\" makes "
                             "the user anew, if no node belongs to it.")));
  }
  return absl::OkStatus();
}

// What only one resource of a run may make.
std::string UserPlace(absl::string_view name) { return absl::StrCat("VPN user ", name); }

absl::Status Exists(const User& user) {
  return At(
      "name",
      WithRemedy(absl::AlreadyExistsError(absl::StrCat(
                     "user \"", user.name, "\" (id ", user.id, ") exists already, since ",
                     absl::FormatTime("%Y-%m-%d %H:%M UTC", user.created_at, absl::UTCTimeZone()))),
                 absl::StrCat("Import it (id ", user.name,
                              "), or set on_conflict = \"adopt\" to take it over as it is.")));
}

// What an interrupted apply may have left: exactly what is declared, made a short while ago, and in
// nobody's use. Such users carry no mark, so this is as much as can be told.
absl::StatusOr<bool> IsLeftover(const sdk::Context& context, headscale::Client& client,
                                const UserModel& wanted, const User& user) {
  const absl::Time now = context.call.clock->Now();
  // With create_before_destroy it is the one to be deleted.
  if (context.private_state->Get(kHeld) == user.id) return false;
  if (!wanted.on_conflict.IsNull() || wanted.display_name.IsUnknown() || wanted.email.IsUnknown() ||
      wanted.picture_url.IsUnknown() || user.IsFromOidc() || now - user.created_at >= kRecently) {
    return false;
  }
  const NewUser declared = ToNewUser(wanted);
  if (std::tie(user.name, user.display_name, user.email, user.picture_url) !=
      std::tie(declared.name, declared.display_name, declared.email, declared.picture_url)) {
    return false;
  }
  CHARON_ASSIGN_OR_RETURN(const auto nodes, client.nodes().ListSince(context, now));
  for (const headscale::Node& node : *nodes) {
    if (node.user_id == user.id) return false;
  }
  CHARON_ASSIGN_OR_RETURN(const std::vector<headscale::PreauthKey> keys,
                          client.preauth_keys().List(context, user.name));
  for (const headscale::PreauthKey& key : keys) {
    const bool own = key.user_id.empty() ? key.user == user.name : key.user_id == user.id;
    if (own && !key.IsExpired(now) && (key.reusable || !key.used)) return false;
  }
  return true;
}

void WarnOfLeftover(const sdk::Context& context, const User& user, absl::string_view becomes) {
  context.diagnostics->Warning(
      absl::StrCat("VPN user exists and ", becomes, " taken over"),
      absl::StrCat(
          "User \"", user.name, "\" (id ", user.id,
          ") exists already, exactly as declared, made a short while ago and with neither node "
          "nor usable key: an interrupted apply may have left it. With on_conflict = \"fail\" it "
          "would not be taken."),
      Path("name"));
}

}  // namespace

const ObjectSpec<UserModel>& UserModel::Describe() {
  using M = UserModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A user of the Headscale server, whom nodes and pre-auth keys can belong to. Users who log "
      "in by OIDC make themselves: "
      "look them up with `charon_vpn_users`, or adopt them; they are never renamed.",
      {
          Field(&M::id, "id", Computed, "Id given by the server.").KeepPrior(),
          Field(&M::name, "name", Required,
                "Name of the user, `ci` or `bob@example.com`. A change renames the user in place.")
              .Check(TextRule("is a name that policies can use", headscale::CheckUserName)),
          Field(&M::display_name, "display_name", Optional,
                "Name for people. Headscale 0.24 and later. The server cannot change it: a change "
                "makes the user anew.")
              .ForceNew()
              .Check(LengthBetween(1, 255)),
          Field(&M::email, "email", Optional, "E-mail address, as `display_name`.")
              .ForceNew()
              .Check(LengthBetween(3, 255)),
          Field(&M::picture_url, "picture_url", Optional, "URL of a picture, as `display_name`.")
              .ForceNew()
              .Check(LengthBetween(1, 2048)),
          Field(&M::on_conflict, "on_conflict", Optional,
                "What to do if the user exists: `fail`, `adopt` it as it is, or `replace` it, "
                "which fails while nodes belong to it. Unset: `fail`, but a "
                "user exactly as declared, made within the last hour, with neither node nor usable "
                "key, is what an interrupted apply left, and is taken "
                "with a warning.")
              .Check(OneOf({"fail", "adopt", "replace"})),
          Field(&M::force_delete, "force_delete", Optional,
                "Delete the user's nodes with the user. Without it, nodes that are left are named "
                "and nothing is deleted."),
          Field(&M::created_at, "created_at", Computed, "Created at, RFC 3339, UTC.").KeepPrior(),
          Field(&M::oidc, "oidc", Computed, "True for a user of the identity provider.")
              .KeepPrior(),
          sdk::TimeoutsField(&M::timeouts),
      });
  return spec;
}

const ObjectSpec<UserIdentity>& UserIdentity::Describe() {
  static const auto& spec = *new ObjectSpec<UserIdentity>(
      "The user.", {Field(&UserIdentity::id, "id", Required, "Id of the user on the server.")});
  return spec;
}

const sdk::ResourceInfo& UserResource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_user",
                                                   .noun = "VPN user",
                                                   .subcategory = "VPN",
                                                   .import_id = "the user's name, `ci`, or its id",
                                                   .needs = needs::Headscale()};
  return info;
}

absl::Status UserResource::Plan(const sdk::Context& context, sdk::PlanChange<UserModel>& change) {
  if (!change.IsCreate() && (change.IsDestroy() || change.RequiresReplace())) {
    absl::MutexLock lock(&mutex_);
    leaving_.insert(change.prior().id.value_or(""));
    return absl::OkStatus();
  }
  if (context.provider_config_unknown) return absl::OkStatus();
  const UserModel& config = change.config();
  if (change.IsUpdate() && change.prior().oidc.value_or(false) && config.name.IsKnown() &&
      config.name != change.prior().name) {
    return At("name",
              WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                             "user \"", *change.prior().name,
                             "\" comes from the identity provider, and is renamed only there")),
                         "Write the name that the server shows."));
  }
  if (!config.name.IsKnown() || !change.Changes()) return absl::OkStatus();
  return services_.CheckHeadscalePlan(context, [&](headscale::Client& client) -> absl::Status {
    CHARON_ASSIGN_OR_RETURN(const headscale::Dialect dialect, client.server().GetDialect(context));
    for (const auto& [name, set] :
         {std::pair<const char*, bool>{"display_name", !config.display_name.IsNull()},
          {"email", !config.email.IsNull()},
          {"picture_url", !config.picture_url.IsNull()}}) {
      if (set) CHARON_RETURN_IF_ERROR(At(name, dialect.Require(Feature::kUserDetails)));
    }
    const absl::StatusOr<User> found = client.users().FindByName(context, *config.name);
    if (absl::IsNotFound(found.status())) return absl::OkStatus();
    CHARON_RETURN_IF_ERROR(found.status());
    const std::string own = change.IsUpdate() ? change.prior().id.value_or("") : "";
    if (found->id == own || context.private_state->Get(kHeld) == found->id) return absl::OkStatus();
    {
      absl::MutexLock lock(&mutex_);
      if (leaving_.count(found->id) != 0) return absl::OkStatus();
    }
    if (change.IsUpdate()) return Exists(*found);
    if (config.on_conflict.IsUnknown()) return absl::OkStatus();
    const std::string on_conflict = config.on_conflict.value_or("fail");
    if (on_conflict == "fail") {
      CHARON_ASSIGN_OR_RETURN(const bool leftover, IsLeftover(context, client, config, *found));
      if (!leftover) return Exists(*found);
      if (!context.planned_before) WarnOfLeftover(context, *found, "will be");
      return absl::OkStatus();
    }
    if (on_conflict == "adopt") CHARON_RETURN_IF_ERROR(CheckDetails(config, *found));
    if (!context.planned_before) {
      context.diagnostics->Warning("VPN user exists",
                                   on_conflict == "adopt"
                                       ? absl::StrCat("User \"", found->name, "\" (id ", found->id,
                                                      ") will be adopted as it is.")
                                       : absl::StrCat("User \"", found->name, "\" (id ", found->id,
                                                      ") will be deleted and made anew."));
    }
    return absl::OkStatus();
  });
}

sdk::Outcome<UserModel> UserResource::Create(const sdk::Context& context, const UserModel& plan) {
  const std::string place = UserPlace(*plan.name);
  if (!services_.Claim(place)) {
    return At("name", WithRemedy(absl::AlreadyExistsError(
                                     absl::StrCat("user \"", *plan.name, "\" is declared twice")),
                                 "Remove one of the two resources."));
  }
  sdk::Outcome<UserModel> outcome = Make(context, plan);
  if (!outcome.ok()) services_.GiveBack(place);
  return outcome;
}

sdk::Outcome<UserModel> UserResource::Make(const sdk::Context& context, const UserModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  const absl::StatusOr<User> found = client->users().FindByName(context, *plan.name);
  if (!found.ok() && !absl::IsNotFound(found.status())) return found.status();
  if (found.ok()) {
    const std::string on_conflict = plan.on_conflict.value_or("fail");
    if (on_conflict == "fail") {
      CHARON_ASSIGN_OR_RETURN(const bool leftover, IsLeftover(context, *client, plan, *found));
      if (!leftover) return Exists(*found);
      WarnOfLeftover(context, *found, "was");
      context.private_state->Set(kHeld, found->id);
      return ToModel(plan, *found);
    }
    if (on_conflict == "adopt") {
      CHARON_RETURN_IF_ERROR(CheckDetails(plan, *found));
      context.private_state->Set(kHeld, found->id);
      return ToModel(plan, *found);
    }
    CHARON_RETURN_IF_ERROR(DeleteUser(context, *client, *found, plan.force_delete.value_or(false)));
  }
  const absl::StatusOr<User> made = client->users().Create(context, ToNewUser(plan));
  if (!made.ok()) return At("name", made.status());
  context.private_state->Set(kHeld, made->id);
  return ToModel(plan, *made);
}

sdk::Outcome<UserModel> UserResource::Read(const sdk::Context& context, const UserModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  // An import knows name or id, and nothing else yet.
  if (prior.created_at.IsNull() && !prior.name.IsNull()) {
    absl::StatusOr<User> found = client->users().FindByName(context, *prior.name);
    if (absl::IsNotFound(found.status())) found = client->users().Get(context, *prior.name);
    if (!found.ok()) return found.status();
    return ToModel(prior, *found, /*all=*/true);
  }
  CHARON_ASSIGN_OR_RETURN(const User user, client->users().Get(context, *prior.id));
  context.private_state->Set(kHeld, user.id);
  return ToModel(prior, user, /*all=*/prior.name.IsNull());
}

sdk::Outcome<UserModel> UserResource::Update(const sdk::Context& context, const UserModel& prior,
                                             const UserModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(User user, client->users().Get(context, *prior.id));
  if (user.name != *plan.name) {
    absl::StatusOr<User> renamed = client->users().Rename(context, user, *plan.name);
    if (!renamed.ok()) return At("name", renamed.status());
    user = *std::move(renamed);
  }
  return ToModel(plan, user);
}

absl::Status UserResource::DeleteUser(const sdk::Context& context, headscale::Client& client,
                                      const User& user, bool with_nodes) {
  CHARON_ASSIGN_OR_RETURN(const auto nodes,
                          client.nodes().ListSince(context, context.call.clock->Now()));
  std::vector<std::string> left;
  for (const headscale::Node& node : *nodes) {
    if (node.user_id != user.id) continue;
    if (with_nodes) {
      const absl::Status deleted = client.nodes().Delete(context, node);
      if (!deleted.ok() && !absl::IsNotFound(deleted)) return deleted;
    } else {
      left.push_back(absl::StrCat(node.given_name, " (id ", node.id, ")"));
    }
  }
  const absl::Status status =
      left.empty() ? client.users().Delete(context, user)
                   : absl::FailedPreconditionError(absl::StrCat(
                         "user \"", user.name, "\" still has ",
                         left.size() == 1 ? "the node " : "the nodes ", absl::StrJoin(left, ", ")));
  if (!absl::IsFailedPrecondition(status)) return status;
  return WithRemedy(status,
                    "Remove its nodes first, give them to another user, or apply force_delete = "
                    "true, which deletes them with the user.");
}

absl::Status UserResource::Delete(const sdk::Context& context, const UserModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const User user, client->users().Get(context, *prior.id));
  CHARON_RETURN_IF_ERROR(DeleteUser(context, *client, user, prior.force_delete.value_or(false)));
  services_.GiveBack(UserPlace(user.name));
  return absl::OkStatus();
}

absl::StatusOr<UserModel> UserResource::Import(const sdk::Context&, const std::string& id) {
  UserModel model;
  model.name = id;
  return model;
}

absl::StatusOr<UserModel> UserResource::ImportByIdentity(const sdk::Context&,
                                                         const UserIdentity& identity) {
  UserModel model;
  model.id = identity.id;
  return model;
}

absl::StatusOr<UserIdentity> UserResource::Identify(const sdk::Context&, const UserModel& state) {
  return UserIdentity{state.id};
}

}  // namespace charon::vpn
