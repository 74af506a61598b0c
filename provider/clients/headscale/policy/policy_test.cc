#include "provider/clients/headscale/policy/policy.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/testing/checkout.h"

namespace charon::headscale::policy {
namespace {

using testing::HasSubstr;

Policy Read(absl::string_view text, int minor = kNewestPolicy) {
  const absl::StatusOr<HuJson> document = ParseHuJson(text);
  EXPECT_TRUE(document.ok()) << document.status();
  return ReadPolicy(*document, minor);
}

// What real servers of five generations, without nodes and users, said to each policy. The
// scenarios ask real servers again (acceptance-tests/scenarios/vpn_policy_test.py).
TEST(Policy, VerdictsAreThoseOfTheServers) {
  std::ifstream file(SourcePath("provider/clients/headscale/policy/testdata/verdicts.json"));
  const auto cases = nlohmann::json::parse(file);
  ASSERT_GT(cases.size(), 80u);
  for (const auto& entry : cases) {
    for (const int minor : {23, 26, 27, 28, 29}) {
      const std::string version = absl::StrCat("0.", minor);
      const auto listed = [&](const char* name) {
        const auto list = entry.value(name, nlohmann::json::array());
        return std::find(list.begin(), list.end(), version) != list.end();
      };
      const absl::Status refusal = Read(entry["policy"].get<std::string>(), minor).Refusal();
      EXPECT_EQ(!refusal.ok(), listed("refused_by") && !listed("left_to_server"))
          << version << ": " << entry["name"] << ": " << refusal;
      EXPECT_TRUE(refusal.ok() || RemedyOf(refusal).has_value()) << refusal;
    }
  }
}

struct Wrong {
  std::string text;
  int minor;
  std::string message, remedy;
};

TEST(Policy, MessagesNamePlaceReasonAndRemedy) {
  for (
      const auto& [text, minor, message, remedy] : std::vector<Wrong>{
          {"{\"acls\": [\n  {\"action\": \"accept\", \"src\": [\"web\"], \"dst\": [\"*:*\"]},\n], "
           "\"tagOwners\": {\"tag:web\": "
           "[]}}",
           30,
           "line 2, column 32 (acls[0].src[0]): \"web\" is neither a host of \"hosts\" nor a user",
           "Did you mean \"tag:web\"? Tags start with \"tag:\"."},
          {R"({"acls": [{"action": "accept", "src": ["ann"], "dst": ["*:*"]}]})", 26,
           "\"ann\" is neither a host of \"hosts\" nor a user",
           "A user's name ends with @ unless it holds one: \"ann@\". A host must stand in "
           "\"hosts\"."},
          {R"({"acls": [], "groups": {"group:dev": ["ann"]}})", 29,
           "line 1, column 39 (groups.group:dev[0]): the policy parser refuses the user name "
           "\"ann\": it has no @",
           "From Headscale 0.26 on a user's name in a policy ends with @ unless it holds one: "
           "\"ann@\"."},
          {R"({"acls": [{"action": "accept", "src": ["group:dve"], "dst": ["*:*"]}], "groups": {"group:dev": []}})",
           29, "there is no group \"group:dve\"", "Add it to \"groups\"; there are \"group:dev\"."},
          {R"({"acls": [], "tagOwners": {"web": []}})", 28,
           "(tagOwners.web): the name of a tag starts with \"tag:\", \"web\" does not",
           "Write \"tag:web\"."},
          {R"({"acls": [], "tests": []})", 28, "\"tests\" is not known to Headscale 0.28",
           "Headscale 0.29 and later have it."},
          {R"({"acls": [], "tagOwners": {"tag:a": ["tag:a"]}})", 27,
           "a tag cannot own a tag on Headscale 0.27",
           "Tags can from Headscale 0.28 on; name users or groups."},
          {R"({"acls": [{"action": "accept", "src": ["*"], "dst": ["tag:a:80-"]}], "tagOwners": {"tag:a": []}})",
           29, "\"80-\" in \"tag:a:80-\" is no list of ports",
           "Write ports from 1 to 65535 and ranges, \"22,8000-8080\", or * for all."},
          {R"({"acls": [{"action": "drop"}, {"action": "drop"}]})", 29,
           "the action \"drop\" is not known; 1 more after it",
           "\"accept\" is the only one: what no rule accepts is denied."},
          {R"({"acls": [], "acls": []})", 27,
           "line 1, column 14 (acls): \"acls\" stands a second time in its object; the first one "
           "is at line 1, column 2",
           "Join the two"},
          {R"({"acls": [{"action": "accept", "src": ["autogroup:self"], "dst": ["*:*"]}]})", 30,
           "\"autogroup:self\" cannot be a source on Headscale 0.30",
           "There are \"autogroup:member\", \"autogroup:tagged\", \"autogroup:danger-all\"."},
      }) {
    const absl::Status refusal = Read(text, minor).Refusal();
    EXPECT_THAT(std::string(refusal.message()), HasSubstr(message));
    EXPECT_THAT(RemedyOf(refusal).value_or(""), HasSubstr(remedy));
  }
}

std::string Notes(absl::string_view text, int minor) {
  std::string notes;
  for (const Finding& finding : Read(text, minor).findings) {
    EXPECT_FALSE(finding.refused) << finding.ToString();
    absl::StrAppend(&notes, finding.ToString(), " ", finding.remedy, "\n");
  }
  return notes;
}

TEST(Policy, WhatAServerTakesButDoesNotMeanIsNoted) {
  EXPECT_EQ(Notes(R"({"acls": [{"action": "accept", "src": ["10.0.0.1/8"], "dst": ["*:*"]}]})", 29),
            "line 1, column 40 (acls[0].src[0]): \"10.0.0.1/8\" has host bits: the server reads it "
            "as 10.0.0.0/8 Write "
            "\"10.0.0.0/8\", or "
            "\"10.0.0.1\" for the one address.\n");
  EXPECT_THAT(Notes(R"({"acls": [], "tests": []})", 26),
              HasSubstr("\"tests\" is not known to Headscale 0.26, which ignores it"));
  EXPECT_THAT(Notes(R"({"groups": {}})", 29),
              HasSubstr("a policy without \"acls\" allows everything"));
  EXPECT_THAT(Notes(R"({"groups": {"group:a": ["ann@"]}})", 23), HasSubstr("has no user \"ann@\""));
  EXPECT_THAT(Notes(R"({"hosts": {"db": "fd00::5"}})", 23),
              HasSubstr("reads \"fd00::5\" as fd00::/32"));
  EXPECT_EQ(Notes(R"({"acls": []})", 29), "");
}

TEST(Policy, WhenTheServerIsNotKnownOnlyWhatAllRefuseIsRefused) {
  EXPECT_TRUE(RefusedByAll(*ParseHuJson(R"({"acls": [], "tests": []})")).ok());
  EXPECT_TRUE(
      RefusedByAll(
          *ParseHuJson(R"({"acls": [{"action": "accept", "src": ["ann"], "dst": ["*:*"]}]})"))
          .ok());
  EXPECT_FALSE(
      RefusedByAll(
          *ParseHuJson(
              R"({"acls": [{"action": "accept", "src": ["group:none"], "dst": ["*:*"]}]})"))
          .ok());
  EXPECT_FALSE(RefusedByAll(*ParseHuJson("[]")).ok());
}

TEST(Policy, TheModelIsThatOfTheGeneration) {
  const char* text =
      R"({"groups": {"group:dev": ["ann@", "bob@example.org"]}, "hosts": {"db": "10.0.0.5"}, "tagOwners": {"tag:web": ["group:dev"]},
    "acls": [{"action": "accept", "proto": "icmp", "src": [" group:dev "], "dst": ["db:*", "tag:web:*"]}],
    "grants": [{"src": ["*"], "dst": ["tag:web"], "ip": ["tcp:22,80-81", "*"], "via": ["tag:web"]}]})";
  const Policy policy = Read(text, 29);
  ASSERT_TRUE(policy.Refusal().ok()) << policy.Refusal();
  EXPECT_THAT(policy.groups.at("group:dev"), testing::ElementsAre("ann", "bob@example.org"));
  ASSERT_EQ(policy.rules.size(), 3u);
  EXPECT_EQ(policy.rules[0].where, "acls[0]");
  EXPECT_EQ(policy.rules[0].src[0].kind, Alias::Kind::kGroup);
  EXPECT_EQ(policy.rules[0].dst[0].alias.prefix->ToString(), "10.0.0.5/32");
  EXPECT_THAT(policy.rules[0].protocols, testing::ElementsAre(1));
  EXPECT_EQ(policy.rules[1].where, "grants[0]");
  EXPECT_EQ(policy.rules[1].dst[0].ports.size(), 2u);
  EXPECT_THAT(policy.rules[1].via, testing::ElementsAre("tag:web"));
  EXPECT_THAT(policy.rules[2].protocols, testing::ElementsAre(6, 17, 1, 58));
  EXPECT_FALSE(policy.allows_everything);
  EXPECT_THAT(Read(R"({"acls": [{"action": "accept", "src": ["*"], "dst": ["*:1"]}]})", 28)
                  .rules[0]
                  .protocols,
              testing::ElementsAre(6, 17));
  EXPECT_THAT(
      Read(R"({"acls": [{"action": "accept", "proto": "icmp", "src": ["*"], "dst": ["*:*"]}]})", 28)
          .rules[0]
          .protocols,
      testing::ElementsAre(1, 58));
  EXPECT_TRUE(Read("{}", 29).allows_everything);
  EXPECT_FALSE(Read("{}", 26).allows_everything);
  EXPECT_EQ(Read(R"({"acls": [{"action": "accept", "src": ["ann"], "dst": ["*:*"]}]})", 25)
                .rules[0]
                .src[0]
                .kind,
            Alias::Kind::kUser);
}

}  // namespace
}  // namespace charon::headscale::policy
