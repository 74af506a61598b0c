#include "provider/clients/powerdns/client.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/dns/client_for_test.h"
#include "provider/testing/status_matchers.h"

namespace charon::powerdns {
namespace {

using dns::Change;
using dns::Set;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kKey[] = "key-of-the-test";

class PowerDnsTest : public dns::ClientTest {
 protected:
  PowerDnsTest() : ClientTest({"example.org.", "example.org"}) {
    client_ = NewClient({.endpoint = "http://127.0.0.1:8081/api/v1/", .api_key = kKey},
                        http::Borrow(transport_));
  }
};

TEST_F(PowerDnsTest, TellsFromTheSerialOnWhichDayAZoneWasMade) {
  const auto noon = [](int day) {
    return absl::FromCivil(absl::CivilHour(2026, 11, day, 12), absl::UTCTimeZone());
  };
  for (const auto& [serial, made] : std::vector<std::pair<const char*, std::optional<absl::Time>>>{
           {"2026112101", noon(22)},      // until the day ends everywhere
           {"2026112102", std::nullopt},  // changed since
           {"2026113101", std::nullopt},  // no day
           {"1", std::nullopt},
           {"1763683200", std::nullopt}}) {  // soa_edit_api EPOCH
    transport_.Answer(
        200,
        absl::StrCat(R"({"id": "example.org.", "name": "example.org.", "serial": )", serial, "}"));
    EXPECT_EQ(client_->ZoneById(call_, "example.org.")->made, made) << serial;
  }
}

TEST_F(PowerDnsTest, FindsZonesAndListsThem) {
  transport_.Answer(
      200, R"([{"id": "example.org.", "name": "example.org.", "kind": "Native", "serial": 1}])");
  EXPECT_EQ(client_->ZonesNamed(call_, "example.org")->front().id, "example.org.");
  EXPECT_EQ(transport_.requests()[0].url,
            "http://127.0.0.1:8081/api/v1/servers/localhost/zones?zone=example.org.");
  EXPECT_THAT(transport_.requests()[0].headers,
              ElementsAre(std::pair<std::string, std::string>("X-API-Key", kKey)));
  transport_.Answer(200, R"({"id": "example.org.", "name": "example.org.", "rrsets": [
    {"name": "www.example.org.", "type": "A", "ttl": 300, "records": [{"content": "192.0.2.1", "disabled": false}, {"content": "192.0.2.9", "disabled": true}]},
    {"name": "t.example.org.", "type": "TXT", "ttl": 60, "records": [{"content": "\"a\" \"b\"", "disabled": false}]}]})");
  const auto sets = client_->List(call_, zone_);
  ASSERT_THAT(sets, IsOk());
  ASSERT_EQ(sets->size(), 2u);
  EXPECT_THAT((*sets)[0].values, ElementsAre("192.0.2.1"));
  EXPECT_THAT((*sets)[1].values, ElementsAre("\"ab\""));
}

TEST_F(PowerDnsTest, WritesAreOnePatch) {
  transport_.Answer(204);
  EXPECT_THAT(Write({{{Change{std::nullopt, Set("mail.example.org", "MX", {"10 a.example.org"})}}},
                     {{Change{Set("old.example.org", "A", {"192.0.2.1"}), std::nullopt}}},
                     {{Change{Set("r.example.org", "A", {"192.0.2.1"}), std::nullopt},
                       Change{std::nullopt, Set("r.example.org", "A", {"192.0.2.2"})}}}})
                  .status,
              IsOk());
  EXPECT_EQ(transport_.requests()[0].method, "PATCH");
  EXPECT_EQ(transport_.requests()[0].url,
            "http://127.0.0.1:8081/api/v1/servers/localhost/zones/example.org.");
  EXPECT_EQ(Json::parse(transport_.requests()[0].body), Json::parse(R"({"rrsets": [
    {"name": "mail.example.org.", "type": "MX", "ttl": 300, "changetype": "REPLACE", "records": [{"content": "10 a.example.org.", "disabled": false}]},
    {"name": "old.example.org.", "type": "A", "changetype": "DELETE"},
    {"name": "r.example.org.", "type": "A", "ttl": 300, "changetype": "REPLACE", "records": [{"content": "192.0.2.2", "disabled": false}]}]})"));
}

TEST_F(PowerDnsTest, ParametersAreSpeltAsItSpellsThem) {
  const std::string spelt = "1 . alpn=h2,h3 port=8443 ech=\"AEn+DQ==\"",
                    canonical = "1 . alpn=\"h2,h3\" port=\"8443\" ech=\"AEn+DQ==\"";
  transport_.Answer(204);
  EXPECT_THAT(Write({{{Change{std::nullopt, Set("w.example.org", "HTTPS", {canonical})}}}}).status,
              IsOk());
  EXPECT_EQ(Json::parse(transport_.requests()[0].body)["rrsets"][0]["records"][0]["content"],
            spelt);
  transport_.Answer(200, Json{{"rrsets",
                               {{{"name", "w.example.org."},
                                 {"type", "HTTPS"},
                                 {"ttl", 300},
                                 {"records", {{{"content", spelt}, {"disabled", false}}}}}}}}
                             .dump());
  const auto sets = client_->List(call_, zone_);
  ASSERT_THAT(sets, IsOk());
  EXPECT_THAT(sets->front().values, ElementsAre(canonical));
}

TEST_F(PowerDnsTest, TellsErrorsApart) {
  struct Case {
    int status;
    const char* body;
    absl::StatusCode code;
    const char* says;
  };
  for (const Case& c : {
           Case{401, "Unauthorized", absl::StatusCode::kUnauthenticated, "api_key"},
           Case{403, "Forbidden", absl::StatusCode::kPermissionDenied, "webserver-allow-from"},
           Case{404, "Not Found", absl::StatusCode::kNotFound, "server_id"},
           Case{409, R"({"error": "Domain 'x.' already exists"})", absl::StatusCode::kAlreadyExists,
                "already exists"},
           Case{
               422,
               R"({"error": "RRset www.example.org. IN CNAME: Conflicts with pre-existing RRset"})",
               absl::StatusCode::kInvalidArgument, "Conflicts"},
           Case{500, R"({"error": "Internal"})", absl::StatusCode::kUnavailable, "Internal"},
           Case{200, "<html>", absl::StatusCode::kUnavailable, "does not answer as PowerDNS"},
           // Of something else, which says nothing about a zone.
           Case{404, "404 page not found", absl::StatusCode::kUnavailable, "powerdns.endpoint"},
           Case{404, "<html>Not Found", absl::StatusCode::kUnavailable, "powerdns.endpoint"},
       }) {
    for (int answers = c.status == 500 ? 6 : 1; answers > 0; --answers)
      transport_.Answer(c.status, c.body);
    const absl::Status status = client_->List(call_, zone_).status();
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(std::string(status.message()) + RemedyOf(status).value_or(""), HasSubstr(c.says));
    EXPECT_THAT(status.ToString(), Not(HasSubstr(kKey)));
  }
}

TEST_F(PowerDnsTest, IsPatientWithALockedDatabase) {
  transport_.Answer(500, "Internal Server Error");
  transport_.Answer(500, "Internal Server Error");
  transport_.Answer(204);
  EXPECT_THAT(Write({{{Change{std::nullopt, Set("a.example.org", "A", {"192.0.2.1"})}}}}).status,
              IsOk());
  EXPECT_THAT(clock_.sleeps(), ElementsAre(absl::Milliseconds(50), absl::Milliseconds(100)));
  // A zone that may have been made is not made again.
  transport_.Answer(500, "Internal Server Error");
  EXPECT_THAT(client_->CreateZone(call_, {.name = "example.net"}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(transport_.requests().size(), 4u);
}

TEST_F(PowerDnsTest, BlamesTheSetThatTheServerNames) {
  transport_.Answer(
      422, R"({"error": "RRset b.example.org. IN CNAME: Conflicts with pre-existing RRset"})");
  const dns::WriteResult result =
      Write({{{Change{std::nullopt, Set("a.example.org", "A", {"192.0.2.1"})}}},
             {{Change{std::nullopt, Set("b.example.org", "CNAME", {"a.example.org"})}}}});
  ASSERT_EQ(result.at_fault.size(), 1u);
  EXPECT_EQ(result.at_fault[0].first, 1u);
}

TEST_F(PowerDnsTest, MakesAndDeletesZones) {
  transport_.Answer(201, R"({"id": "example.net.", "name": "example.net."})");
  EXPECT_EQ(
      client_->CreateZone(call_, {.name = "example.net", .name_servers = {"ns1.example.net"}})->id,
      "example.net.");
  EXPECT_EQ(
      Json::parse(transport_.requests()[0].body),
      Json::parse(
          R"({"name": "example.net.", "kind": "Native", "nameservers": ["ns1.example.net."]})"));
  transport_.Answer(204);
  EXPECT_THAT(client_->DeleteZone(call_, {"example.net.", "example.net"}), IsOk());
}

}  // namespace
}  // namespace charon::powerdns
