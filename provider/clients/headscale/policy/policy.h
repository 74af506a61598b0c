// A Headscale policy as a model, read by the rules of one server generation, with everything about
// it that this generation refuses or silently ignores. Facts: hscontrol/policy/acls.go and
// acls_types.go at v0.23.0 and v0.25.1, hscontrol/policy/v2/{types,utils,filter,compiled}.go at
// v0.26.1, v0.27.1, v0.28.0, v0.29.2 and main (0.30) of github.com/juanfont/headscale.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "provider/clients/headscale/policy/addresses.h"
#include "provider/clients/headscale/policy/hujson.h"

namespace charon::headscale::policy {

// Minors of Headscale 0.x between which the meaning of a policy changed.
inline constexpr int kOldestPolicy = 23;
inline constexpr int kTypedPolicy =
    26;  // users need an @; names must be defined; autogroups are few
inline constexpr int kStrictPolicy =
    27;  // unknown fields and duplicate names are refused; autogroups
inline constexpr int kTagTreePolicy = 28;  // tags own tags
inline constexpr int kGrantsPolicy = 29;   // grants, tests, nodeAttrs; `*` means the tailnet
inline constexpr int kNewestPolicy = 30;

// Something about the text that a person should know.
struct Finding {
  bool refused =
      false;  // by the server; otherwise it takes the policy, and what is meant is not what happens
  Position at;
  std::string where;  // "acls[0].src[1]"
  std::string message, remedy;
  // Taken only if a node carries this tag by an administrator's word (before 0.26); empty: whatever
  // nodes there are.
  std::string unless_tag = {};
  // "line 3, column 5 (acls[0].src[1]): message"; without the place in the text "acls[0].src[1]:
  // message".
  std::string ToString(bool places = true) const;
};

// Who or what a rule is about.
struct Alias {
  enum class Kind { kEverything, kUser, kGroup, kTag, kAutogroup, kHost, kPrefix, kNothing };
  Kind kind = Kind::kNothing;  // kNothing: it matches nothing
  std::string text;            // as written
  std::string
      name;  // of a user: as the server has it, without the @ at the end that 0.26 and later want
  std::optional<Prefix> prefix;
  Position at;
};

struct PortRange {
  int first = 0, last = 65535;
  bool is_all() const { return first == 0 && last == 65535; }
};

// One `acls` entry, or one `ip` entry of a grant.
struct Rule {
  std::string where;  // "acls[2]", "grants[0]"
  Position at;
  std::vector<Alias> src;
  struct Destination {
    Alias alias;
    std::vector<PortRange> ports;
  };
  std::vector<Destination> dst;
  std::vector<int> protocols;    // IANA numbers; what the generation means by none is filled in
  std::vector<std::string> via;  // of a grant: tags of the routers that traffic takes
};

// One `ssh` entry.
struct SshRule {
  std::string where;
  Position at;
  std::string action;  // "accept", "check"
  std::vector<Alias> src, dst;
  std::vector<std::string> users;
};

struct Policy {
  int minor = kNewestPolicy;
  std::map<std::string, std::vector<std::string>> groups;  // "group:dev" -> names of users
  std::map<std::string, Prefix> hosts;
  std::map<std::string, std::vector<Alias>> tag_owners;
  // From 0.27 on a policy with neither `acls` nor `grants` allows everything; an empty list allows
  // nothing.
  bool allows_everything = false;
  std::vector<Rule> rules;
  std::vector<SshRule> ssh;
  std::vector<Finding> findings;  // in the order of the text

  // The first finding that makes the server refuse it, as InvalidArgument with its remedy, and how
  // many more there are.
  absl::Status Refusal(bool places = true) const;
};

// Reads `document` as a server of 0.`minor` does. What is refused is left out of the model.
Policy ReadPolicy(const HuJson& document, int minor);

// The rules that say that a server without a policy allows everything.
Policy NoPolicy(int minor);

// As Refusal() of a server that is not known: only what each generation refuses.
absl::Status RefusedByAll(const HuJson& document, bool places = true);

// One alias of a question such as policy_reach("group:dev", ...), by the rules of the newest
// generation.
Alias ParseAlias(absl::string_view text, int minor, const Policy& policy);
// "443", "80,8000-8080", "*"; nullopt if it is none of these.
std::optional<std::vector<PortRange>> ParsePorts(absl::string_view text, int minor);

// "tcp", "icmp", "132"; nullopt if the generation does not know it. An empty result means its
// default.
std::optional<std::vector<int>> ParseProtocol(absl::string_view text, int minor);
std::string ProtocolName(int number);

// The part before the ports, and the ports, of "tag:web:443" and "[fd7a::1]:22"; nullopt if there
// are no ports.
std::optional<std::pair<std::string, std::string>> SplitPorts(absl::string_view text, int minor);

}  // namespace charon::headscale::policy
