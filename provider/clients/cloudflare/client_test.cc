#include "provider/clients/cloudflare/client.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/clients/dns/client_for_test.h"
#include "provider/testing/status_matchers.h"

namespace charon::cloudflare {
namespace {

using dns::Change;
using dns::RecordSet;
using dns::Unit;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kToken[] = "cf-token-for-the-test";

class CloudflareTest : public dns::ClientTest {
 protected:
  CloudflareTest() : ClientTest({"023e105f4ecef8ad9ca31a8372d0c353", "example.org"}) {
    client_ = NewClient({.base_url = "https://cf.example/client/v4/", .api_token = kToken},
                        http::Borrow(transport_));
  }
  static RecordSet Set(const std::string& type, std::vector<std::string> values) {
    RecordSet set = dns::Set("www.example.org", type, std::move(values));
    set.ttl = dns::kAutomaticTtl;
    return set;
  }
  Json Sent() { return Json::parse(transport_.requests().back().body); }
};

TEST_F(CloudflareTest, FindsZones) {
  transport_.Answer(200, R"({"success": true, "errors": [], "result": [
    {"id": "023e105f4ecef8ad9ca31a8372d0c353", "name": "example.org", "status": "active", "name_servers": ["bob.ns.example.com", "lola.ns.example.com"],
     "plan": {"legacy_id": "free"}, "created_on": "2025-01-01T05:20:00.12345Z"}],
    "result_info": {"page": 1, "per_page": 50, "count": 1, "total_count": 1, "total_pages": 1}})");
  const auto zones = client_->ZonesNamed(call_, "example.org");
  ASSERT_THAT(zones, IsOk());
  ASSERT_EQ(zones->size(), 1u);
  EXPECT_EQ(zones->front().record_limit, 200);
  EXPECT_EQ(absl::ToUnixMillis(*zones->front().made), 1735708800123);
  EXPECT_THAT(zones->front().name_servers,
              ElementsAre("bob.ns.example.com", "lola.ns.example.com"));
  EXPECT_EQ(transport_.requests()[0].url,
            "https://cf.example/client/v4/zones?name=example.org&per_page=50");
  EXPECT_THAT(transport_.requests()[0].headers,
              ElementsAre(std::pair<std::string, std::string>("Authorization",
                                                              absl::StrCat("Bearer ", kToken))));

  transport_.Answer(
      200,
      R"({"success": true, "result": {"id": "1", "name": "example.org", "plan": {"legacy_id": "free"}, "created_on": "2020-01-01T00:00:00Z"}})");
  EXPECT_EQ(client_->ZoneById(call_, "1")->record_limit, 1000);
  transport_.Answer(
      200,
      R"({"success": true, "result": {"id": "1", "name": "example.org", "plan": {"legacy_id": "pro"}}})");
  EXPECT_EQ(client_->ZoneById(call_, "1")->record_limit, 3500);
  transport_.Answer(200, R"({"success": true, "result": {"id": "1", "name": "example.org"}})");
  EXPECT_EQ(client_->ZoneById(call_, "1")->made, std::nullopt);
  EXPECT_TRUE(client_->IsZoneId("023e105f4ecef8ad9ca31a8372d0c353"));
  EXPECT_FALSE(client_->IsZoneId("example.org"));
}

TEST_F(CloudflareTest, ListsSetsOverPagesInPresentationForm) {
  transport_.Answer(200, R"({"success": true, "result": [
    {"id": "1", "name": "www.example.org", "type": "A", "content": "192.0.2.1", "ttl": 1, "proxied": true, "comment": "site", "tags": ["team:web"]},
    {"id": "2", "name": "www.example.org", "type": "A", "content": "192.0.2.2", "ttl": 1, "proxied": true, "comment": "site", "tags": ["team:web"]},
    {"id": "3", "name": "example.org", "type": "MX", "content": "mail.example.org", "priority": 10, "ttl": 300},
    {"id": "4", "name": "example.org", "type": "TXT", "content": "v=spf1 -all", "ttl": 300},
    {"id": "5", "name": "q.example.org", "type": "TXT", "content": "\"a\" \"b\"", "ttl": 300}],
    "result_info": {"page": 1, "total_pages": 2}})");
  transport_.Answer(200, R"({"success": true, "result": [
    {"id": "6", "name": "_sip._udp.example.org", "type": "SRV", "content": "5 5060 sip.example.org", "priority": 10, "ttl": 300,
     "data": {"priority": 10, "weight": 5, "port": 5060, "target": "sip.example.org"}},
    {"id": "7", "name": "example.org", "type": "CAA", "content": "0 issue \"ca.example.net\"", "ttl": 300, "data": {"flags": 0, "tag": "issue", "value": "ca.example.net"}},
    {"id": "8", "name": "uneven.example.org", "type": "A", "content": "192.0.2.1", "ttl": 300},
    {"id": "9", "name": "uneven.example.org", "type": "A", "content": "192.0.2.2", "ttl": 600, "tags": ["team:web"]}],
    "result_info": {"page": 2, "total_pages": 2}})");
  const auto sets = client_->List(call_, zone_);
  ASSERT_THAT(sets, IsOk());
  std::map<std::string, RecordSet> by;
  for (const RecordSet& set : *sets) by[dns::Describe(set.key)] = set;
  EXPECT_THAT(by["A www.example.org"].values, ElementsAre("192.0.2.1", "192.0.2.2"));
  EXPECT_THAT(by["A www.example.org"].ids, ElementsAre("1", "2"));
  EXPECT_EQ(by["A www.example.org"].proxied, true);
  EXPECT_EQ(by["A www.example.org"].comment, "site");
  EXPECT_EQ(by["A www.example.org"].tags, std::set<std::string>{"team:web"});
  EXPECT_THAT(by["MX example.org"].values, ElementsAre("10 mail.example.org"));
  EXPECT_THAT(by["TXT example.org"].values, ElementsAre("\"v=spf1 -all\""));
  EXPECT_THAT(by["TXT q.example.org"].values, ElementsAre("\"ab\""));
  EXPECT_THAT(by["SRV _sip._udp.example.org"].values, ElementsAre("10 5 5060 sip.example.org"));
  EXPECT_THAT(by["CAA example.org"].values, ElementsAre("0 issue \"ca.example.net\""));
  EXPECT_EQ(by["A uneven.example.org"].ttl, 0);
  EXPECT_TRUE(by["A uneven.example.org"].mixed_tags);
  EXPECT_FALSE(by["A uneven.example.org"].mixed_comment || by["A www.example.org"].mixed_tags);
  EXPECT_EQ(transport_.requests()[1].url,
            "https://cf.example/client/v4/zones/023e105f4ecef8ad9ca31a8372d0c353/"
            "dns_records?per_page=5000&page=2");
}

TEST_F(CloudflareTest, MakesRecordsOfEveryShape) {
  transport_.Answer(200, R"({"success": true, "result": {"posts": [{"id": "a"}, {"id": "b"}]}})");
  RecordSet set = Set("A", {"192.0.2.1", "192.0.2.2"});
  set.proxied = true;
  set.comment = "site";
  EXPECT_THAT(Write({{{Change{std::nullopt, set}}}}).status, IsOk());
  EXPECT_EQ(transport_.requests()[0].method, "POST");
  EXPECT_THAT(transport_.requests()[0].url, HasSubstr("/dns_records/batch"));
  EXPECT_EQ(Sent(), Json::parse(R"({"posts": [
    {"name": "www.example.org", "type": "A", "content": "192.0.2.1", "ttl": 1, "proxied": true, "comment": "site"},
    {"name": "www.example.org", "type": "A", "content": "192.0.2.2", "ttl": 1, "proxied": true, "comment": "site"}]})"));
  EXPECT_THAT(units_[0].changes[0].after->ids, ElementsAre("a", "b"));

  struct Case {
    const char *type, *value, *fields;
  };
  for (
      const Case& c : {
          Case{"MX", "10 mail.example.org.", R"({"content": "mail.example.org", "priority": 10})"},
          Case{"TXT", "\"v=spf1 \" \"-all\"", R"({"content": "\"v=spf1 -all\""})"},
          Case{
              "SRV", "10 5 5060 sip.example.org",
              R"({"data": {"priority": 10, "weight": 5, "port": 5060, "target": "sip.example.org"}})"},
          Case{"CAA", "0 issue \"ca.example.net\"",
               R"({"data": {"flags": 0, "tag": "issue", "value": "ca.example.net"}})"},
          Case{
              "TLSA", "3 1 1 0A0B",
              R"({"data": {"usage": 3, "selector": 1, "matching_type": 1, "certificate": "0a0b"}})"},
          Case{"SSHFP", "4 2 0a0b",
               R"({"data": {"algorithm": 4, "type": 2, "fingerprint": "0a0b"}})"},
          Case{"HTTPS", "1 . alpn=h2 port=443",
               R"({"data": {"priority": 1, "target": ".", "value": "alpn=\"h2\" port=\"443\""}})"},
          Case{"URI", "10 1 \"https://example.org/\"",
               R"({"priority": 10, "data": {"weight": 1, "target": "https://example.org/"}})"},
      }) {
    transport_.Answer(200, R"({"success": true, "result": {"posts": [{"id": "a"}]}})");
    EXPECT_THAT(Write({{{Change{std::nullopt, Set(c.type, {c.value})}}}}).status, IsOk());
    Json expected = Json::parse(c.fields);
    expected.update({{"name", "www.example.org"}, {"type", c.type}, {"ttl", 1}});
    EXPECT_EQ(Sent()["posts"][0], expected);
  }
}

TEST_F(CloudflareTest, AChangeTouchesOnlyWhatDiffers) {
  RecordSet before = Set("A", {"192.0.2.1", "192.0.2.2", "192.0.2.3"});
  before.ids = {"1", "2", "3"};
  before.comment = "somebody's note";
  // One value goes and one comes: the record keeps its id. The note was not asked for, so it stays
  // unsent.
  transport_.Answer(200, R"({"success": true, "result": {"patches": [{"id": "2"}]}})");
  EXPECT_THAT(Write({{{Change{before, Set("A", {"192.0.2.1", "192.0.2.9", "192.0.2.3"})}}}}).status,
              IsOk());
  EXPECT_EQ(Sent(), Json::parse(R"({"patches": [{"id": "2", "content": "192.0.2.9", "ttl": 1}]})"));
  EXPECT_THAT(units_[0].changes[0].after->ids, ElementsAre("1", "2", "3"));

  transport_.Answer(200, R"({"success": true, "result": {}})");
  EXPECT_THAT(Write({{{Change{before, Set("A", {"192.0.2.2"})}}}}).status, IsOk());
  EXPECT_EQ(Sent(), Json::parse(R"({"deletes": [{"id": "1"}, {"id": "3"}]})"));

  transport_.Answer(200, R"({"success": true, "result": {}})");
  RecordSet ttl = Set("A", {"192.0.2.1", "192.0.2.2", "192.0.2.3"});
  ttl.ttl = 600;
  EXPECT_THAT(Write({{{Change{before, ttl}}}}).status, IsOk());
  EXPECT_EQ(Sent()["patches"].size(), 3u);

  transport_.Answer(200, R"({"success": true, "result": {}})");
  EXPECT_THAT(Write({{{Change{before, std::nullopt}}}}).status, IsOk());
  EXPECT_EQ(Sent()["deletes"].size(), 3u);
}

TEST_F(CloudflareTest, TellsErrorsApart) {
  struct Case {
    int status;
    const char* body;
    absl::StatusCode code;
    const char* says;
  };
  for (
      const Case& c : {
          Case{
              400,
              R"({"success": false, "errors": [{"code": 81053, "message": "An A, AAAA, or CNAME record with that host already exists."}]})",
              absl::StatusCode::kAborted, "81053"},
          Case{
              400,
              R"({"success": false, "errors": [{"code": 81058, "message": "An identical record already exists."}]})",
              absl::StatusCode::kAborted, "identical"},
          Case{
              404,
              R"({"success": false, "errors": [{"code": 81044, "message": "Record does not exist."}]})",
              absl::StatusCode::kAborted, "81044"},
          Case{
              400,
              R"({"success": false, "errors": [{"code": 81045, "message": "The record quota has been exceeded."}]})",
              absl::StatusCode::kFailedPrecondition, "quota"},
          Case{
              400,
              R"({"success": false, "errors": [{"code": 1004, "message": "DNS Validation Error", "error_chain": [{"code": 9005, "message": "Content for A record must be a valid IPv4 address."}]}]})",
              absl::StatusCode::kInvalidArgument, "valid IPv4"},
          Case{
              403,
              R"({"success": false, "errors": [{"code": 9109, "message": "Invalid access token"}]})",
              absl::StatusCode::kUnauthenticated, "9109"},
          Case{
              403,
              R"({"success": false, "errors": [{"code": 10000, "message": "Authentication error"}]})",
              absl::StatusCode::kUnauthenticated, "10000"},
          Case{
              400,
              R"({"success": false, "errors": [{"code": 6003, "message": "Invalid request headers", "error_chain": [{"code": 6111, "message": "Invalid format for Authorization header"}]}]})",
              absl::StatusCode::kUnauthenticated, "6111"},
          Case{
              404,
              R"({"success": false, "errors": [{"code": 7003, "message": "Could not route to /zones/x, perhaps your object identifier is invalid?"}]})",
              absl::StatusCode::kNotFound, "7003"},
          Case{
              404,
              R"({"success": false, "errors": [{"code": 1001, "message": "Invalid zone identifier"}]})",
              absl::StatusCode::kNotFound, "1001"},
          Case{
              400,
              R"({"success": false, "errors": [{"code": 1001, "message": "Invalid zone identifier"}]})",
              absl::StatusCode::kUnauthenticated, "1001"},
          // Of something else, which says nothing about a zone.
          Case{404, "404 page not found", absl::StatusCode::kUnavailable,
               "not as Cloudflare's API does"},
          Case{404, R"({"message": "no Route matched"})", absl::StatusCode::kUnavailable,
               "not as Cloudflare's API does"},
          Case{200, "{}", absl::StatusCode::kUnavailable, "not as Cloudflare's API does"},
          Case{
              429,
              R"({"success": false, "errors": [{"code": 971, "message": "Please wait and consider throttling your request speed"}]})",
              absl::StatusCode::kResourceExhausted, "429"},
          Case{500, "oops", absl::StatusCode::kUnavailable, "500"},
          Case{200, "<html>", absl::StatusCode::kInternal, "does not answer as Cloudflare"},
          Case{200, R"({"success": false, "errors": [{"code": 1004, "message": "no"}]})",
               absl::StatusCode::kInvalidArgument, "no"},
      }) {
    transport_.Answer(c.status, c.body);
    const absl::Status status = Write({{{Change{std::nullopt, Set("A", {"192.0.2.1"})}}}}).status;
    EXPECT_THAT(status, StatusIs(c.code, HasSubstr(c.says)));
    EXPECT_THAT(status, StatusIs(c.code, HasSubstr("writing A www.example.org")));
    EXPECT_THAT(std::string(status.ToString()), Not(HasSubstr(kToken)));
  }
}

TEST_F(CloudflareTest, ABatchHasTwoHundredRecordsOnAFreeZone) {
  std::vector<Unit> units(300, Unit{{Change{std::nullopt, Set("A", {"192.0.2.1"})}}});
  zone_.record_limit = 200;
  EXPECT_EQ(client_->Fits(zone_, units), 200u);
  zone_.record_limit = 3500;
  EXPECT_EQ(client_->Fits(zone_, units), 300u);
}

TEST_F(CloudflareTest, MakesAndDeletesZones) {
  transport_.Answer(
      200,
      R"({"success": true, "result": {"id": "7", "name": "example.net", "name_servers": ["bob.ns.example.com"]}})");
  EXPECT_EQ(client_->CreateZone(call_, {.name = "example.net", .account_id = "acc"})->id, "7");
  EXPECT_EQ(Sent(),
            Json::parse(R"({"name": "example.net", "type": "full", "account": {"id": "acc"}})"));
  transport_.Answer(200, R"({"success": true, "result": {"id": "7"}})");
  EXPECT_THAT(client_->DeleteZone(call_, {"7", "example.net"}), IsOk());
  EXPECT_EQ(transport_.requests().back().method, "DELETE");
}

}  // namespace
}  // namespace charon::cloudflare
