// Unit tests of the DNS APIs: signatures, batches, what is refused.

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cloudflare_site.h"
#include "dns_values.h"
#include "route53_signature.h"
#include "route53_site.h"

namespace charon::sandbox {
namespace {

TEST(DnsValues, NamesHaveLabels) {
  for (const char* good : {"example.org", "*.example.org.", "_dmarc.example.org", "a"})
    EXPECT_TRUE(dns::IsName(good)) << good;
  for (const char* bad : {"", ".", "a..b", "a b", "x.*.y"}) EXPECT_FALSE(dns::IsName(bad)) << bad;
  EXPECT_TRUE(dns::IsWithin("a.b", "b"));
  EXPECT_FALSE(dns::IsWithin("ab", "b"));
}

// The example request to IAM of "Signature Version 4 for API requests".
HttpRequest SignedRequest() {
  HttpRequest request;
  request.method = "GET";
  request.raw_path = "/";
  request.raw_query = "Action=ListUsers&Version=2010-05-08";
  request.headers = {{"host", "iam.amazonaws.com"},
                     {"content-type", "application/x-www-form-urlencoded; charset=utf-8"},
                     {"x-amz-date", "20150830T123600Z"}};
  request.authorization =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
      "SignedHeaders=content-type;host;x-amz-date, "
      "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
  return request;
}

const aws::Credentials kExample = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};

std::string Refused(const HttpRequest& request, absl::Duration later = absl::ZeroDuration(),
                    absl::string_view service = "iam") {
  const absl::Time signed_at =
      absl::FromCivil(absl::CivilSecond(2015, 8, 30, 12, 36, 0), absl::UTCTimeZone());
  return aws::CheckSignature(request, kExample, service, "us-east-1", signed_at + later).code;
}

TEST(AwsSignature, ThePublishedExampleIsRight) { EXPECT_EQ(Refused(SignedRequest()), ""); }

TEST(AwsSignature, WhatIsChangedIsFound) {
  HttpRequest other = SignedRequest();
  other.raw_query += "&a=b";
  EXPECT_EQ(Refused(other), "SignatureDoesNotMatch");
  other = SignedRequest();
  other.body = "x";
  EXPECT_EQ(Refused(other), "SignatureDoesNotMatch");
  other = SignedRequest();
  other.authorization =
      absl::StrCat("AWS4-HMAC-SHA256 Credential=OTHER", other.authorization.substr(39));
  EXPECT_EQ(Refused(other), "InvalidClientTokenId");
  other.authorization = "Bearer x";
  EXPECT_EQ(Refused(other), "IncompleteSignature");
  other.authorization = "";
  EXPECT_EQ(Refused(other), "MissingAuthenticationToken");
}

TEST(AwsSignature, ItIsForOneServiceAndAQuarterOfAnHour) {
  EXPECT_EQ(Refused(SignedRequest(), absl::ZeroDuration(), "route53"), "SignatureDoesNotMatch");
  EXPECT_EQ(Refused(SignedRequest(), absl::Minutes(14)), "");
  EXPECT_EQ(Refused(SignedRequest(), absl::Minutes(16)), "SignatureDoesNotMatch");
  EXPECT_EQ(Refused(SignedRequest(), -absl::Minutes(16)), "SignatureDoesNotMatch");
}

class Cloudflare : public testing::Test {
 protected:
  HttpResponse Send(const std::string& method, const std::string& path, const Json& body = nullptr,
                    const std::string& token = "w") {
    HttpRequest request;
    request.method = method;
    request.path = "/client/v4/" + path;
    if (const auto mark = path.find('?'); mark != std::string::npos) {
      request.path = "/client/v4/" + path.substr(0, mark);
      const std::string query = path.substr(mark + 1);
      request.query.emplace(query.substr(0, query.find('=')), query.substr(query.find('=') + 1));
    }
    request.authorization = "Bearer " + token;
    if (!body.is_null()) request.body = Dump(body);
    std::string user;
    if (auto early = site_.Admit(request, &user)) return *early;
    return site_.Handle(request, user);
  }
  Json Ask(const std::string& method, const std::string& path, const Json& body = nullptr) {
    return Json::parse(Send(method, path, body).body, nullptr, false);
  }
  // The code of the first error, or of what it was made of.
  std::int64_t Code(const Json& answer) {
    const Json& error = answer["errors"][0];
    return Integer(error.contains("error_chain") ? error["error_chain"][0] : error, {"code"});
  }
  void SetUp() override {
    zone_ = "zones/" + Text(Ask("POST", "zones", {{"name", "example.org"}}), {"result", "id"}) +
            "/dns_records";
  }
  Json A(const std::string& name, const std::string& value = "192.0.2.1") {
    return {{"name", name}, {"type", "A"}, {"content", value}, {"ttl", 300}};
  }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  CloudflareSite site_{{"w", "r"}, 1, [this] { return now_; }};
  std::string zone_;
};

TEST_F(Cloudflare, ABatchIsDoneWholeOrNotAtAll) {
  const std::string id = Text(Ask("POST", zone_, A("old")), {"result", "id"});
  const Json half = {{"deletes", {{{"id", id}}}}, {"posts", {A("new"), A("bad", "no address")}}};
  EXPECT_EQ(Code(Ask("POST", zone_ + "/batch", half)), 9005);
  EXPECT_EQ(Ask("GET", zone_)["result_info"]["total_count"], 1);
  // Deletes come first: the name is free for the post, wherever it stands.
  const Json whole = {{"posts", {A("old")}}, {"deletes", {{{"id", id}}}}};
  EXPECT_EQ(Ask("POST", zone_ + "/batch", whole)["success"], true);
  EXPECT_NE(Text(Ask("GET", zone_)["result"][0], {"id"}), id);
}

TEST_F(Cloudflare, WhatIsRefused) {
  Ask("POST", zone_, A("www"));
  const std::vector<std::pair<Json, int>> cases = {
      {A("www"), 81058},
      {{{"name", "www"}, {"type", "CNAME"}, {"content", "a.example.net"}, {"ttl", 1}}, 81053},
      {{{"name", "x"}, {"type", "A"}, {"content", "192.0.2.1"}, {"ttl", 5}}, 9021},
      {{{"name", "x"}, {"type", "MX"}, {"content", "m.example.net"}}, 9100},
      {{{"name", "x"}, {"type", "TXT"}, {"content", "\"t\""}, {"proxied", true}}, 9004},
      {{{"name", "x"}, {"type", "NOPE"}, {"content", "t"}}, 9020},
      {{{"name", "x y"}, {"type", "A"}, {"content", "192.0.2.1"}}, 9000},
      {{{"name", "x"}, {"type", "A"}, {"content", "192.0.2.1"}, {"tags", {"a:b"}}}, 9301},
  };
  for (const auto& [body, code] : cases) EXPECT_EQ(Code(Ask("POST", zone_, body)), code) << body;
  EXPECT_EQ(Code(Ask("DELETE", zone_ + "/" + std::string(32, 'a'))), 81044);
  EXPECT_EQ(Code(Ask("GET", "zones/x")), 7003);
}

TEST_F(Cloudflare, TokensAreTold) {
  EXPECT_EQ(Send("GET", "zones", nullptr, "wrong").status, 403);
  EXPECT_EQ(Send("GET", "zones", nullptr, "r").status, 200);
  EXPECT_EQ(Send("POST", zone_, A("a"), "r").status, 403);
}

TEST_F(Cloudflare, TheQuotaAndTheRateHold) {
  ASSERT_TRUE(site_.Act({{"do", "zone"}, {"name", "small.example"}, {"quota", 1}}).ok());
  const std::string small =
      "zones/" + Text(Ask("GET", "zones?name=small.example")["result"][0], {"id"}) + "/dns_records";
  EXPECT_EQ(Ask("POST", small, A("a"))["success"], true);
  EXPECT_EQ(Code(Ask("POST", small, A("b"))), 81045);
  ASSERT_TRUE(site_.Act({{"do", "rate_limit"}, {"requests", 1}}).ok());
  EXPECT_EQ(Send("GET", "zones").status, 200);
  EXPECT_EQ(Send("GET", "zones").status, 429);
  now_ += absl::Minutes(6);
  EXPECT_EQ(Send("GET", "zones").status, 200);
}

TEST_F(Cloudflare, NamesAreCompletedAndPagesCounted) {
  for (int i = 0; i < 5; ++i) Ask("POST", zone_, A(absl::StrCat("h", i)));
  EXPECT_EQ(Ask("GET", zone_ + "?name=h3.example.org")["result"].size(), 1U);
  EXPECT_EQ(Ask("GET", zone_ + "?per_page=2")["result_info"]["total_pages"], 3);
}

class Route53 : public testing::Test {
 protected:
  std::string Send(const std::string& method, const std::string& path,
                   const std::string& body = "") {
    HttpRequest request;
    request.method = method;
    request.path = "/2013-04-01/" + path;
    if (const auto mark = path.find('?'); mark != std::string::npos) {
      request.path = "/2013-04-01/" + path.substr(0, mark);
      const std::string query = path.substr(mark + 1);
      request.query.emplace(query.substr(0, query.find('=')), query.substr(query.find('=') + 1));
    }
    request.body = body;
    return site_.Handle(request, "").body;
  }
  std::string Change(const std::string& action, const std::string& set) {
    return Send("POST", "hostedzone/" + zone_ + "/rrset",
                "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><Action>" + action +
                    "</Action><ResourceRecordSet>" + set +
                    "</ResourceRecordSet></Change></Changes></ChangeBatch></"
                    "ChangeResourceRecordSetsRequest>");
  }
  static std::string Set(const std::string& name, const std::string& type, const std::string& value,
                         const std::string& more = "") {
    return "<Name>" + name + "</Name><Type>" + type + "</Type>" + more +
           "<TTL>60</TTL><ResourceRecords><ResourceRecord><Value>" + value +
           "</Value></ResourceRecord></ResourceRecords>";
  }
  void SetUp() override {
    zone_ = Text(*site_.Act({{"do", "zone"}, {"name", "example.org"}}), {"id"});
  }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  Route53Site site_{{"k", "s"}, 1, [this] { return now_; }};
  std::string zone_;
};

TEST_F(Route53, ChangesAreRefusedInItsWords) {
  EXPECT_TRUE(
      absl::StrContains(Change("CREATE", Set("a.example.org", "A", "192.0.2.1")), "PENDING"));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Change("CREATE", Set("a.example.org", "A", "192.0.2.1")), "but it already exists"},
      {Change("DELETE", Set("a.example.org", "A", "192.0.2.2")),
       "the values provided do not match"},
      {Change("DELETE", Set("b.example.org", "A", "192.0.2.2")), "but it was not found"},
      {Change("CREATE", Set("a.other.org", "A", "192.0.2.2")),
       "is not permitted in zone example.org."},
      {Change("CREATE", Set("example.org", "CNAME", "x.org")), "is not permitted at apex"},
      {Change("CREATE", Set("a.example.org", "CNAME", "x.org")), "conflicts with other records"},
      {Change("CREATE", Set("c.example.org", "A", "1.2")), "ARRDATAIllegalIPv4Address"},
      {Change("CREATE", Set("c.example.org", "TXT", "open")), "InvalidCharacterString"},
      {Change("CREATE", Set("c.example.org", "TXT", "\"" + std::string(256, 'x') + "\"")),
       "CharacterStringTooLong"},
      {Change("CREATE", Set("c.example.org", "A", "192.0.2.2", "<Weight>1</Weight>")),
       "Missing field 'SetIdentifier'"},
      {Change("CREATE", Set("a.example.org", "A", "192.0.2.2",
                            "<SetIdentifier>x</SetIdentifier><Weight>1</Weight>")),
       "other RRSets exist"},
      {Change("DROP", Set("c.example.org", "A", "192.0.2.2")),
       "Member must satisfy enum value set"},
  };
  for (const auto& [answer, part] : cases)
    EXPECT_TRUE(absl::StrContains(answer, part)) << part << "\n" << answer;
}

TEST_F(Route53, ListsAreSortedByLabelsFromTheRight) {
  for (const char* name : {"z.a.example.org", "b.example.org", "*.example.org"})
    Change("UPSERT", Set(name, "A", "192.0.2.1"));
  const std::string all = Send("GET", "hostedzone/" + zone_ + "/rrset");
  EXPECT_LT(all.find("\\052.example.org."), all.find("z.a.example.org."));
  EXPECT_LT(all.find("z.a.example.org."), all.find("b.example.org."));
  EXPECT_TRUE(absl::StrContains(Send("GET", "hostedzone/" + zone_ + "/rrset?maxitems=2"),
                                "<NextRecordName>\\052.example.org.</NextRecordName>"));
}

TEST_F(Route53, AChangeIsInSyncAfterAWhile) {
  const std::string answer = Change("CREATE", Set("a.example.org", "A", "192.0.2.1"));
  const auto start = answer.find("/change/");
  const std::string id = answer.substr(start + 1, answer.find('<', start) - start - 1);
  EXPECT_TRUE(absl::StrContains(Send("GET", id), "PENDING"));
  now_ += absl::Seconds(1);
  EXPECT_TRUE(absl::StrContains(Send("GET", id), "INSYNC"));
}

TEST_F(Route53, AZoneWithRecordsStays) {
  Change("CREATE", Set("a.example.org", "A", "192.0.2.1"));
  EXPECT_TRUE(absl::StrContains(Send("DELETE", "hostedzone/" + zone_), "HostedZoneNotEmpty"));
  Change("DELETE", Set("a.example.org", "A", "192.0.2.1"));
  EXPECT_TRUE(absl::StrContains(Send("DELETE", "hostedzone/" + zone_), "ChangeInfo"));
  EXPECT_TRUE(absl::StrContains(Send("GET", "hostedzone/" + zone_), "NoSuchHostedZone"));
}

}  // namespace
}  // namespace charon::sandbox
