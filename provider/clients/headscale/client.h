// One Headscale server of any generation: its users, nodes, pre-auth keys and policy.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "provider/base/call.h"
#include "provider/clients/headscale/dialect.h"
#include "provider/clients/headscale/types.h"
#include "provider/http/transport.h"

namespace charon::headscale {

// What all methods below have in common: the first lists of a run are kept ("ask once"), shared by
// concurrent callers, and kept up to date by our own writes. Errors are those of ToStatus (wire.h),
// and
//   Unavailable         the server does not answer
//   FailedPrecondition  what answers is not Headscale, or hides which generation it is
//   Unimplemented       this generation cannot (Dialect::Require)
// Safe for concurrent use.

class ServerApi {
 public:
  virtual ~ServerApi() = default;

  // Found from the server at the first call, unless it was given. Needs no API key.
  virtual absl::StatusOr<Dialect> GetDialect(const Call& call) = 0;

  // Asks something cheap with the key. OK if server and key are right.
  virtual absl::Status Check(const Call& call) = 0;

  // "https://vpn.example.org", for messages.
  virtual const std::string& Endpoint() const = 0;
};

class UsersApi {
 public:
  virtual ~UsersApi() = default;

  virtual absl::StatusOr<std::shared_ptr<const std::vector<User>>> List(const Call& call) = 0;

  // By name, by id. NotFound if there is none. A name may also be the e-mail address of an OIDC
  // user without one.
  virtual absl::StatusOr<User> FindByName(const Call& call, absl::string_view name) = 0;
  virtual absl::StatusOr<User> Get(const Call& call, absl::string_view id) = 0;

  // AlreadyExists if the name is taken. If the answer got lost, the user is looked up.
  virtual absl::StatusOr<User> Create(const Call& call, const NewUser& user) = 0;

  // FailedPrecondition for users of an identity provider.
  virtual absl::StatusOr<User> Rename(const Call& call, const User& user,
                                      absl::string_view new_name) = 0;

  // FailedPrecondition if nodes belong to it.
  virtual absl::Status Delete(const Call& call, const User& user) = 0;
};

class NodesApi {
 public:
  virtual ~NodesApi() = default;
  using Nodes = std::shared_ptr<const std::vector<Node>>;

  virtual absl::StatusOr<Nodes> List(const Call& call) = 0;
  // The same from a list that was asked for at `since` or later. Callers who wait together share
  // one.
  virtual absl::StatusOr<Nodes> ListSince(const Call& call, absl::Time since) = 0;

  // As of this run. NotFound if there is none.
  virtual absl::StatusOr<Node> Get(const Call& call, absl::string_view id) = 0;

  // Each returns the node as it is afterwards; NotFound if it is gone.
  // AlreadyExists if another node has the name.
  virtual absl::StatusOr<Node> Rename(const Call& call, const Node& node,
                                      absl::string_view given_name) = 0;
  // Replaces the tags that were set on the server. From 0.28 it takes the user away, and `tags`
  // must not be empty.
  virtual absl::StatusOr<Node> SetTags(const Call& call, const Node& node,
                                       const std::vector<std::string>& tags) = 0;
  // Approves exactly `routes`. Both exit routes or none. Up to 0.25 only what the node offers can
  // be approved: FailedPrecondition names the others.
  virtual absl::StatusOr<Node> SetRoutes(const Call& call, const Node& node,
                                         const std::vector<std::string>& routes) = 0;
  virtual absl::StatusOr<Node> Move(const Call& call, const Node& node, const User& user) = 0;
  // nullopt: never.
  virtual absl::StatusOr<Node> SetExpiry(const Call& call, const Node& node,
                                         std::optional<absl::Time> expiry) = 0;
  // Logs the node out, now.
  virtual absl::StatusOr<Node> Expire(const Call& call, const Node& node) = 0;
  virtual absl::Status Delete(const Call& call, const Node& node) = 0;
};

class PreauthKeysApi {
 public:
  virtual ~PreauthKeysApi() = default;

  // All keys from 0.28; before, those of `user` (a name; NotFound if there is no such user).
  virtual absl::StatusOr<std::vector<PreauthKey>> List(const Call& call,
                                                       absl::string_view user) = 0;
  // The same, as of this run.
  virtual absl::StatusOr<std::shared_ptr<const std::vector<PreauthKey>>> ListOnce(
      const Call& call, absl::string_view user) = 0;

  // The only answer that holds the whole key, from 0.28. Never sent twice.
  virtual absl::StatusOr<PreauthKey> Create(const Call& call, const NewPreauthKey& key) = 0;

  // The key lets nobody in any more. NotFound from 0.30 if there is none.
  virtual absl::Status Expire(const Call& call, const PreauthKey& key) = 0;
  // Expires and, where the server can, deletes it.
  virtual absl::Status Remove(const Call& call, const PreauthKey& key) = 0;
};

class PolicyApi {
 public:
  virtual ~PolicyApi() = default;

  // NotFound if none was ever set.
  virtual absl::StatusOr<Policy> Get(const Call& call) = 0;
  // InvalidArgument with the server's words if it refuses the text; FailedPrecondition if it reads
  // its policy from a file.
  virtual absl::StatusOr<Policy> Set(const Call& call, absl::string_view text) = 0;
  // The server's verdict, with nothing stored. InvalidArgument as Set.
  virtual absl::Status Check(const Call& call, absl::string_view text) = 0;
};

class Client {
 public:
  virtual ~Client() = default;

  virtual ServerApi& server() = 0;
  virtual UsersApi& users() = 0;
  virtual NodesApi& nodes() = 0;
  virtual PreauthKeysApi& preauth_keys() = 0;
  virtual PolicyApi& policy() = 0;
};

// How to reach a server, as it is written by users; empty: from the environment
// (HEADSCALE_ENDPOINT, HEADSCALE_API_KEY).
struct ConnectionSettings {
  std::optional<std::string> endpoint, api_key, ca;
  std::string dialect;  // "0.26"; empty: asked
  bool insecure = false;
};

struct Connection {
  std::string endpoint;  // without a slash at the end
  std::string api_key;
  std::optional<Dialect> dialect;
  http::TlsOptions tls;
};

// FailedPrecondition if endpoint or key is missing, InvalidArgument if it cannot be one; the
// argument is named.
absl::StatusOr<Connection> Resolve(const ConnectionSettings& settings);

// With retries and logging.
absl::StatusOr<std::unique_ptr<Client>> Connect(const Connection& connection,
                                                std::string user_agent);

// `transport` retries and logs; `connection.tls` is its own business.
std::unique_ptr<Client> NewClient(std::unique_ptr<http::Transport> transport,
                                  const Connection& connection);

}  // namespace charon::headscale
