// What a Headscale knows and does, in two generations: v0.23.0 and v0.29.2.
//
// Behaviour and texts follow hscontrol/db, hscontrol/state and hscontrol/grpcv1.go of those
// versions.

#ifndef ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_STATE_H_
#define ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_STATE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "headscale_names.h"
#include "headscale_policy.h"
#include "json.h"

namespace charon::sandbox::headscale {

enum class Dialect { k023, k029 };

struct User {
  std::uint64_t id = 0;
  std::string name, display_name, email, provider, provider_id, picture;
  absl::Time created;
};

struct PreAuthKey {
  std::uint64_t id = 0;
  std::string key;         // Whole; what a list shows is less in 0.29.
  std::uint64_t user = 0;  // 0: nobody's.
  bool reusable = false, ephemeral = false, used = false;
  std::vector<std::string> tags;
  absl::Time created, expiration;
};

struct Node {
  std::uint64_t id = 0;
  std::string machine_key, node_key, disco_key, ipv4, ipv6, hostname, given_name, method;
  std::uint64_t user = 0;
  std::vector<std::string> tags;  // 0.23: forced.
  std::vector<std::string> requested_tags;
  std::vector<Prefix> announced, approved;  // 0.29; 0.23 has Route.
  std::optional<PreAuthKey> key;
  std::optional<absl::Time> expiry, last_seen;
  absl::Time created;
  bool online = false;
};

struct Route {  // 0.23
  std::uint64_t id = 0, node = 0;
  Prefix prefix;
  bool advertised = false, enabled = false, primary = false;
  absl::Time created, updated;
};

struct ApiKey {
  std::uint64_t id = 0;
  std::string prefix, secret;
  absl::Time created, expiration;
};

// How a machine registers.
struct Registration {
  std::string key, machine_key, node_key, hostname;
  std::vector<Prefix> routes;
  std::vector<std::string> tags;
};

// Not safe for concurrent use: the site locks. Errors carry the gRPC code and the server's text.
class State {
 public:
  using Clock = std::function<absl::Time()>;

  State(Dialect dialect, std::uint64_t seed, Clock now);

  Dialect dialect() const { return dialect_; }
  // A new server; the first API key stays.
  void Reset();

  // What became of things by the passage of time: ephemeral nodes go.
  void Tick();

  // --- Users: 0.23 addresses them by name, 0.29 by id.
  absl::StatusOr<Json> CreateUser(User wanted);
  absl::StatusOr<Json> RenameUser(std::uint64_t id, const std::string& name);
  absl::StatusOr<Json> RenameUser(const std::string& from, const std::string& to);
  absl::Status DeleteUser(const User& user);
  absl::StatusOr<const User*> UserNamed(const std::string& name) const;
  absl::StatusOr<const User*> UserById(std::uint64_t id) const;
  Json ListUsers(const std::string& name, const std::string& email, std::uint64_t id) const;
  Json Show(const User& user) const;

  // --- Pre-auth keys.
  absl::StatusOr<Json> CreateKey(PreAuthKey wanted, bool has_user);
  absl::StatusOr<Json> ListKeys(const std::optional<std::string>& user) const;
  absl::Status ExpireKey(const std::string& user, const std::string& key);
  void ExpireKey(std::uint64_t id);
  void DeleteKey(std::uint64_t id);

  // --- Nodes.
  absl::StatusOr<Json> ListNodes(const std::string& user) const;
  absl::StatusOr<Json> GetNode(std::uint64_t id) const;
  absl::Status DeleteNode(std::uint64_t id);
  absl::StatusOr<Json> SetTags(std::uint64_t id, const std::vector<std::string>& tags);
  // Without a time: never (0.29).
  absl::StatusOr<Json> SetExpiry(std::uint64_t id, std::optional<absl::Time> expiry);
  absl::StatusOr<Json> RenameNode(std::uint64_t id, const std::string& name);
  absl::StatusOr<Json> MoveNode(std::uint64_t id, const std::string& user);
  absl::StatusOr<Json> ApproveRoutes(std::uint64_t id, const std::vector<std::string>& routes);
  // The API's own test helper, and the registration of what it made.
  absl::StatusOr<Json> DebugNode(const std::string& user, const std::string& key,
                                 const std::string& name, const std::vector<std::string>& routes);
  absl::StatusOr<Json> RegisterCached(const std::string& user, const std::string& key);

  // --- Routes of 0.23.
  Json ListRoutes() const;
  absl::StatusOr<Json> NodeRoutes(std::uint64_t node) const;
  absl::Status EnableRoute(std::uint64_t id);
  absl::Status DisableRoute(std::uint64_t id);
  absl::Status DeleteRoute(std::uint64_t id);

  // --- Policy.
  absl::StatusOr<Json> GetPolicy() const;
  absl::StatusOr<Json> SetPolicy(const std::string& text);
  absl::Status CheckPolicy(const std::string& text) const;

  // --- API keys.
  const std::string& first_api_key() const { return first_api_key_; }
  // 200, or the HTTP code that is answered.
  int Authenticate(const std::string& token) const;
  std::string CreateApiKey(absl::Time expiration);
  Json ListApiKeys() const;
  absl::Status ExpireApiKey(const std::string& prefix, std::uint64_t id);
  absl::Status DeleteApiKey(const std::string& prefix, std::uint64_t id);

  // --- What machines do, and administrators on the server. The error is what the machine is told.
  absl::StatusOr<Json> Register(const Registration& registration);
  absl::Status SetOnline(std::uint64_t id, bool online);
  absl::Status Logout(std::uint64_t id);
  absl::Status Announce(std::uint64_t id, const std::vector<Prefix>& routes);
  void MakeOidcUser(const std::string& name, const std::string& email,
                    const std::string& provider_id);
  // Everything, with the keys in full.
  Json Dump() const;
  bool policy_in_file = false;

 private:
  bool old() const { return dialect_ == Dialect::k023; }
  std::string RandomText(std::size_t length);
  std::string RandomHexKey(const char* kind);
  absl::StatusOr<Node*> Find(std::uint64_t id);
  absl::StatusOr<const Node*> Find(std::uint64_t id) const;
  Json Show(const Node& node, bool in_list) const;
  Json Show(const PreAuthKey& key, bool whole) const;
  Json Show(const Route& route) const;
  absl::StatusOr<Policy> Read(const std::string& text) const;
  absl::StatusOr<PreAuthKey*> ValidKey(const std::string& key, bool re_registers);
  std::string UniqueName(const std::string& hostname, std::uint64_t self);
  Node& NewNode();
  void AutoApprove(Node& node);
  bool Approves(const std::vector<std::string>& approvers, const Node& node) const;
  void UpdatePrimaries();
  bool HasOwner(const std::string& tag, const User& user) const;
  void FailOver(Route& route);

  const Dialect dialect_;
  std::mt19937_64 random_;
  const Clock now_;
  std::map<std::uint64_t, User> users_;
  std::map<std::uint64_t, PreAuthKey> keys_;
  std::map<std::uint64_t, Node> nodes_;
  std::map<std::uint64_t, Route> routes_;
  std::map<std::uint64_t, ApiKey> api_keys_;
  std::string first_api_key_;
  std::map<std::string, Node>
      registering_;  // By machine key (0.23) or id of the registration (0.29).
  std::map<std::string, std::uint64_t> primaries_;  // 0.29: which node serves a prefix.
  std::optional<std::string> policy_text_;
  Policy policy_;
  absl::Time policy_updated_;
  std::uint64_t next_user_ = 1, next_key_ = 1, next_node_ = 1, next_route_ = 1, next_api_key_ = 1,
                next_address_ = 1;
};

// RFC 3339 with as many digits as are needed, as protobuf's JSON writes it.
std::string Timestamp(absl::Time time);
// Year 1: what Go's zero time is.
absl::Time ZeroTime();

}  // namespace charon::sandbox::headscale

#endif  // ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_STATE_H_
