#include "headscale_state.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "status.h"

namespace charon::sandbox::headscale {
namespace {

constexpr absl::Duration kEphemeralTimeout = absl::Minutes(30);
constexpr std::uint64_t kTaggedDevices = 2147455555;  // The pseudo-user of tagged nodes.
constexpr absl::string_view kNotUnique =
    "constraint failed: UNIQUE constraint failed: users.name (2067)";

absl::Status NoRecord() { return absl::UnknownError("record not found"); }
absl::Status NoUser() { return absl::UnknownError("user not found"); }
absl::Status NotInStore(std::uint64_t id) {
  return absl::UnknownError(absl::StrCat("node no longer exists in NodeStore: ", id));
}

Json Texts(const std::vector<Prefix>& prefixes) {
  Json out = Json::array();
  for (const Prefix& prefix : prefixes) out.push_back(prefix.ToString());
  return out;
}

Json OptionalTime(const std::optional<absl::Time>& time) {
  return time.has_value() ? Json(Timestamp(*time)) : Json();
}

// Ids are decimal strings.
std::string Id(std::uint64_t id) { return absl::StrCat(id); }

void SortUnique(std::vector<std::string>& texts) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
}

}  // namespace

absl::Time ZeroTime() { return absl::FromUnixSeconds(-62135596800); }

std::string Timestamp(absl::Time time) {
  std::string text = absl::FormatTime("%E4Y-%m-%d%ET%H:%M:%E9S", time, absl::UTCTimeZone());
  // 0, 3, 6 or 9 digits.
  while (absl::EndsWith(text, "000")) text.resize(text.size() - 3);
  if (absl::EndsWith(text, ".")) text.pop_back();
  return text + "Z";
}

State::State(Dialect dialect, std::uint64_t seed, Clock now)
    : dialect_(dialect), random_(seed), now_(std::move(now)) {
  first_api_key_ = CreateApiKey(now_() + absl::Hours(24 * 90));
}

void State::Reset() {
  users_.clear();
  keys_.clear();
  nodes_.clear();
  routes_.clear();
  std::erase_if(api_keys_,
                [&](const auto& entry) { return entry.second.secret != first_api_key_; });
  registering_.clear();
  primaries_.clear();
  policy_text_.reset();
  policy_ = Policy();
  policy_in_file = false;
  next_user_ = next_key_ = next_node_ = next_route_ = next_address_ = 1;
}

std::string State::RandomText(std::size_t length) {
  constexpr absl::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  while (out.size() < length) out.push_back(kLetters[random_() % kLetters.size()]);
  return out;
}

std::string State::RandomHexKey(const char* kind) {
  std::string out = kind;
  for (int i = 0; i < 4; ++i) absl::StrAppendFormat(&out, "%016x", random_());
  return out;
}

void State::Tick() {
  std::vector<std::uint64_t> gone;
  for (const auto& [id, node] : nodes_) {
    if (node.key.has_value() && node.key->ephemeral && !node.online && node.last_seen.has_value() &&
        now_() - *node.last_seen > kEphemeralTimeout) {
      gone.push_back(id);
    }
  }
  for (const std::uint64_t id : gone) (void)DeleteNode(id);
}

// --- Users --------------------------------------------------------------------------------------

Json State::Show(const User& user) const {
  Json out = {{"id", Id(user.id)}, {"name", user.name}, {"createdAt", Timestamp(user.created)}};
  if (old()) return out;
  if (user.name.empty())
    out["name"] = !user.email.empty()         ? user.email
                  : !user.provider_id.empty() ? user.provider_id
                                              : Id(user.id);
  out["displayName"] = user.display_name;
  out["email"] = user.email;
  out["providerId"] = user.provider_id;
  out["provider"] = user.provider;
  out["profilePicUrl"] = user.picture;
  return out;
}

absl::StatusOr<const User*> State::UserNamed(const std::string& name) const {
  for (const auto& [id, user] : users_) {
    if (user.name == name) return &user;
  }
  return NoUser();
}

absl::StatusOr<const User*> State::UserById(std::uint64_t id) const {
  const auto it = users_.find(id);
  if (it == users_.end()) return NoUser();
  return &it->second;
}

absl::StatusOr<Json> State::CreateUser(User wanted) {
  if (old()) {
    SANDBOX_RETURN_IF_ERROR(CheckFqdnRules(wanted.name));
    if (UserNamed(wanted.name).ok()) return absl::UnknownError("user already exists");
  } else if (UserNamed(wanted.name).ok()) {
    return absl::InternalError(absl::StrCat("creating user: creating user: ", kNotUnique));
  }
  wanted.id = next_user_++;
  wanted.created = now_();
  return Json{{"user", Show(users_[wanted.id] = wanted)}};
}

absl::StatusOr<Json> State::RenameUser(std::uint64_t id, const std::string& name) {
  SANDBOX_RETURN_IF_ERROR(UserById(id).status());
  if (const auto other = UserNamed(name); other.ok() && (*other)->id != id) {
    return absl::UnknownError(absl::StrCat("updating user: ", kNotUnique));
  }
  users_[id].name = name;
  return Json{{"user", Show(users_[id])}};
}

absl::StatusOr<Json> State::RenameUser(const std::string& from, const std::string& to) {
  SANDBOX_ASSIGN_OR_RETURN(const User* user, UserNamed(from));
  SANDBOX_RETURN_IF_ERROR(CheckFqdnRules(to));
  if (UserNamed(to).ok()) return absl::UnknownError("user already exists");
  users_[user->id].name = to;
  return Json{{"user", Show(*user)}};
}

absl::Status State::DeleteUser(const User& user) {
  const std::uint64_t id = user.id;
  for (const auto& [node_id, node] : nodes_) {
    if (node.user == id) return absl::UnknownError("user not empty: node(s) found");
  }
  std::erase_if(keys_, [&](const auto& entry) { return entry.second.user == id; });
  users_.erase(id);
  return absl::OkStatus();
}

Json State::ListUsers(const std::string& name, const std::string& email, std::uint64_t id) const {
  Json out = Json::array();
  for (const auto& [user_id, user] : users_) {
    if (!old()) {
      // One filter counts: the first of these.
      if (!name.empty()    ? user.name != name
          : !email.empty() ? user.email != email
                           : id != 0 && user_id != id)
        continue;
    }
    out.push_back(Show(user));
  }
  if (old()) {  // Ids are compared as text.
    std::sort(out.begin(), out.end(),
              [](const Json& a, const Json& b) { return a["id"] < b["id"]; });
  }
  return {{"users", out}};
}

void State::MakeOidcUser(const std::string& name, const std::string& email,
                         const std::string& provider_id) {
  User user;
  user.id = next_user_++;
  user.name = name;
  user.email = email;
  user.provider = "oidc";
  user.provider_id = provider_id;
  user.created = now_();
  users_[user.id] = user;
}

// --- Keys ---------------------------------------------------------------------------------------

Json State::Show(const PreAuthKey& key, bool whole) const {
  const auto user = UserById(key.user);
  Json out = {{"id", Id(key.id)},
              {"key", key.key},
              {"reusable", key.reusable},
              {"ephemeral", key.ephemeral},
              {"used", key.used},
              {"expiration", Timestamp(key.expiration)},
              {"createdAt", Timestamp(key.created)},
              {"aclTags", key.tags}};
  if (old()) {
    out["user"] = user.ok() ? (*user)->name : "";
  } else {
    out["user"] = user.ok() ? Show(**user) : Json();
    if (!whole)
      out["key"] = absl::StrCat(key.key.substr(0, std::string("hskey-auth-").size() + 12), "-***");
  }
  return out;
}

absl::StatusOr<Json> State::CreateKey(PreAuthKey wanted, bool has_user) {
  for (const std::string& tag : wanted.tags) {
    const absl::Status status =
        CheckTag(tag, old() ? "tag should not contains space" : "tags must not contain spaces");
    if (!status.ok()) return absl::InvalidArgumentError(status.message());
  }
  if (has_user) SANDBOX_RETURN_IF_ERROR(UserById(wanted.user).status());
  if (!has_user && wanted.tags.empty())
    return absl::UnknownError("auth-key must be either tagged or owned by user");
  wanted.id = next_key_++;
  wanted.created = now_();
  if (old()) {
    for (int i = 0; i < 3; ++i) absl::StrAppendFormat(&wanted.key, "%016x", random_());
    std::vector<std::string> tags;
    for (const std::string& tag : wanted.tags) {
      if (std::count(tags.begin(), tags.end(), tag) == 0) tags.push_back(tag);
    }
    wanted.tags = tags;
  } else {
    wanted.key = absl::StrCat("hskey-auth-", RandomText(12), "-", RandomText(64));
    SortUnique(wanted.tags);
  }
  const PreAuthKey& key = keys_[wanted.id] = wanted;
  Json shown = Show(key, true);
  if (old()) shown["aclTags"] = Json::array();  // They are saved after what is answered was made.
  return Json{{"preAuthKey", shown}};
}

absl::StatusOr<Json> State::ListKeys(const std::optional<std::string>& user) const {
  std::uint64_t owner = 0;
  if (user.has_value()) {
    SANDBOX_ASSIGN_OR_RETURN(const User* found, UserNamed(*user));
    owner = found->id;
  }
  Json out = Json::array();
  for (const auto& [id, key] : keys_) {
    if (!user.has_value() || key.user == owner) out.push_back(Show(key, false));
  }
  if (old())
    std::sort(out.begin(), out.end(),
              [](const Json& a, const Json& b) { return a["id"] < b["id"]; });
  return Json{{"preAuthKeys", out}};
}

absl::StatusOr<PreAuthKey*> State::ValidKey(const std::string& text, bool re_registers) {
  for (auto& [id, key] : keys_) {
    if (key.key != text) continue;
    if (re_registers) return &key;
    if (key.expiration < now_())
      return absl::UnknownError(old() ? "AuthKey expired" : "authkey expired");
    if (!key.reusable && key.used) {
      return absl::UnknownError(old() ? "AuthKey has already been used" : "authkey already used");
    }
    return &key;
  }
  return absl::UnknownError(old() ? "AuthKey not found" : "auth-key not found: record not found");
}

absl::Status State::ExpireKey(const std::string& user, const std::string& text) {
  SANDBOX_ASSIGN_OR_RETURN(PreAuthKey * key, ValidKey(text, false));
  const auto owner = UserById(key->user);
  if (!owner.ok() || (*owner)->name != user) return absl::UnknownError("user mismatch");
  key->expiration = now_();
  return absl::OkStatus();
}

void State::ExpireKey(std::uint64_t id) {
  if (const auto it = keys_.find(id); it != keys_.end()) it->second.expiration = now_();
}

void State::DeleteKey(std::uint64_t id) { keys_.erase(id); }

// --- Nodes --------------------------------------------------------------------------------------

absl::StatusOr<Node*> State::Find(std::uint64_t id) {
  const auto it = nodes_.find(id);
  if (it == nodes_.end()) return NoRecord();
  return &it->second;
}

absl::StatusOr<const Node*> State::Find(std::uint64_t id) const {
  const auto it = nodes_.find(id);
  if (it == nodes_.end()) return NoRecord();
  return &it->second;
}

bool State::HasOwner(const std::string& tag, const User& user) const {
  const auto it = policy_.tag_owners.find(tag);
  if (it == policy_.tag_owners.end()) return false;
  const std::vector<std::string> owners = policy_.Expand(it->second);
  return std::count(owners.begin(), owners.end(), user.name) > 0;
}

Json State::Show(const Node& node, bool in_list) const {
  Json addresses = Json::array();
  if (!node.ipv4.empty()) addresses = {node.ipv4, node.ipv6};
  const auto user = UserById(node.user);
  Json out = {{"id", Id(node.id)},
              {"machineKey", node.machine_key},
              {"nodeKey", node.node_key},
              {"discoKey", node.disco_key},
              {"ipAddresses", addresses},
              {"name", node.hostname},
              {"givenName", node.given_name},
              {"user", user.ok() ? Show(**user) : Json()},
              {"lastSeen", OptionalTime(node.last_seen)},
              {"expiry", OptionalTime(node.expiry)},
              {"preAuthKey", node.key.has_value() ? Show(*node.key, false) : Json()},
              {"createdAt", Timestamp(node.created)},
              {"registerMethod", node.method.empty() ? "REGISTER_METHOD_UNSPECIFIED" : node.method},
              {"online", node.online}};
  if (old()) {
    out["forcedTags"] = node.tags;
    out["validTags"] = out["invalidTags"] = Json::array();
    if (node.key.has_value()) {
      const auto key = keys_.find(node.key->id);
      out["preAuthKey"] = key == keys_.end() ? Json() : Show(key->second, false);
      // The tags of a key are not read along with it.
      if (!out["preAuthKey"].is_null()) out["preAuthKey"]["aclTags"] = Json::array();
    }
    if (in_list && user.ok()) {
      std::set<std::string> seen;
      for (const std::string& tag : node.requested_tags) {
        if (seen.insert(tag).second)
          out[HasOwner(tag, **user) ? "validTags" : "invalidTags"].push_back(tag);
      }
    }
    return out;
  }
  out["tags"] = node.tags;
  out["approvedRoutes"] = Texts(node.approved);
  out["availableRoutes"] = Texts(node.announced);
  out["subnetRoutes"] = Json::array();
  if (in_list) {
    if (!node.tags.empty()) {
      User tagged;
      tagged.id = kTaggedDevices;
      tagged.name = "tagged-devices";
      tagged.display_name = "Tagged Devices";
      tagged.created = ZeroTime();
      out["user"] = Show(tagged);
    }
    std::vector<Prefix> served;
    for (const Prefix& prefix : node.approved) {
      const bool announced = std::count(node.announced.begin(), node.announced.end(), prefix) > 0;
      const auto primary = primaries_.find(prefix.ToString());
      if (announced && !prefix.IsExitRoute() && primary != primaries_.end() &&
          primary->second == node.id)
        served.push_back(prefix);
    }
    std::sort(served.begin(), served.end());
    for (const Prefix& prefix : node.announced) {
      if (prefix.IsExitRoute() &&
          std::count(node.approved.begin(), node.approved.end(), prefix) > 0)
        served.push_back(prefix);
    }
    out["subnetRoutes"] = Texts(served);
  }
  return out;
}

absl::StatusOr<Json> State::ListNodes(const std::string& user) const {
  std::uint64_t owner = 0;
  if (!user.empty()) {
    if (old()) SANDBOX_RETURN_IF_ERROR(CheckFqdnRules(user));
    SANDBOX_ASSIGN_OR_RETURN(const User* found, UserNamed(user));
    owner = found->id;
  }
  Json out = Json::array();
  for (const auto& [id, node] : nodes_) {
    // Valid and invalid tags are in the whole list only (0.23).
    if (owner == 0 || node.user == owner) out.push_back(Show(node, !old() || owner == 0));
  }
  return Json{{"nodes", out}};
}

absl::StatusOr<Json> State::GetNode(std::uint64_t id) const {
  const auto node = Find(id);
  if (!node.ok()) return old() ? node.status() : absl::NotFoundError("node not found");
  return Json{{"node", Show(**node, false)}};
}

absl::Status State::DeleteNode(std::uint64_t id) {
  if (!Find(id).ok()) return old() ? NoRecord() : absl::NotFoundError("node not found");
  nodes_.erase(id);
  std::vector<Route*> left;
  for (auto& [route_id, route] : routes_) {
    if (route.node == id) left.push_back(&route);
  }
  for (Route* route : left) FailOver(*route);
  std::erase_if(routes_, [&](const auto& entry) { return entry.second.node == id; });
  UpdatePrimaries();
  return absl::OkStatus();
}

absl::StatusOr<Json> State::SetTags(std::uint64_t id, const std::vector<std::string>& tags) {
  if (!old() && tags.empty()) {
    return absl::InvalidArgumentError(
        "cannot remove all tags from a node - tagged nodes must have at least one tag");
  }
  for (const std::string& tag : tags) {
    SANDBOX_RETURN_IF_ERROR(
        CheckTag(tag, old() ? "tag should not contains space" : "tags must not contain spaces"));
  }
  const absl::StatusOr<Node*> node = Find(id);
  if (!node.ok()) {
    return old() ? absl::InvalidArgumentError(node.status().message())
                 : absl::NotFoundError("node not found");
  }
  if (old()) {
    (*node)->tags.clear();
    for (const std::string& tag : tags) {
      if (std::count((*node)->tags.begin(), (*node)->tags.end(), tag) == 0)
        (*node)->tags.push_back(tag);
    }
    return Json{{"node", Show(**node, false)}};
  }
  std::vector<std::string> refused;
  for (const std::string& tag : tags) {
    if (!policy_.tag_owners.contains(tag)) refused.push_back(tag);
  }
  if (!refused.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("requested tags [", absl::StrJoin(refused, " "),
                                                   "] are invalid or not permitted"));
  }
  (*node)->tags = tags;
  SortUnique((*node)->tags);
  (*node)->user = 0;
  AutoApprove(**node);
  return Json{{"node", Show(**node, false)}};
}

absl::StatusOr<Json> State::SetExpiry(std::uint64_t id, std::optional<absl::Time> expiry) {
  const absl::StatusOr<Node*> node = Find(id);
  if (!node.ok()) return old() ? node.status() : NotInStore(id);
  (*node)->expiry = expiry;
  return Json{{"node", Show(**node, false)}};
}

absl::StatusOr<Json> State::RenameNode(std::uint64_t id, const std::string& name) {
  const absl::Status named = old() ? CheckFqdnRules(name) : CheckLabel(name);
  if (!named.ok()) return absl::UnknownError(absl::StrCat("renaming node: ", named.message()));
  const bool exists = Find(id).ok();
  if (!exists && !old()) return NotInStore(id);
  for (const auto& [other_id, other] : nodes_) {
    // 0.23 counts the node itself too.
    if (other.given_name != name || (!old() && other_id == id)) continue;
    return absl::UnknownError(
        absl::StrCat(old() ? "name is not unique: " : "node name is not unique: ", name));
  }
  if (!exists) return NoRecord();
  nodes_[id].given_name = name;
  return Json{{"node", Show(nodes_[id], false)}};
}

absl::StatusOr<Json> State::MoveNode(std::uint64_t id, const std::string& user) {
  SANDBOX_ASSIGN_OR_RETURN(Node * node, Find(id));
  SANDBOX_RETURN_IF_ERROR(CheckFqdnRules(user));
  SANDBOX_ASSIGN_OR_RETURN(const User* to, UserNamed(user));
  node->user = to->id;
  return Json{{"node", Show(*node, false)}};
}

absl::StatusOr<Json> State::ApproveRoutes(std::uint64_t id,
                                          const std::vector<std::string>& routes) {
  std::vector<Prefix> approved;
  for (const std::string& text : routes) {
    const absl::StatusOr<Prefix> prefix = ParsePrefix(text);
    if (!prefix.ok())
      return absl::UnknownError(absl::StrCat("parsing route: ", prefix.status().message()));
    approved.push_back(*prefix);
    if (prefix->IsExitRoute()) {
      approved.back().is6 = false;
      approved.push_back(approved.back());
      approved.back().is6 = true;
    }
  }
  std::sort(approved.begin(), approved.end());
  approved.erase(std::unique(approved.begin(), approved.end()), approved.end());
  const absl::StatusOr<Node*> node = Find(id);
  if (!node.ok()) return absl::InvalidArgumentError(NotInStore(id).message());
  (*node)->approved = approved;
  UpdatePrimaries();
  Json shown = Show(**node, false);
  for (const Prefix& prefix : approved) {
    const auto primary = primaries_.find(prefix.ToString());
    if (primary != primaries_.end() && primary->second == id)
      shown["subnetRoutes"].push_back(prefix.ToString());
  }
  return Json{{"node", shown}};
}

// --- Registration -------------------------------------------------------------------------------

std::string State::UniqueName(const std::string& hostname, std::uint64_t self) {
  const auto taken = [&](const std::string& name) {
    return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
      return entry.first != self && entry.second.given_name == name;
    });
  };
  if (old()) {
    const std::string name = NormaliseHostname(hostname);
    if (!taken(name)) return name;
    constexpr absl::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
    std::string suffix;
    for (int i = 0; i < 8; ++i) suffix.push_back(kLetters[random_() % kLetters.size()]);
    return absl::StrCat(name.substr(0, 53), "-", suffix);
  }
  std::string base = SanitiseHostname(hostname);
  if (base.empty()) base = "node";
  std::string name = base;
  for (int i = 1; taken(name); ++i) name = absl::StrCat(base, "-", i);
  return name;
}

Node& State::NewNode() {
  const std::uint64_t id = next_node_++;
  Node& node = nodes_[id];
  node.id = id;
  const std::uint64_t address = next_address_++;
  node.ipv4 =
      absl::StrFormat("100.%d.%d.%d", 64 + (address >> 16), (address >> 8) & 0xff, address & 0xff);
  node.ipv6 = absl::StrFormat("fd7a:115c:a1e0::%x", address);
  node.created = now_();
  return node;
}

absl::StatusOr<Json> State::DebugNode(const std::string& user, const std::string& key,
                                      const std::string& name,
                                      const std::vector<std::string>& routes) {
  SANDBOX_ASSIGN_OR_RETURN(const User* owner, UserNamed(user));
  Node node;
  for (const std::string& route : routes) {
    SANDBOX_ASSIGN_OR_RETURN(const Prefix prefix, ParsePrefix(route));
    node.announced.push_back(prefix);
  }
  node.machine_key = old() ? key : RandomHexKey("mkey:");
  node.node_key = RandomHexKey("nodekey:");
  node.disco_key = absl::StrCat("discokey:", std::string(64, '0'));
  node.hostname = name;
  node.user = owner->id;
  node.expiry = node.last_seen = node.created = ZeroTime();
  Json shown = Show(node, false);
  node.announced.clear();  // Only in the answer: what the test helper was told of routes gets lost.
  registering_[key] = node;
  return Json{{"node", shown}};
}

absl::StatusOr<Json> State::RegisterCached(const std::string& user, const std::string& key) {
  const auto owner = UserNamed(user);
  if (!old() && !owner.ok())
    return absl::UnknownError(absl::StrCat("looking up user: ", owner.status().message()));
  const auto it = registering_.find(key);
  // An attempt takes an address (0.23), also one that fails.
  if (old() && (it == registering_.end() || !owner.ok())) ++next_address_;
  if (it == registering_.end()) return absl::UnknownError("node not found in registration cache");
  if (!owner.ok()) {
    return absl::UnknownError(absl::StrCat(
        "failed to find user in register node from auth callback, ", owner.status().message()));
  }
  const Node cached = it->second;
  registering_.erase(it);
  Node& node = NewNode();
  node.machine_key = cached.machine_key;
  node.node_key = cached.node_key;
  node.disco_key = cached.disco_key;
  node.hostname = cached.hostname;
  node.user = (*owner)->id;
  node.expiry = cached.expiry;
  node.last_seen = old() ? cached.last_seen : std::optional<absl::Time>(now_());
  node.method = "REGISTER_METHOD_CLI";
  node.given_name = UniqueName(node.hostname, node.id);
  return Json{{"node", Show(node, false)}};
}

absl::StatusOr<Json> State::Register(const Registration& registration) {
  Node* node = nullptr;
  for (auto& [id, one] : nodes_) {
    if (one.machine_key == registration.machine_key) node = &one;
  }
  PreAuthKey* key = nullptr;
  if (old()) {
    SANDBOX_ASSIGN_OR_RETURN(key, ValidKey(registration.key, false));
  } else {
    SANDBOX_ASSIGN_OR_RETURN(PreAuthKey * found, ValidKey(registration.key, true));
    // A machine that is known stays what it is, unless it belongs to somebody else.
    if (node != nullptr && node->tags.empty() && found->tags.empty() && node->user != found->user)
      node = nullptr;
    const bool expired = node != nullptr && node->expiry.has_value() && *node->expiry < now_();
    const bool same = node != nullptr && !expired && node->node_key == registration.node_key &&
                      (found->tags.empty() || !node->tags.empty());
    SANDBOX_ASSIGN_OR_RETURN(key, ValidKey(registration.key, same));
    if (node == nullptr && !registration.tags.empty()) {
      return absl::UnknownError(absl::StrCat("creating new node: requested tags [",
                                             absl::StrJoin(registration.tags, " "),
                                             "] are invalid or not permitted"));
    }
  }
  const bool is_new = node == nullptr;
  if (is_new) {
    node = &NewNode();
    node->machine_key = registration.machine_key;
    node->user = key->tags.empty() || old() ? key->user : 0;
    node->tags = key->tags;
    node->hostname = registration.hostname;
    node->given_name = UniqueName(registration.hostname, node->id);
  } else if (old()) {
    node->user = key->user;
    if (!key->tags.empty()) node->tags = key->tags;
  } else {
    node->hostname = registration.hostname;
    if (!key->tags.empty() && node->tags.empty()) {
      node->tags = key->tags;
      node->user = 0;
    }
  }
  if (!key->reusable || old()) key->used = true;
  node->key = *key;
  node->method = "REGISTER_METHOD_AUTH_KEY";
  node->node_key = registration.node_key;
  node->disco_key = RandomHexKey("discokey:");
  node->expiry = old() ? std::optional<absl::Time>(ZeroTime()) : std::nullopt;
  node->requested_tags = registration.tags;
  node->last_seen = now_();
  node->online = true;
  SANDBOX_RETURN_IF_ERROR(Announce(node->id, registration.routes));
  return Json{{"node", Show(*node, true)}};
}

absl::Status State::SetOnline(std::uint64_t id, bool online) {
  SANDBOX_ASSIGN_OR_RETURN(Node * node, Find(id));
  node->online = online;
  node->last_seen = now_();
  for (auto& [route_id, route] : routes_) {
    if (!online && route.node == id) FailOver(route);
  }
  UpdatePrimaries();
  return absl::OkStatus();
}

absl::Status State::Logout(std::uint64_t id) {
  SANDBOX_ASSIGN_OR_RETURN(Node * node, Find(id));
  if (node->key.has_value() && node->key->ephemeral) return DeleteNode(id);
  node->expiry = now_();
  return SetOnline(id, false);
}

bool State::Approves(const std::vector<std::string>& approvers, const Node& node) const {
  const auto user = UserById(node.user);
  for (const std::string& one : policy_.Expand(approvers)) {
    if (std::count(node.tags.begin(), node.tags.end(), one) > 0) return true;
    if (!user.ok()) continue;
    if (one == (old() ? (*user)->name : (*user)->name + "@")) return true;
    if (!old() && !(*user)->email.empty() && one == (*user)->email) return true;
  }
  return false;
}

void State::AutoApprove(Node& node) {
  const auto approved = [&](const Prefix& prefix) {
    if (prefix.IsExitRoute()) return Approves(policy_.exit_approvers, node);
    for (const auto& [text, approvers] : policy_.route_approvers) {
      const absl::StatusOr<Prefix> range = ParsePrefix(text);
      if (range.ok() && range->Contains(prefix) && Approves(approvers, node)) return true;
    }
    return false;
  };
  if (old()) {
    std::vector<std::uint64_t> found;
    for (const auto& [id, route] : routes_) {
      if (route.node == node.id && route.advertised && !route.enabled && approved(route.prefix))
        found.push_back(id);
    }
    for (const std::uint64_t id : found) (void)EnableRoute(id);
    return;
  }
  for (const Prefix& prefix : node.announced) {
    const bool had = std::count(node.approved.begin(), node.approved.end(), prefix) > 0;
    if (!had && approved(prefix)) node.approved.push_back(prefix);
  }
  std::sort(node.approved.begin(), node.approved.end());
  UpdatePrimaries();
}

absl::Status State::Announce(std::uint64_t id, const std::vector<Prefix>& routes) {
  SANDBOX_ASSIGN_OR_RETURN(Node * node, Find(id));
  if (!old()) {
    node->announced = routes;  // In the machine's own order.
  } else {
    std::vector<Prefix> fresh = routes;
    for (auto& [route_id, route] : routes_) {
      if (route.node != id) continue;
      const bool announced = std::erase(fresh, route.prefix) > 0;
      if (route.advertised != announced) {
        route.advertised = announced;
        if (!announced) route.enabled = false;
        route.updated = now_();
      }
    }
    for (const Prefix& prefix : fresh) {
      Route& route = routes_[next_route_];
      route.id = next_route_++;
      route.node = id;
      route.prefix = prefix;
      route.advertised = true;
      route.created = route.updated = now_();
    }
  }
  AutoApprove(*node);
  return absl::OkStatus();
}

void State::UpdatePrimaries() {
  if (old()) return;
  std::map<std::string, std::vector<std::uint64_t>> candidates;
  for (const auto& [id, node] : nodes_) {
    if (!node.online) continue;
    for (const Prefix& prefix : node.approved) {
      if (prefix.IsExitRoute() ||
          std::count(node.announced.begin(), node.announced.end(), prefix) == 0)
        continue;
      candidates[prefix.ToString()].push_back(id);
    }
  }
  std::erase_if(primaries_, [&](const auto& entry) { return !candidates.contains(entry.first); });
  for (const auto& [prefix, ids] : candidates) {
    std::uint64_t& primary = primaries_[prefix];
    if (std::count(ids.begin(), ids.end(), primary) == 0) primary = ids.front();
  }
}

// --- Routes of 0.23 -----------------------------------------------------------------------------

Json State::Show(const Route& route) const {
  const auto node = Find(route.node);
  Json shown = node.ok() ? Show(**node, false) : Json();
  if (!shown.is_null()) {
    // The node of a route comes without its key, and without what is known of its connection.
    shown["preAuthKey"] = Json();
    shown["online"] = false;
  }
  return {{"id", Id(route.id)},
          {"node", shown},
          {"prefix", route.prefix.ToString()},
          {"advertised", route.advertised},
          {"enabled", route.enabled},
          {"isPrimary", route.primary},
          {"createdAt", Timestamp(route.created)},
          {"updatedAt", Timestamp(route.updated)},
          {"deletedAt", Json()}};
}

Json State::ListRoutes() const {
  Json out = Json::array();
  for (const auto& [id, route] : routes_) out.push_back(Show(route));
  return {{"routes", out}};
}

absl::StatusOr<Json> State::NodeRoutes(std::uint64_t node) const {
  SANDBOX_RETURN_IF_ERROR(Find(node).status());
  Json out = Json::array();
  for (const auto& [id, route] : routes_) {
    if (route.node == node) out.push_back(Show(route));
  }
  return Json{{"routes", out}};
}

void State::FailOver(Route& route) {
  if (!route.primary || route.prefix.IsExitRoute()) return;
  for (auto& [id, other] : routes_) {
    const auto node = Find(other.node);
    if (id == route.id || other.prefix != route.prefix || !other.enabled || !node.ok() ||
        !(*node)->online)
      continue;
    route.primary = false;
    other.primary = true;
    return;
  }
}

absl::Status State::EnableRoute(std::uint64_t id) {
  const auto it = routes_.find(id);
  if (it == routes_.end()) return NoRecord();
  const Route& wanted = it->second;
  std::vector<Prefix> prefixes = {wanted.prefix};
  if (wanted.prefix.IsExitRoute()) {
    prefixes = {*ParsePrefix("0.0.0.0/0"), *ParsePrefix("::/0")};
  }
  std::vector<Route*> found;
  for (const Prefix& prefix : prefixes) {
    Route* match = nullptr;
    for (auto& [other_id, other] : routes_) {
      if (other.node == wanted.node && other.prefix == prefix && other.advertised) match = &other;
    }
    if (match == nullptr) {
      const auto node = Find(wanted.node);
      return absl::UnknownError(absl::StrCat("route (", node.ok() ? (*node)->hostname : "",
                                             ") is not available on node ", prefix.ToString(),
                                             ": route is not available on node"));
    }
    found.push_back(match);
  }
  for (Route* route : found) {
    route->enabled = true;
    route->updated = now_();
    if (route->prefix.IsExitRoute()) continue;
    route->primary = std::none_of(routes_.begin(), routes_.end(), [&](const auto& entry) {
      const Route& other = entry.second;
      return other.prefix == route->prefix && other.node != route->node && other.advertised &&
             other.enabled;
    });
  }
  return absl::OkStatus();
}

absl::Status State::DisableRoute(std::uint64_t id) {
  const auto it = routes_.find(id);
  if (it == routes_.end()) return NoRecord();
  Route& route = it->second;
  for (auto& [other_id, other] : routes_) {
    const bool exits =
        route.prefix.IsExitRoute() && other.node == route.node && other.prefix.IsExitRoute();
    if (other_id != id && !exits) continue;
    other.enabled = false;
    if (exits) other.primary = false;
    other.updated = now_();
  }
  FailOver(route);
  return absl::OkStatus();
}

absl::Status State::DeleteRoute(std::uint64_t id) {
  const auto it = routes_.find(id);
  if (it == routes_.end()) return NoRecord();
  const Route gone = it->second;
  FailOver(it->second);
  std::erase_if(routes_, [&](const auto& entry) {
    return entry.first == id || (gone.prefix.IsExitRoute() && entry.second.node == gone.node &&
                                 entry.second.prefix.IsExitRoute());
  });
  return absl::OkStatus();
}

// --- Policy -------------------------------------------------------------------------------------

absl::StatusOr<Policy> State::Read(const std::string& text) const {
  if (!old()) return ReadPolicy029(text);
  PolicyContext context;
  context.has_nodes = !nodes_.empty();
  context.is_forced_tag = [this](const std::string& tag) {
    return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
      return std::count(entry.second.tags.begin(), entry.second.tags.end(), tag) > 0;
    });
  };
  return ReadPolicy023(text, context);
}

absl::StatusOr<Json> State::GetPolicy() const {
  if (policy_in_file) return Json{{"policy", policy_text_.value_or("")}, {"updatedAt", Json()}};
  if (!policy_text_.has_value())
    return absl::UnknownError("loading ACL from database: acl policy not found");
  return Json{{"policy", *policy_text_}, {"updatedAt", Timestamp(policy_updated_)}};
}

absl::StatusOr<Json> State::SetPolicy(const std::string& text) {
  if (policy_in_file)
    return absl::UnknownError("update is disabled for modes other than 'database'");
  absl::StatusOr<Policy> policy = Read(text);
  if (!policy.ok()) {
    if (old()) return policy.status();
    return absl::UnknownError(
        absl::StrCat("setting policy: parsing policy: ", policy.status().message()));
  }
  policy_ = *std::move(policy);
  policy_text_ = text;
  policy_updated_ = now_();
  if (!old()) {
    for (auto& [id, node] : nodes_) AutoApprove(node);
  }
  return Json{{"policy", text}, {"updatedAt", Timestamp(policy_updated_)}};
}

absl::Status State::CheckPolicy(const std::string& text) const {
  const absl::Status status = Read(text).status();
  return status.ok()
             ? status
             : absl::InvalidArgumentError(absl::StrCat("parsing policy: ", status.message()));
}

// --- API keys -----------------------------------------------------------------------------------

int State::Authenticate(const std::string& token) const {
  for (const auto& [id, key] : api_keys_) {
    if (key.secret == token) return key.expiration < now_() ? 401 : 200;
  }
  return old() ? 500 : 401;  // 0.23 takes a key it does not know for its own failure.
}

std::string State::CreateApiKey(absl::Time expiration) {
  ApiKey key;
  key.id = next_api_key_++;
  key.prefix = RandomText(old() ? 10 : 12);
  key.secret = old() ? absl::StrCat(key.prefix, ".", RandomText(43))
                     : absl::StrCat("hskey-api-", key.prefix, "-", RandomText(64));
  key.created = now_();
  key.expiration = expiration;
  api_keys_[key.id] = key;
  return key.secret;
}

Json State::ListApiKeys() const {
  Json out = Json::array();
  for (const auto& [id, key] : api_keys_) {
    out.push_back({{"id", Id(id)},
                   {"prefix", old() ? key.prefix : absl::StrCat("hskey-api-", key.prefix, "-***")},
                   {"expiration", Timestamp(key.expiration)},
                   {"createdAt", Timestamp(key.created)},
                   {"lastSeen", Json()}});
  }
  return {{"apiKeys", out}};
}

absl::Status State::ExpireApiKey(const std::string& prefix, std::uint64_t id) {
  for (auto& [key_id, key] : api_keys_) {
    if (id != 0 ? key_id != id : key.prefix != prefix) continue;
    key.expiration = now_();
    return absl::OkStatus();
  }
  return NoRecord();
}

absl::Status State::DeleteApiKey(const std::string& prefix, std::uint64_t id) {
  for (const auto& [key_id, key] : api_keys_) {
    if (id != 0 ? key_id != id : key.prefix != prefix) continue;
    api_keys_.erase(key_id);
    return absl::OkStatus();
  }
  return NoRecord();
}

Json State::Dump() const {
  Json keys = Json::array();
  for (const auto& [id, key] : keys_) keys.push_back(Show(key, true));
  Json out = {{"users", ListUsers("", "", 0)["users"]},
              {"preAuthKeys", keys},
              {"nodes", (*ListNodes(""))["nodes"]},
              {"policy", policy_text_.has_value() ? Json(*policy_text_) : Json()}};
  if (old()) out["routes"] = ListRoutes()["routes"];
  return out;
}

}  // namespace charon::sandbox::headscale
