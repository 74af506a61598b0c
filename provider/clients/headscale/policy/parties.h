// Whom the rules of policies can tell apart, and what each reaches of each.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "provider/clients/headscale/policy/addresses.h"
#include "provider/clients/headscale/policy/policy.h"
#include "provider/clients/headscale/policy/traffic.h"

namespace charon::headscale::policy {

// A node of the server, as far as a policy is concerned.
struct Device {
  std::string name;  // for messages
  std::string user;  // empty for tagged devices
  std::vector<std::string> tags;
  std::vector<Address> addresses;
};

// Whom rules can tell apart. A device is a user's or has tags; its addresses make it an address as
// well.
struct Party {
  enum class Kind { kUser, kOtherUser, kTag, kOtherTag, kAddresses, kOwn };
  Kind kind;
  std::string name;        // of a user or tag
  AddressSet addresses{};  // of kAddresses: no prefix of the policies divides it
  Address sample{};        // one of them
};

// The parties that two policies (or one, with a question) tell apart. kOwn, the devices of a user
// that no policy names, is a destination only.
class World {
 public:
  explicit World(std::vector<const Policy*> policies, const std::vector<Alias>& asked = {},
                 const std::vector<Device>& devices = {});

  const std::vector<Party>& parties() const { return parties_; }
  std::size_t size() const { return parties_.size(); }
  std::size_t own() const { return parties_.size() - 1; }
  const std::vector<const Policy*>& policies() const { return policies_; }

  // The parties that the alias stands for on that side of a rule of `policy`; autogroup:self for
  // none: see Matrix.
  std::vector<std::size_t> Members(const Alias& alias, const Policy& policy, bool source) const;

  // The parties that a device is: its user or tags, and its addresses.
  std::vector<std::size_t> PartiesOf(const Device& device) const;

 private:
  static bool Matches(const Alias& alias, const Policy& policy, bool source, const Party& party,
                      const std::optional<AddressSet>& addresses, bool every_device);

  // Addresses that lie in the same of the sets are one party. What of the tailnet no prefix names
  // is none: whoever has such an address is a device, and so a user or a tag.
  void Divide(std::vector<AddressSet> sets);

  const std::vector<const Policy*> policies_;
  const bool has_devices_;
  std::vector<Party> parties_;
};

// One rule as sets of parties.
class RuleReach {
 public:
  RuleReach(const Rule& rule, const Policy& policy, const World& world);

  // Whether some of `asked` gets through. The own devices of a user with a name are that user's.
  bool Overlaps(std::size_t source, std::size_t destination, const Traffic& asked) const;

 private:
  struct Target {
    std::vector<bool> members;
    Traffic traffic;
  };
  const std::size_t own_;
  std::vector<bool> sources_, users_;
  std::vector<Target> targets_;
};

// What each party reaches of each: cells are numbers of distinct Traffic, since few are distinct.
class Matrix {
 public:
  Matrix(const Policy& policy, const World& world);

  const Traffic& At(std::size_t source, std::size_t destination) const {
    return distinct_[cells_[source * size_ + destination]];
  }

 private:
  std::size_t Number(const Traffic& traffic);
  void Join(std::size_t source, std::size_t destination, std::size_t traffic);

  const std::size_t size_;
  std::vector<std::size_t> cells_;
  std::vector<Traffic> distinct_;
  std::map<Traffic, std::size_t> numbers_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> joined_;
};

// Names sets of parties as a person would.
class Namer {
 public:
  explicit Namer(const World& world) : world_(world) {}

  std::string Name(const std::set<std::size_t>& set) const;

 private:
  void AddUsers(const std::set<std::size_t>& set, bool all, std::vector<std::string>& names) const;

  void AddTags(const std::set<std::size_t>& set, bool all, std::vector<std::string>& names) const;

  void AddAddresses(const std::set<std::size_t>& set, bool devices_too,
                    std::vector<std::string>& names) const;

  const World& world_;
};

// "acls[0] (line 3): group:dev -> tag:web:443".
std::string RuleText(const Rule& rule);

}  // namespace charon::headscale::policy
