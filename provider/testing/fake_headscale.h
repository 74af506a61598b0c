// A Headscale server of one generation, in memory: what it answers is taken from the server's
// sources and API descriptions, version by version (v0.23.0, v0.25.1, v0.26.1, v0.27.1, v0.28.0,
// v0.29.2, main for 0.30).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "provider/clients/headscale/client.h"
#include "provider/http/transport.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_transport.h"

namespace charon {

// Thread-safe where it answers; tests look at and change the members between calls.
class FakeHeadscale {
 public:
  struct User {
    int id = 0;
    std::string name, display_name{}, email{}, picture_url{}, provider{};
    absl::Time created_at = absl::UnixEpoch();
  };
  struct Key {
    int id = 0;
    std::string key;
    int user = 0;  // 0: none
    bool reusable = false, ephemeral = false, used = false;
    std::vector<std::string> tags;
    absl::Time expiration, created_at;
  };
  struct Node {
    int id = 0;
    std::string hostname, given_name, machine_key{};
    int user = 0;
    std::vector<std::string> tags{};  // forced tags until 0.27
    std::vector<std::string> asked_tags{};
    std::set<std::string> available{}, approved{};
    std::optional<absl::Time> expiry{};
    absl::Time last_seen{}, created_at{};
    bool online = true;
    int key = 0;  // the pre-auth key that it joined with
  };

  FakeHeadscale(int minor, FakeClock& clock);

  // A client of this server, with what tests put before it (FailNth of transport()).
  std::shared_ptr<headscale::Client> Client();
  http::FakeTransport& transport() { return transport_; }

  User& AddUser(const std::string& name);
  // A node of `user` that has logged in now, as the server names it.
  Node& AddNode(const std::string& hostname, int user = 0);
  Node& NodeOf(int id);

  // Requests so far that are no reads: "POST /api/v1/user".
  std::vector<std::string> writes() const;
  int reads() const;

  const int minor;
  std::vector<User> users;
  std::vector<Key> keys;
  std::vector<Node> nodes;
  std::string policy;
  bool policy_in_file = false;
  std::set<std::string> tag_owners;        // tags that the policy knows; empty: any
  std::function<void()> before_node_list;  // run when nodes are listed: a node may come in

 private:
  using Json = nlohmann::json;
  http::Response Answer(const http::Request& request);
  http::Response Route(const std::string& method, const std::vector<std::string>& path,
                       const std::map<std::string, std::string>& query, const Json& body);
  http::Response Users(const std::string& method, const std::vector<std::string>& path,
                       const Json& body);
  http::Response Nodes(const std::string& method, const std::vector<std::string>& path,
                       const std::map<std::string, std::string>& query, const Json& body);
  http::Response Keys(const std::string& method, const std::vector<std::string>& path,
                      const std::map<std::string, std::string>& query, const Json& body);
  http::Response Policy(const std::string& method, const std::vector<std::string>& path,
                        const Json& body);
  http::Response Routes(const std::string& method, const std::vector<std::string>& path);
  // `status` is that of 0.30, `grpc` the code of earlier versions.
  http::Response Error(int status, int grpc, const std::string& message) const;
  Json Show(const User& user) const;
  Json Show(const Key& key) const;
  Json Show(const Node& node, bool in_list) const;
  Json RoutesOf(const Node& node) const;
  User* FindUser(const std::string& ref, bool by_name);

  FakeClock& clock_;
  http::FakeTransport transport_;
  mutable std::recursive_mutex mutex_;
  int next_id_ = 1;
};

}  // namespace charon
