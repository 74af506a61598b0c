#include "datasources/vpn/server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/client.h"
#include "resources/vpn/common.h"

namespace charon::vpn_data {
namespace {

using headscale::Feature;
using vpn::TextOrNull;

}  // namespace

const ObjectSpec<UserInfo>& UserInfo::Describe() {
  using M = UserInfo;
  static const auto& spec = *new ObjectSpec<M>(
      "A user.", {
                     Field(&M::id, "id", Computed, "Id of the user."),
                     Field(&M::display_name, "display_name", Computed, "Name for people."),
                     Field(&M::email, "email", Computed, "E-mail address."),
                     Field(&M::picture_url, "picture_url", Computed, "URL of a picture."),
                     Field(&M::created_at, "created_at", Computed, "Created at, RFC 3339."),
                     Field(&M::oidc, "oidc", Computed, "True for a user of the identity provider."),
                     Field(&M::nodes, "nodes", Computed, "Ids of the user's nodes."),
                 });
  return spec;
}

const ObjectSpec<UsersModel>& UsersModel::Describe() {
  using M = UsersModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The users of the Headscale server.",
      {
          Field(&M::name, "name", Optional, "Only the user with this name."),
          Field(&M::email, "email", Optional, "Only users with this e-mail address."),
          Field(&M::oidc, "oidc", Optional, "Only users of the identity provider, or only others."),
          Field(&M::users, "users", Computed,
                "The users by name; a second one of a name by e-mail address, or as `name#id`."),
      });
  return spec;
}

const ObjectSpec<ServerModel>& ServerModel::Describe() {
  using M = ServerModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The Headscale server: its version, what it can do, and what changes with the next one.",
      {
          Field(&M::endpoint, "endpoint", Computed, "URL of the server."),
          Field(&M::version, "version", Computed,
                "Its version, `0.29.2`; null if it does not tell."),
          Field(&M::dialect, "dialect", Computed, "The generation of its API, `0.29`."),
          Field(&M::features, "features", Computed,
                "What it can do: `user_details`, `node_expiry`, `node_never_expires`, `move_node`, "
                "`tags_beside_user`, `tag_only_keys`, "
                "`delete_key`, `policy_check`."),
          Field(&M::next_version, "next_version", Computed,
                "The next minor version that is known; null for the newest."),
          Field(&M::next_changes, "next_changes", Computed,
                "What breaks, or is different, with that version."),
      });
  return spec;
}

const sdk::ResourceInfo& UsersSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_users",
                                                   .noun = "VPN users",
                                                   .subcategory = "VPN",
                                                   .needs = needs::Headscale()};
  return info;
}

sdk::Outcome<UsersModel> UsersSource::Read(const sdk::Context& context, const UsersModel& config) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const auto users, client->users().List(context));
  CHARON_ASSIGN_OR_RETURN(const auto nodes, client->nodes().List(context));
  UsersModel model = config;
  std::map<std::string, UserInfo> found;
  for (const headscale::User& user : *users) {
    if (config.name.IsKnown() && user.name != *config.name) continue;
    if (config.email.IsKnown() && user.email != *config.email) continue;
    if (config.oidc.IsKnown() && user.IsFromOidc() != *config.oidc) continue;
    UserInfo info;
    info.id = user.id;
    info.display_name = TextOrNull(user.display_name);
    info.email = TextOrNull(user.email);
    info.picture_url = TextOrNull(user.picture_url);
    info.created_at = vpn::TimeOrNull(user.created_at);
    info.oidc = user.IsFromOidc();
    std::set<std::string> own;
    for (const headscale::Node& node : *nodes) {
      if (node.user_id == user.id) own.insert(node.id);
    }
    info.nodes = std::move(own);
    // The identity provider's users may have the name of another.
    std::string key = user.name;
    if (found.count(key) != 0)
      key = user.email.empty() || found.count(user.email) != 0
                ? absl::StrCat(user.name, "#", user.id)
                : user.email;
    found.emplace(std::move(key), std::move(info));
  }
  model.users = std::move(found);
  return model;
}

const sdk::ResourceInfo& ServerSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_server",
                                                   .noun = "VPN server",
                                                   .subcategory = "VPN",
                                                   .needs = needs::Headscale()};
  return info;
}

sdk::Outcome<ServerModel> ServerSource::Read(const sdk::Context& context, const ServerModel&) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const headscale::Dialect dialect, client->server().GetDialect(context));
  ServerModel model;
  model.endpoint = client->server().Endpoint();
  model.version = TextOrNull(dialect.version);
  model.dialect = dialect.Name();
  model.features =
      std::map<std::string, bool>{{"user_details", dialect.Can(Feature::kUserDetails)},
                                  {"node_expiry", dialect.Can(Feature::kNodeExpiry)},
                                  {"node_never_expires", dialect.Can(Feature::kNeverExpires)},
                                  {"move_node", dialect.Can(Feature::kMoveNode)},
                                  {"tags_beside_user", dialect.Can(Feature::kTagsBesideUser)},
                                  {"tag_only_keys", dialect.Can(Feature::kTagOnlyKeys)},
                                  {"delete_key", dialect.Can(Feature::kDeleteKey)},
                                  {"policy_check", dialect.Can(Feature::kPolicyCheck)}};
  model.next_changes = std::vector<std::string>();
  if (const auto note = headscale::NextUpgrade(dialect.minor)) {
    model.next_version = note->version;
    model.next_changes = note->changes;
  }
  return model;
}

}  // namespace charon::vpn_data
