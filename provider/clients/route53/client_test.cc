#include "provider/clients/route53/client.h"

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/clients/dns/client_for_test.h"
#include "provider/testing/status_matchers.h"

namespace charon::route53 {
namespace {

using dns::Change;
using dns::RecordSet;
using dns::Set;
using dns::Unit;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

class Route53Test : public dns::ClientTest {
 protected:
  Route53Test() : ClientTest({"Z1D633PJN98FT9", "example.org"}) {
    Settings settings{.access_key = "AKIDEXAMPLE", .secret_key = kSecret};
    auto chain =
        std::make_shared<CredentialChain>(settings,
                                          Machine{[](const std::string&) { return std::nullopt; },
                                                  [](const std::string&) { return std::nullopt; }},
                                          http::Borrow(transport_));
    client_ = NewClient("https://r53.example/", chain, http::Borrow(transport_));
  }
};

constexpr char kAccepted[] =
    R"(<?xml version="1.0"?><ChangeResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeInfo>)"
    R"(<Id>/change/C2682N5HXP0BZ4</Id><Status>PENDING</Status><SubmittedAt>2023-11-14T22:13:20.000Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>)";

TEST_F(Route53Test, WhatItCannotWriteIsAtFaultAndNothingIsSent) {
  const RecordSet foreign = Set("a.example.org", "HINFO", {"x y"});
  const dns::WriteResult result = Write({{{Change{foreign, foreign}}}});
  EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("HINFO")));
  EXPECT_EQ(result.at_fault.size(), 1u);
  EXPECT_EQ(transport_.count(), 0u);
}

TEST_F(Route53Test, FindsZonesByNameAndId) {
  transport_.Answer(
      200,
      R"(<?xml version="1.0"?><ListHostedZonesByNameResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZones>
    <HostedZone><Id>/hostedzone/Z1D633PJN98FT9</Id><Name>example.org.</Name><CallerReference>x</CallerReference><Config><Comment>main</Comment><PrivateZone>false</PrivateZone></Config><ResourceRecordSetCount>2</ResourceRecordSetCount></HostedZone>
    <HostedZone><Id>/hostedzone/Z2</Id><Name>example.org.</Name><Config><PrivateZone>true</PrivateZone></Config></HostedZone>
    <HostedZone><Id>/hostedzone/Z3</Id><Name>a.example.org.</Name></HostedZone></HostedZones><IsTruncated>false</IsTruncated></ListHostedZonesByNameResponse>)");
  const auto zones = client_->ZonesNamed(call_, "example.org");
  ASSERT_THAT(zones, IsOk());
  ASSERT_EQ(zones->size(), 2u);
  EXPECT_EQ((*zones)[0].id, "Z1D633PJN98FT9");
  EXPECT_EQ((*zones)[0].comment, "main");
  EXPECT_TRUE((*zones)[1].is_private);
  EXPECT_EQ(transport_.requests()[0].url,
            "https://r53.example/2013-04-01/hostedzonesbyname?dnsname=example.org.&maxitems=100");
  EXPECT_EQ(transport_.requests()[0].headers.back().first, "Authorization");

  transport_.Answer(
      200,
      R"(<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z1</Id><Name>example.org.</Name></HostedZone><DelegationSet><NameServers>
    <NameServer>ns-2048.awsdns-64.com</NameServer><NameServer>ns-2049.awsdns-65.net.</NameServer></NameServers></DelegationSet></GetHostedZoneResponse>)");
  EXPECT_THAT(client_->ZoneById(call_, "/hostedzone/Z1")->name_servers,
              ElementsAre("ns-2048.awsdns-64.com", "ns-2049.awsdns-65.net"));
  EXPECT_EQ(transport_.requests()[1].url, "https://r53.example/2013-04-01/hostedzone/Z1");
  EXPECT_TRUE(client_->IsZoneId("Z1D633PJN98FT9"));
  EXPECT_FALSE(client_->IsZoneId("example.org"));
}

TEST_F(Route53Test, ListsSetsOverPages) {
  transport_.Answer(200, R"(<ListResourceRecordSetsResponse><ResourceRecordSets>
    <ResourceRecordSet><Name>\052.example.org.</Name><Type>A</Type><TTL>300</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>
    <ResourceRecordSet><Name>t.example.org.</Name><Type>TXT</Type><TTL>300</TTL><ResourceRecords><ResourceRecord><Value>"a" "b\303\274"</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>
    </ResourceRecordSets><IsTruncated>true</IsTruncated><NextRecordName>w.example.org.</NextRecordName><NextRecordType>A</NextRecordType><NextRecordIdentifier>blue</NextRecordIdentifier></ListResourceRecordSetsResponse>)");
  transport_.Answer(200, R"(<ListResourceRecordSetsResponse><ResourceRecordSets>
    <ResourceRecordSet><Name>w.example.org.</Name><Type>A</Type><SetIdentifier>blue</SetIdentifier><Weight>10</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords><HealthCheckId>hc</HealthCheckId></ResourceRecordSet>
    <ResourceRecordSet><Name>x.example.org.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z35</HostedZoneId><DNSName>lb.example.net.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget></ResourceRecordSet>
    <ResourceRecordSet><Name>y.example.org.</Name><Type>A</Type><SetIdentifier>eu</SetIdentifier><Region>eu-west-1</Region><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>
    </ResourceRecordSets><IsTruncated>false</IsTruncated></ListResourceRecordSetsResponse>)");
  const auto sets = client_->List(call_, zone_);
  ASSERT_THAT(sets, IsOk());
  ASSERT_EQ(sets->size(), 5u);
  EXPECT_EQ((*sets)[0].key.name, "*.example.org");
  EXPECT_THAT((*sets)[1].values, ElementsAre("\"ab\\195\\188\""));
  EXPECT_THAT((*sets)[1].ids, ElementsAre("\"a\" \"b\\303\\274\""));
  EXPECT_EQ((*sets)[2].key.set_id, "blue");
  EXPECT_EQ((*sets)[2].weight, 10);
  EXPECT_EQ((*sets)[2].health_check_id, "hc");
  EXPECT_EQ((*sets)[3].alias, (dns::AliasTarget{"lb.example.net", "Z35", true}));
  EXPECT_TRUE((*sets)[4].foreign_routing);
  EXPECT_EQ(transport_.requests()[1].url,
            "https://r53.example/2013-04-01/hostedzone/Z1D633PJN98FT9/"
            "rrset?maxitems=300&name=w.example.org.&type=A&identifier=blue");
}

TEST_F(Route53Test, SendsChangesAsOneBatch) {
  transport_.Answer(200, kAccepted);
  RecordSet old = Set("old.example.org", "TXT", {"\"ab\""});
  old.ids = {"\"a\" \"b\""};
  RecordSet weighted = Set("www.example.org", "A", {"192.0.2.1"});
  weighted.key.set_id = "blue";
  weighted.weight = 10;
  RecordSet alias = Set("example.org", "A", {});
  alias.alias = dns::AliasTarget{"lb.example.net", "Z35", false};
  EXPECT_THAT(Write({{{Change{std::nullopt, Set("t.example.org", "TXT", {"\"\u00fc\\\"\""})}}},
                     {{Change{old, std::nullopt}}},
                     {{Change{weighted, weighted}}},
                     {{Change{std::nullopt, alias}}},
                     {{Change{std::nullopt, Set("*.example.org", "MX", {"10 mail.example.org"})}}}})
                  .status,
              IsOk());
  EXPECT_EQ(units_[0].receipt, "C2682N5HXP0BZ4");
  const http::Request sent = transport_.requests()[0];
  EXPECT_EQ(sent.url, "https://r53.example/2013-04-01/hostedzone/Z1D633PJN98FT9/rrset/");
  EXPECT_EQ(
      sent.body,
      "<?xml version=\"1.0\"?><ChangeResourceRecordSetsRequest "
      "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>"
      "<Change><Action>CREATE</Action><ResourceRecordSet><Name>t.example.org.</Name><Type>TXT</"
      "Type><TTL>300</"
      "TTL><ResourceRecords><ResourceRecord><Value>\"\\303\\274\\\"\"</Value></ResourceRecord></"
      "ResourceRecords></"
      "ResourceRecordSet></Change>"
      "<Change><Action>DELETE</Action><ResourceRecordSet><Name>old.example.org.</Name><Type>TXT</"
      "Type><TTL>300</"
      "TTL><ResourceRecords><ResourceRecord><Value>\"a\" "
      "\"b\"</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change>"
      "<Change><Action>UPSERT</Action><ResourceRecordSet><Name>www.example.org.</Name><Type>A</"
      "Type><SetIdentifier>blue</"
      "SetIdentifier><Weight>10</Weight><TTL>300</"
      "TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></"
      "ResourceRecord></ResourceRecords></ResourceRecordSet></Change>"
      "<Change><Action>CREATE</Action><ResourceRecordSet><Name>example.org.</Name><Type>A</"
      "Type><AliasTarget><HostedZoneId>Z35</HostedZoneId><DNSName>lb.example.net.</"
      "DNSName><EvaluateTargetHealth>false</"
      "EvaluateTargetHealth></AliasTarget></ResourceRecordSet></Change>"
      "<Change><Action>CREATE</Action><ResourceRecordSet><Name>*.example.org.</Name><Type>MX</"
      "Type><TTL>300</"
      "TTL><ResourceRecords><ResourceRecord><Value>10 "
      "mail.example.org.</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change>"
      "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>");
}

TEST_F(Route53Test, BlamesTheSetsThatTheServiceNames) {
  transport_.Answer(
      400,
      R"(<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>InvalidChangeBatch</Code>
    <Message>[Tried to create resource record set [name='b.example.org.', type='A'] but it already exists]</Message></Error><RequestId>r</RequestId></ErrorResponse>)");
  const dns::WriteResult result =
      Write({{{Change{std::nullopt, Set("a.example.org", "A", {"192.0.2.1"})}}},
             {{Change{std::nullopt, Set("b.example.org", "A", {"192.0.2.1"})}}}});
  ASSERT_EQ(result.at_fault.size(), 1u);
  EXPECT_EQ(result.at_fault[0].first, 1u);
  EXPECT_THAT(result.at_fault[0].second,
              StatusIs(absl::StatusCode::kAborted, HasSubstr("already exists")));

  transport_.Answer(
      400, R"(<InvalidChangeBatch xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Messages>
    <Message>Tried to delete resource record set [name='a.example.org.', type='A'] but it was not found</Message></Messages><RequestId>r</RequestId></InvalidChangeBatch>)");
  EXPECT_EQ(
      Write({{{Change{std::nullopt, Set("a.example.org", "A", {"192.0.2.1"})}}}}).at_fault.size(),
      1u);

  RecordSet latency = Set("c.example.org", "A", {"192.0.2.1"});
  latency.foreign_routing = true;
  EXPECT_THAT(Write({{{Change{latency, std::nullopt}}}}).status,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("left alone")));
}

TEST_F(Route53Test, WaitsOutThrottlingAndUnfinishedRequests) {
  for (const char* code : {"Throttling", "PriorRequestNotComplete"}) {
    transport_.Answer(
        400, absl::StrCat("<ErrorResponse><Error><Code>", code,
                          "</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"));
  }
  transport_.Answer(200, kAccepted);
  EXPECT_THAT(Write({{{Change{std::nullopt, Set("a.example.org", "A", {"192.0.2.1"})}}}}).status,
              IsOk());
  EXPECT_EQ(transport_.count(), 3u);
  EXPECT_EQ(clock_.sleeps().size(), 2u);
}

TEST_F(Route53Test, WaitsUntilTheChangeIsInSync) {
  for (const char* status : {"PENDING", "PENDING", "INSYNC"}) {
    transport_.Answer(
        200, absl::StrCat("<GetChangeResponse><ChangeInfo><Id>/change/C1</Id><Status>", status,
                          "</Status></ChangeInfo></GetChangeResponse>"));
  }
  EXPECT_THAT(client_->AwaitLive(call_, "C1"), IsOk());
  EXPECT_EQ(transport_.count(), 3u);
  EXPECT_EQ(transport_.requests()[0].url, "https://r53.example/2013-04-01/change/C1");
  // Others of the batch need not ask again.
  EXPECT_THAT(client_->AwaitLive(call_, "C1"), IsOk());
  EXPECT_EQ(transport_.count(), 3u);
  transport_.Handle([](const Call&, const http::Request&) -> absl::StatusOr<http::Response> {
    return http::Response{.status = 200,
                          .body =
                              "<GetChangeResponse><ChangeInfo><Status>PENDING</Status></"
                              "ChangeInfo></GetChangeResponse>"};
  });
  call_.deadline = clock_.Now() + absl::Seconds(20);
  EXPECT_THAT(client_->AwaitLive(call_, "C2"),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("PENDING")));
}

TEST_F(Route53Test, TellsErrorsApart) {
  struct Case {
    int status;
    const char *code, *message;
    absl::StatusCode expected;
    const char* says;
  };
  for (const Case& c : {
           Case{403, "InvalidClientTokenId",
                "The security token included in the request is invalid",
                absl::StatusCode::kUnauthenticated, "the provider block"},
           Case{403, "SignatureDoesNotMatch", "The request signature we calculated does not match",
                absl::StatusCode::kUnauthenticated, "AKIDEXAM"},
           Case{403, "ExpiredToken", "The security token included in the request is expired",
                absl::StatusCode::kUnauthenticated, "credentials"},
           Case{403, "SignatureDoesNotMatch",
                "Signature expired: 20231114T221320Z is now earlier than 20231114T230000Z",
                absl::StatusCode::kUnauthenticated, "clock"},
           Case{400, "RequestExpired", "Request has expired", absl::StatusCode::kUnauthenticated,
                "clock"},
           Case{403, "AccessDenied", "User is not authorized", absl::StatusCode::kPermissionDenied,
                "ChangeResourceRecordSets"},
           Case{404, "NoSuchHostedZone", "No hosted zone found with ID: Z1",
                absl::StatusCode::kNotFound, "No hosted zone"},
           Case{404, "InvalidAction", "The path is not of this API.",
                absl::StatusCode::kUnavailable, "aws.endpoint"},
           Case{400, "HostedZoneNotEmpty",
                "The specified hosted zone contains non-required resource record sets",
                absl::StatusCode::kFailedPrecondition, "non-required"},
           Case{400, "InvalidInput", "1 validation error detected",
                absl::StatusCode::kInvalidArgument, "validation"},
           Case{409, "HostedZoneAlreadyExists", "exists", absl::StatusCode::kAlreadyExists,
                "exists"},
           Case{500, "InternalFailure", "oops", absl::StatusCode::kUnavailable, "oops"},
       }) {
    transport_.Answer(
        c.status,
        absl::StrCat("<ErrorResponse><Error><Type>Sender</Type><Code>", c.code, "</Code><Message>",
                     c.message, "</Message></Error></ErrorResponse>"),
        {{"date", "Tue, 14 Nov 2023 23:00:00 GMT"}});
    const absl::Status status = client_->ZoneById(call_, "Z1").status();
    EXPECT_EQ(status.code(), c.expected) << c.code;
    EXPECT_THAT(absl::StrCat(status.message(), RemedyOf(status).value_or("")), HasSubstr(c.says));
    EXPECT_THAT(status.ToString(), Not(HasSubstr(kSecret)));
  }
  // The FakeClock is at 22:13:20.
  transport_.Answer(403,
                    "<ErrorResponse><Error><Code>RequestExpired</Code></Error></ErrorResponse>",
                    {{"date", "Tue, 14 Nov 2023 23:00:00 GMT"}});
  EXPECT_THAT(client_->ZoneById(call_, "Z1"),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("46m40s from ours")));
  transport_.Answer(200, "<html");
  EXPECT_THAT(client_->ZoneById(call_, "Z1"),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("not XML")));
}

TEST_F(Route53Test, FindsAZoneWhoseCreationsReplyWasLost) {
  transport_.Fail(absl::UnavailableError("connection reset"));
  transport_.Handle(
      [this](const Call&, const http::Request& request) -> absl::StatusOr<http::Response> {
        if (request.url.find("hostedzonesbyname") == std::string::npos) {
          return http::Response{.status = 200,
                                .body =
                                    "<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z9</"
                                    "Id><Name>example.net.</Name></"
                                    "HostedZone></GetHostedZoneResponse>"};
        }
        const std::string body = transport_.requests()[0].body;
        const std::size_t start = body.find("<CallerReference>") + 17;
        const std::string reference = body.substr(start, body.find('<', start) - start);
        EXPECT_TRUE(absl::StartsWith(
            reference, absl::StrCat("charon-", absl::ToUnixSeconds(clock_.Now()), "-")))
            << reference;
        return http::Response{
            .status = 200,
            .body = absl::StrCat(
                "<R><HostedZones><HostedZone><Id>/hostedzone/Z8</Id><Name>example.net.</"
                "Name><CallerReference>other</CallerReference></HostedZone>"
                "<HostedZone><Id>/hostedzone/Z9</Id><Name>example.net.</Name><CallerReference>",
                reference, "</CallerReference></HostedZone></HostedZones></R>")};
      });
  const auto zone = client_->CreateZone(call_, {.name = "example.net", .comment = "a & b"});
  ASSERT_THAT(zone, IsOk());
  EXPECT_EQ(zone->id, "Z9");
  EXPECT_THAT(transport_.requests()[0].body, HasSubstr("<Comment>a &amp; b</Comment>"));
}

TEST_F(Route53Test, KnowsWhenAZoneOfOursWasMade) {
  for (const auto& [reference, made] :
       std::vector<std::pair<const char*, std::optional<absl::Time>>>{
           {"charon-1700000000-abc", absl::FromUnixSeconds(1700000000)},
           {"charon-abc", std::nullopt},
           {"terraform-20240101", std::nullopt}}) {
    transport_.Answer(
        200, absl::StrCat(
                 "<R><HostedZone><Id>/hostedzone/Z9</Id><Name>example.net.</Name><CallerReference>",
                 reference, "</CallerReference></HostedZone></R>"));
    EXPECT_EQ(client_->ZoneById(call_, "Z9")->made, made) << reference;
  }
}

TEST_F(Route53Test, KeepsTheQuotasOfABatch) {
  std::vector<Unit> units(1500,
                          Unit{{Change{std::nullopt, Set("a.example.org", "A", {"192.0.2.1"})}}});
  EXPECT_EQ(client_->Fits(zone_, units), 1000u);
  const std::vector<Unit> upserts(1500, Unit{{Change{Set("a.example.org", "A", {"192.0.2.1"}),
                                                     Set("a.example.org", "A", {"192.0.2.1"})}}});
  EXPECT_EQ(client_->Fits(zone_, upserts), 500u);
}

}  // namespace
}  // namespace charon::route53
