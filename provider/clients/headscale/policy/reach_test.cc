#include "provider/clients/headscale/policy/reach.h"

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"

namespace charon::headscale::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Policy ReadAccepted(absl::string_view text, int minor = kNewestPolicy) {
  const absl::StatusOr<HuJson> document = ParseHuJson(text);
  EXPECT_TRUE(document.ok()) << document.status();
  Policy policy = ReadPolicy(*document, minor);
  EXPECT_TRUE(policy.Refusal().ok()) << policy.Refusal();
  return policy;
}

// A policy with the usual names and these rules: "src -> dst" each.
std::string Rules(const std::vector<std::pair<std::string, std::string>>& rules,
                  absl::string_view more = "") {
  std::vector<std::string> acls;
  for (const auto& [src, dst] : rules)
    acls.push_back(absl::StrCat("{\"action\": \"accept\", \"src\": [\"", src, "\"], \"dst\": [\"",
                                dst, "\"]}"));
  return absl::StrCat(
      R"({"groups": {"group:dev": ["ann@", "bob@"], "group:ops": ["ann@"], "group:none": []}, "hosts": {"db": "10.0.0.5", "lan": "10.1.0.0/16"},
    "tagOwners": {"tag:web": [], "tag:db": []},
    "acls": [)",
      absl::StrJoin(acls, ",\n"), "]", more, "}");
}

TEST(Traffic, IsExact) {
  Traffic web, all = Traffic::All();
  web.Add(6, {{443, 443}, {80, 80}, {81, 90}});
  EXPECT_EQ(web.ToString(), "tcp 80-90, 443");
  EXPECT_EQ(all.ToString(), "*");
  EXPECT_EQ(all.Minus(web).ToString(), "icmp; tcp 0-79, 91-442, 444-65535; udp *");
  EXPECT_TRUE(all.Contains(web));
  EXPECT_FALSE(web.Contains(all));
  EXPECT_EQ(all.And(web), web);
  EXPECT_TRUE(web.Minus(web).empty());
  EXPECT_EQ(web.Or(all), all);
  Traffic ping;
  ping.Add(1, {{8, 8}});  // icmp has no ports
  EXPECT_EQ(ping.ToString(), "icmp");
  EXPECT_TRUE(all.Contains(ping));
  Traffic both;
  both.Add(6, {{443, 443}});
  both.Add(17, {{443, 443}});
  EXPECT_EQ(both.ToString(), "443");
  EXPECT_EQ(both.Or(ping).WithoutPing(), both);
  EXPECT_EQ(both.Or(ping).ToString(), "icmp; tcp 443; udp 443");  // that of IPv4 only
  EXPECT_EQ(all.WithoutPing(), all);
  EXPECT_EQ(ping.WithoutPing(), ping);
  Traffic odd;
  odd.Add(133, {PortRange()});
  odd.Add(200, {PortRange()});
  odd.Add(6, {{5, 4}});
  EXPECT_EQ(odd.ToString(), "fc; 200");
  EXPECT_EQ(Traffic().ToString(), "nothing");
}

struct Question {
  std::string src, dst;
  bool reaches;
};

TEST(Ask, FollowsTheRules) {
  const Policy policy = ReadAccepted(
      Rules({{"group:dev", "tag:web:80,443"},
             {"tag:web", "db:5432"},
             {"autogroup:member", "autogroup:self:*"},
             {"10.2.0.0/16", "lan:*"}},
            R"(, "grants": [{"src": ["ann@"], "dst": ["tag:db"], "ip": ["udp:53", "icmp:*"]}])"));
  for (const auto& [src, dst, reaches] :
       std::vector<Question>{{"group:dev", "tag:web:443", true},
                             {"group:dev", "tag:web:80,443", true},
                             {"group:dev", "tag:web:80-81", false},
                             {"ann@", "tag:web:443", true},
                             {"carl@", "tag:web:443", false},
                             {"ann@", "tag:web", true},
                             {"ann@", "tag:web/icmp", true},
                             {"ann@", "tag:web:443/udp", true},
                             {"ann@", "tag:db:53", false},
                             {"ann@", "tag:db:53/udp", true},
                             {"bob@", "tag:db:53/udp", false},
                             {"ann@", "tag:db/icmp", true},
                             {"ann@", "tag:db/tcp", false},
                             {"group:ops", "tag:db:53/udp", true},
                             {"group:dev", "tag:db:53/udp", false},
                             {"tag:web", "db:5432", true},
                             {"tag:web", "10.0.0.5:5432", true},
                             {"tag:web", "10.0.0.0/24:5432", false},
                             {"tag:db", "db:5432", false},
                             {"ann@", "autogroup:self:22", true},
                             {"ann@", "ann@:22", true},
                             {"ann@", "bob@:22", false},
                             {"carl@", "autogroup:self:22", true},
                             {"autogroup:member", "autogroup:self:22", true},
                             {"tag:web", "autogroup:self:22", false},
                             {"autogroup:member", "autogroup:member:22", false},
                             {"10.2.3.4", "lan:22", true},
                             {"10.2.3.4", "10.1.9.0/24:22", true},
                             {"10.2.0.0/15", "lan:22", false},
                             {"10.3.0.1", "lan:22", false},
                             {"*", "tag:web:443", false},
                             {"ann@", "*:443", false},
                             {"ann@", "*", false},
                             {"group:none", "tag:web:443", false},
                             {"ann@", "autogroup:internet:443", false}}) {
    const absl::StatusOr<Answer> answer = Ask(policy, src, dst);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->reaches, reaches)
        << src << " -> " << dst << " missing " << absl::StrJoin(answer->missing, " | ");
    EXPECT_EQ(answer->reaches && answer->rules.empty(), false) << src << " -> " << dst;
  }
}

TEST(Ask, NamesTheRulesAndWhatIsMissing) {
  const Policy policy = ReadAccepted(
      Rules({{"group:ops", "tag:web:22"}, {"*", "tag:web:443"}, {"bob@", "tag:db:*"}}));
  const absl::StatusOr<Answer> answer = Ask(policy, "group:dev", "tag:web:22,443");
  ASSERT_TRUE(answer.ok());
  EXPECT_FALSE(answer->reaches);
  EXPECT_EQ(answer->traffic.ToString(), "tcp 443");
  EXPECT_THAT(answer->rules, ElementsAre("acls[0] (line 3): group:ops -> tag:web:22",
                                         "acls[1] (line 4): * -> tag:web:443"));
  EXPECT_THAT(answer->missing, ElementsAre("bob@ -> tag:web: tcp 22"));
  const Policy routed = ReadAccepted(Rules(
      {},
      R"(, "grants": [{"src": ["group:dev"], "dst": ["lan"], "ip": ["22"], "via": ["tag:web"]}])"));
  EXPECT_THAT(Ask(routed, "ann@", "lan:22")->rules,
              ElementsAre("grants[0] (line 3): group:dev -> lan:22 by way of tag:web"));
  EXPECT_THAT(Ask(NoPolicy(29), "ann@", "8.8.8.8:53/udp")->rules,
              ElementsAre("the policy has no rules, so everything is allowed"));
  EXPECT_TRUE(Ask(NoPolicy(29), "ann@", "8.8.8.8:53/udp")->reaches);
}

TEST(Ask, RefusesWhatThePolicyDoesNotKnow) {
  const Policy policy = ReadAccepted(Rules({}));
  for (const auto& [src, dst, where, message] : std::vector<std::array<std::string, 4>>{
           {"group:dve", "tag:web:1", "src", "the policy has no group \"group:dve\""},
           {"ann", "tag:web:1", "src", "the policy has no host \"ann\""},
           {"", "tag:web:1", "src", "\"\" is nothing"},
           {"autogroup:self", "tag:web:1", "src", "nothing comes from autogroup:self"},
           {"autogroup:admin", "tag:web:1", "src", "\"autogroup:admin\" is nothing"},
           {"ann@", "tag:nope:1", "dst", "the policy has no tag"},
           {"ann@", "mail:25", "dst", "\"mail:25\" is nothing"},
           {"ann@", "tag:web:80-", "dst", "the policy has no tag \"tag:web:80-\""},
           {"ann@", "tag:web:53/dns", "dst", "\"dns\" is no protocol"}}) {
    const absl::StatusOr<Answer> answer = Ask(policy, src, dst);
    ASSERT_FALSE(answer.ok()) << src << " " << dst;
    EXPECT_EQ(PathOf(answer.status())->ToString(), where);
    EXPECT_THAT(std::string(answer.status().message()), HasSubstr(message));
    EXPECT_TRUE(RemedyOf(answer.status()).has_value());
  }
}

TEST(Ask, EverythingDependsOnTheGeneration) {
  const std::string text = Rules({{"*", "tag:web:443"}});
  EXPECT_FALSE(Ask(ReadAccepted(text, 29), "192.168.7.1", "tag:web:443")
                   ->reaches);  // 0.29: devices and the tailnet only
  EXPECT_TRUE(Ask(ReadAccepted(text, 28), "192.168.7.1", "tag:web:443")->reaches);
  EXPECT_TRUE(Ask(ReadAccepted(text, 29), "100.64.3.4", "tag:web:443")->reaches);
  EXPECT_TRUE(Ask(ReadAccepted(text, 29), "carl@", "tag:web:443")->reaches);
  EXPECT_FALSE(Ask(ReadAccepted(text, 28), "ann@", "tag:web/icmp")
                   ->reaches);  // 0.27 and 0.28 send tcp and udp only
  EXPECT_TRUE(Ask(ReadAccepted(text, 29), "ann@", "tag:web/icmp")->reaches);
}

TEST(Ask, DevicesCountWithTheirAddresses) {
  const Policy policy = ReadAccepted(
      R"({"hosts": {"laptop": "100.64.0.1"}, "tagOwners": {"tag:web": []}, "acls": [{"action": "accept", "src": ["laptop"], "dst": ["100.64.0.9:22"]}]})");
  const std::vector<Device> devices = {{"laptop", "ann", {}, {*Address::Parse("100.64.0.1")}},
                                       {"web-1", "", {"tag:web"}, {*Address::Parse("100.64.0.9")}}};
  EXPECT_FALSE(Ask(policy, "ann@", "tag:web:22")->reaches);
  EXPECT_TRUE(Ask(policy, "ann@", "tag:web:22", devices)->reaches);
  EXPECT_FALSE(Ask(policy, "ann@", "tag:web:23", devices)->reaches);
  std::vector<Device> more = devices;
  more.push_back({"phone", "ann", {}, {*Address::Parse("100.64.0.2")}});
  EXPECT_THAT(Ask(policy, "ann@", "tag:web:22", more)->missing,
              ElementsAre("phone -> web-1: tcp 22"));
}

std::string Compared(const std::string& before, const std::string& after,
                     int minor = kNewestPolicy) {
  const Difference difference = Compare(ReadAccepted(before, minor), ReadAccepted(after, minor));
  std::string text;
  for (const std::string& line : difference.gains) absl::StrAppend(&text, "+ ", line, "\n");
  for (const std::string& line : difference.losses) absl::StrAppend(&text, "- ", line, "\n");
  return text;
}

TEST(Compare, SaysWhoGainsAndWhoLoses) {
  const std::string none = Rules({});
  EXPECT_EQ(Compared(Rules({{"group:dev", "tag:web:443"}}),
                     Rules({{"group:dev", "tag:web:443,8000-8001"}})),
            "+ group:dev -> tag:web: 8000-8001\n");
  EXPECT_EQ(Compared(none, Rules({{"group:dev", "tag:web:443"}})), "+ group:dev -> tag:web: 443\n");
  EXPECT_EQ(Compared(Rules({{"group:dev", "tag:web:443"}}), Rules({{"ann@", "tag:web:443"}})),
            "- bob@ -> tag:web: 443\n");
  EXPECT_EQ(Compared(none, Rules({{"*", "*:*"}})), "+ every device -> *: *\n");
  EXPECT_EQ(Compared(none, Rules({{"*", "*:*"}}), 28), "+ * -> *: tcp *; udp *\n");
  EXPECT_EQ(Compared(none, Rules({{"autogroup:member", "autogroup:self:*"}})),
            "+ autogroup:member -> own devices: *\n");
  EXPECT_EQ(Compared(none, Rules({{"autogroup:member", "autogroup:member:22"}})),
            "+ autogroup:member -> autogroup:member: 22\n");
  EXPECT_EQ(Compared(none, Rules({{"group:ops", "db:5432"}, {"group:ops", "lan:*"}})),
            "+ group:ops -> db: 5432\n+ group:ops -> lan: *\n");
  EXPECT_EQ(Compared(none, Rules({{"autogroup:tagged", "autogroup:internet:*"}})),
            "+ autogroup:tagged -> the internet: *\n");
  EXPECT_EQ(Compared(none, Rules({{"group:dev", "10.9.0.0/24:1-9"}})),
            "+ group:dev -> 10.9.0.0/24: 1-9\n");
  EXPECT_EQ(Compared(Rules({{"*", "*:*"}}), Rules({{"group:dev", "*:*"}})),
            "- other users, autogroup:tagged -> *: *\n");
  // Moved to another rule, in another order, or named by another name: the same reach.
  EXPECT_EQ(
      Compared(
          Rules({{"group:dev", "tag:web:443"}, {"ann@", "db:1"}}),
          Rules({{"group:ops", "10.0.0.5:1"}, {"ann@", "tag:web:443"}, {"bob@", "tag:web:443"}})),
      "");
  EXPECT_EQ(
      Compared(Rules({{"group:dev", "lan:22"}}),
               Rules({{"group:dev", "10.1.0.0/17:22"}, {"group:dev", "10.1.128.0/17:1-100"}})),
      "+ group:dev -> 10.1.128.0/17: 1-21, 23-100\n");
}

TEST(Compare, GroupsAndAbsenceOfRulesCount) {
  const std::string before =
      R"({"groups": {"group:dev": ["ann@", "bob@"]}, "acls": [{"action": "accept", "src": ["group:dev"], "dst": ["*:22"]}]})";
  const std::string after =
      R"({"groups": {"group:dev": ["ann@", "carl@example.org"]}, "acls": [{"action": "accept", "src": ["group:dev"], "dst": ["*:22"]}]})";
  EXPECT_EQ(Compared(before, after), "+ carl@example.org -> *: 22\n- bob@ -> *: 22\n");
  EXPECT_EQ(Compared("{}", R"({"acls": []})"), "- * -> *: *\n");
  EXPECT_EQ(Compared(R"({"acls": []})", "{}"), "+ * -> *: *\n");
}

TEST(Compare, LoginsAreComparedAsTheyAreWritten) {
  const std::string before = Rules(
      {},
      R"(, "ssh": [{"action": "accept", "src": ["group:dev"], "dst": ["tag:web"], "users": ["root", "ubuntu"]}])");
  const std::string after = Rules(
      {},
      R"(, "ssh": [{"action": "check", "src": ["group:dev"], "dst": ["tag:web"], "users": ["root"]},
    {"action": "accept", "src": ["group:ops", "group:dev"], "dst": ["tag:web"], "users": ["ubuntu"]}])");
  EXPECT_EQ(Compared(before, after),
            "+ ssh: group:dev -> tag:web as root (check)\n+ ssh: group:ops -> tag:web as ubuntu\n- "
            "ssh: group:dev -> tag:web as "
            "root\n");
}

TEST(LostDevices, AreThoseThatAreNotReachedAtAllAnyMore) {
  const std::vector<Device> devices = {{"laptop", "ann", {}, {*Address::Parse("100.64.0.1")}},
                                       {"web-1", "", {"tag:web"}, {*Address::Parse("100.64.0.9")}},
                                       {"db-1", "", {"tag:db"}, {*Address::Parse("100.64.0.8")}}};
  const Policy before =
      ReadAccepted(Rules({{"group:dev", "tag:web:22,443"}, {"100.64.0.1", "tag:db:*"}}));
  EXPECT_THAT(
      LostDevices(before, ReadAccepted(Rules({{"ann@", "tag:web:443"}})), devices[0], devices),
      ElementsAre("db-1 (tag:db), now by acls[1] (line 4): 100.64.0.1 -> tag:db:*"));
  EXPECT_THAT(
      LostDevices(NoPolicy(29), ReadAccepted(Rules({{"ann@", "*:443"}})), devices[0], devices),
      IsEmpty());
  EXPECT_THAT(
      LostDevices(NoPolicy(29), ReadAccepted(Rules({{"ann@", "tag:db:443"}})), devices[0], devices),
      ElementsAre("web-1 (tag:web), everything is allowed now"));
}

// Against a second reading of the rules: rule by rule, device by device, port by port.
TEST(Reach, AgreesWithAnEvaluationOfEachRule) {
  const std::vector<Device> devices = {
      {"a", "ann", {}, {*Address::Parse("100.64.0.1")}},
      {"b", "bob", {}, {*Address::Parse("100.64.0.2")}},
      {"c", "carl", {}, {*Address::Parse("100.64.0.3")}},
      {"w", "", {"tag:web"}, {*Address::Parse("100.64.0.4")}},
      {"wd", "", {"tag:web", "tag:db"}, {*Address::Parse("100.64.0.5")}}};
  const auto is = [](const Device& device, const std::string& alias) {
    const auto tagged = [&](const char* tag) {
      return std::find(device.tags.begin(), device.tags.end(), tag) != device.tags.end();
    };
    const std::string user = device.tags.empty() ? device.user : "";
    if (alias == "*") return true;
    if (alias == "ann@" || alias == "group:ops") return user == "ann";
    if (alias == "group:dev") return user == "ann" || user == "bob";
    if (alias == "autogroup:member") return !user.empty();
    if (alias == "autogroup:tagged") return user.empty();
    if (alias == "tag:web" || alias == "tag:db") return tagged(alias.c_str());
    if (alias == "100.64.0.2/31") return device.name == "b" || device.name == "c";
    return alias == "100.64.0.4" && device.name == "w";
  };
  const std::vector<std::string> aliases = {
      "*",       "ann@",   "group:dev",     "group:ops", "autogroup:member", "autogroup:tagged",
      "tag:web", "tag:db", "100.64.0.2/31", "100.64.0.4"};
  std::mt19937 random(11);
  const auto any = [&](std::size_t most) { return random() % most; };
  for (int round = 0; round < 12; ++round) {
    struct Acl {
      std::string src, dst;
      int first, last;
    };
    std::vector<Acl> acls;
    std::vector<std::pair<std::string, std::string>> texts;
    for (std::size_t i = 1 + any(4); i > 0; --i) {
      const int first = static_cast<int>(1 + any(4)), last = first + static_cast<int>(any(3));
      acls.push_back({aliases[any(aliases.size())], aliases[any(aliases.size())], first, last});
      texts.emplace_back(acls.back().src, absl::StrCat(acls.back().dst, ":", first, "-", last));
    }
    const Policy policy = ReadAccepted(Rules(texts));
    for (const Device& from : devices) {
      for (const Device& to : devices) {
        if (from.name == to.name) continue;
        for (int port = 1; port <= 6; ++port) {
          const bool expected = std::any_of(acls.begin(), acls.end(), [&](const Acl& acl) {
            return is(from, acl.src) && is(to, acl.dst) && acl.first <= port && port <= acl.last;
          });
          const absl::StatusOr<Answer> answer =
              Ask(policy, from.addresses[0].ToString(),
                  absl::StrCat(to.addresses[0].ToString(), ":", port), devices);
          ASSERT_TRUE(answer.ok()) << answer.status();
          EXPECT_EQ(answer->reaches, expected)
              << from.name << " -> " << to.name << ":" << port << " in " << Rules(texts);
        }
      }
    }
  }
}

}  // namespace
}  // namespace charon::headscale::policy
