// How a document becomes a Policy. For this folder.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "provider/clients/headscale/policy/addresses.h"
#include "provider/clients/headscale/policy/hujson.h"
#include "provider/clients/headscale/policy/policy.h"

namespace charon::headscale::policy {

using Names = std::vector<absl::string_view>;

// Numbers of protocols, as IANA has them.
inline constexpr int kTcp = 6, kUdp = 17, kSctp = 132, kIcmp = 1, kIcmpV6 = 58;

bool Among(absl::string_view text, const Names& names);
// "acls", "groups": each in quotes, with commas.
std::string Listed(const Names& names);
// The name that servers look for: from 0.26 on without an @ at the end (resolveUser), before as it
// is.
std::string NameOfUser(absl::string_view text, int minor);

// Reads one document by the rules of one generation. read_policy.cc has what the sections have in
// common and the names, read_rules.cc the rules, read_ssh.cc logins, tests and attributes.
class Reader {
 public:
  Reader(const HuJson& document, int minor);

  Policy Read();

 private:
  using Visit = std::function<void(const HuJson&, const std::string& where)>;

  void Refuse(Position at, const std::string& where, std::string message, std::string remedy);
  void Note(Position at, const std::string& where, std::string message, std::string remedy);
  // Refused from 0.`since` on; before that it is taken and means less than it says.
  void RefuseSince(int since, Position at, const std::string& where, std::string message,
                   std::string remedy);

  // Before 0.26 a second object of a name adds to the first one (encoding/json decodes into the map
  // that is there).
  void MergeMaps();

  // The member that sets field `name`; null is as good as none.
  const HuJson* Field(const HuJson& object, absl::string_view name) const;

  void CheckDuplicates(const HuJson& value, const std::string& where);

  void CheckFields(const HuJson& object, const std::string& where, const Names& fields);

  // True if `value` is of that kind, or absent.
  bool Is(const HuJson* value, HuJson::Kind kind, const std::string& where);

  void ForEach(const HuJson* list, const std::string& where, const Visit& visit);

  // Each string of a list.
  void ForEachText(const HuJson* list, const std::string& where, const Visit& visit);

  void ReadHosts();

  void NoteHostBits(const Prefix& prefix, absl::string_view text, Position at,
                    const std::string& where);

  void ReadGroups();

  // Before 0.26 names stand as they are on the server.
  void NoteUser(absl::string_view text, Position at, const std::string& where);

  void ReadTagOwners();

  // Whether the generation goes on with it.
  bool CheckTagName(absl::string_view name, Position at, const std::string& where);

  void CheckTagCycles(const HuJson& owners);

  // A user, group or tag that may own or approve something.
  std::optional<Alias> Approver(const HuJson& value, const std::string& where,
                                absl::string_view what, int tags_since);

  // What someone may have meant by a name that is nothing.
  std::string UserRemedy(absl::string_view text) const;

  Alias Resolve(absl::string_view text, Position at) const;

  // False, with a finding, if the alias names what the policy does not have.
  bool CheckDefined(const Alias& alias, const std::string& where);

  template <typename V>
  static std::string Keys(const std::map<std::string, V>& map) {
    Names names;
    for (const auto& [name, value] : map) names.push_back(name);
    if (names.size() > 8) names.resize(8);
    return Listed(names);
  }

  Names Autogroups(bool source, bool ssh) const;

  // An alias of a rule; nullopt, with a finding, if it is refused.
  std::optional<Alias> RuleAlias(absl::string_view text, Position at, const std::string& where,
                                 bool source, bool ssh);

  void ReadSources(const HuJson* list, const std::string& where, std::vector<Alias>& out);

  void ReadAcl(const HuJson& acl, const std::string& where);

  std::vector<int> Default() const;

  bool ReadProtocol(const HuJson& value, const std::string& where, Rule& rule, bool& ports_allowed);

  std::optional<Rule::Destination> ReadDestination(const HuJson& value, const std::string& where);

  // autogroup:self is for devices of users only (validateACLSrcDstCombination,
  // validateGrantSrcDstCombination; 0.29).
  void CheckSelf(const Rule& rule, const std::string& where, bool everything_allowed);

  void ReadGrant(const HuJson& grant, const std::string& where);

  // validateCapabilityName (0.29): Tailscale's own are few.
  void CheckCapability(const HuJson::Member& member, const std::string& where);

  void ReadSsh(const HuJson& ssh, const std::string& where);

  std::optional<Alias> SshAlias(absl::string_view text, Position at, const std::string& where,
                                bool source);

  void CheckPeriod(const HuJson* period, const std::string& where, absl::string_view action);

  // validateSSHSrcDstCombination (0.28).
  void CheckSshPair(const SshRule& rule, const std::string& where);

  void ReadAutoApprovers();

  void ReadTests();

  // validateTestDestination (0.29): one connection to one host.
  void CheckTestDestination(const HuJson& value, const std::string& where);

  void ReadNodeAttrs();

  // ErrEmptyPolicy (hscontrol/policy/acls.go, v0.23.0).
  void CheckNotEmpty(const HuJson* acls);

  HuJson document_;
  const int minor_;
  Policy policy_;
  std::set<std::string> nested_groups_;
};

}  // namespace charon::headscale::policy
