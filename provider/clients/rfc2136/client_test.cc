#include "provider/clients/rfc2136/client.h"

#include <functional>
#include <memory>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/clients/dns/client_for_test.h"
#include "provider/clients/rfc2136/message.h"
#include "provider/testing/status_matchers.h"
// Last: it makes macros of true and false, which are not for gMock.
#include <ldns/ldns.h>

namespace charon::rfc2136 {
namespace {

using dns::Change;
using dns::RecordSet;
using dns::Set;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const TsigKey& Key() {
  static const auto& key =
      *new TsigKey{"test-key", "c2VjcmV0LW9mLXRoZS10ZXN0LWtleQ==", "hmac-sha256"};
  return key;
}

// Plays the server: takes each question apart and writes the answers with the same library.
class FakeServer final : public Channel {
 public:
  struct Reply {
    int rcode = 0;
    std::vector<std::string> records = {};
    int tsig_error = 0;
    bool sign = true;
    std::string secret = Key().secret;
  };
  std::vector<std::string> asked;  // each message in readable form, without what varies
  std::function<std::vector<Reply>(const std::string& asked)> answer;
  absl::Status broken;

  absl::Status Exchange(const Call&, const std::string& message,
                        const OnAnswer& on_answer) override {
    if (!broken.ok()) return broken;
    ldns_pkt* query = nullptr;
    EXPECT_EQ(ldns_wire2pkt(&query, reinterpret_cast<const std::uint8_t*>(message.data()),
                            message.size()),
              LDNS_STATUS_OK);
    std::string text;
    const auto add = [&](const char* title, ldns_rr_list* list) {
      for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
        char* line = ldns_rr2str(ldns_rr_list_rr(list, i));
        std::string readable = line;
        free(line);
        for (char& c : readable) c = c == '\t' ? ' ' : c;
        absl::StrAppend(&text, title, readable);
      }
    };
    add("? ", ldns_pkt_question(query));
    add("prerequisite ", ldns_pkt_answer(query));
    add("update ", ldns_pkt_authority(query));
    asked.push_back(text);
    const ldns_rr* tsig = ldns_pkt_tsig(query);
    EXPECT_TRUE(tsig != nullptr);
    ldns_rdf* mac = ldns_rdf_clone(ldns_rr_rdf(tsig, 3));
    absl::Status status;
    bool first = true;
    for (const Reply& reply : answer(text)) {
      ldns_pkt* packet = ldns_pkt_new();
      ldns_pkt_set_id(packet, ldns_pkt_id(query));
      ldns_pkt_set_qr(packet, true);
      ldns_pkt_set_aa(packet, true);
      ldns_pkt_set_rcode(packet, static_cast<std::uint8_t>(reply.rcode));
      for (const std::string& line : reply.records) {
        ldns_rr* record = nullptr;
        EXPECT_EQ(ldns_rr_new_frm_str(&record, line.c_str(), 0, nullptr, nullptr), LDNS_STATUS_OK)
            << line;
        ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, record);
      }
      if (reply.sign) {
        EXPECT_EQ(ldns_pkt_tsig_sign_next(packet, "test-key.", reply.secret.c_str(), 300,
                                          "hmac-sha256.", mac, first ? 0 : 1),
                  LDNS_STATUS_OK);
        if (reply.tsig_error != 0) {
          ldns_rr* signature = ldns_pkt_tsig(packet);
          if (reply.tsig_error == 18) {  // as BIND 9.18 does: signed at 02:48:44, it is 01:43:14
            std::uint8_t signed_at[] = {0, 0, 0x6b, 0x02, 0x58, 0x0c},
                         other[] = {0, 6, 0, 0, 0x6b, 0x02, 0x48, 0xb2};
            ldns_rdf_deep_free(ldns_rr_set_rdf(
                signature, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_TSIGTIME, 6, signed_at), 1));
            ldns_rdf_deep_free(ldns_rr_set_rdf(
                signature, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, 8, other), 6));
          }
          ldns_rdf_deep_free(
              ldns_rr_set_rdf(signature,
                              ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16,
                                                    static_cast<std::uint16_t>(reply.tsig_error)),
                              5));
        }
        ldns_rdf_deep_free(mac);
        mac = ldns_rdf_clone(ldns_rr_rdf(ldns_pkt_tsig(packet), 3));
      }
      std::uint8_t* bytes = nullptr;
      std::size_t size = 0;
      EXPECT_EQ(ldns_pkt2wire(&bytes, packet, &size), LDNS_STATUS_OK);
      const absl::StatusOr<bool> more =
          on_answer(absl::string_view(reinterpret_cast<const char*>(bytes), size));
      free(bytes);
      ldns_pkt_free(packet);
      first = false;
      status = more.status();
      if (!more.ok() || !*more) break;
    }
    ldns_rdf_deep_free(mac);
    ldns_pkt_free(query);
    return status;
  }
};

class Rfc2136Test : public dns::ClientTest {
 protected:
  Rfc2136Test() : ClientTest({"example.org", "example.org"}) {
    auto server = std::make_unique<FakeServer>();
    server_ = server.get();
    client_ = NewClient("192.0.2.53", Key(), std::move(server));
  }
  void Answer(FakeServer::Reply reply) {
    server_->answer = [reply](const std::string&) { return std::vector<FakeServer::Reply>{reply}; };
  }

  FakeServer* server_ = nullptr;
};

constexpr char kSoa[] =
    "example.org. 3600 IN SOA ns1.example.org. admin.example.org. 1 3600 600 86400 300";

TEST_F(Rfc2136Test, AZoneIsWhatTheServerIsAuthoritativeFor) {
  Answer({.records = {kSoa}});
  EXPECT_EQ(client_->ZonesNamed(call_, "example.org")->size(), 1u);
  EXPECT_EQ(client_->ZonesNamed(call_, "a.example.org")->size(), 0u);
  Answer({.rcode = 5, .sign = false});
  EXPECT_EQ(client_->ZonesNamed(call_, "example.net")->size(), 0u);
}

TEST_F(Rfc2136Test, ListsByTransferOverSeveralMessages) {
  server_->answer = [](const std::string&) {
    return std::vector<FakeServer::Reply>{
        {.records = {kSoa, "www.example.org. 300 IN A 192.0.2.1",
                     "www.example.org. 300 IN A 192.0.2.2"}},
        {.records = {"t.example.org. 60 IN TXT \"a b\" \"c\"",
                     "example.org. 300 IN MX 10 mail.example.org.",
                     "s.example.org. 300 IN HTTPS 1 . alpn=h2"}},
        {.records = {"www.example.org. 300 IN NSEC t.example.org. A", kSoa}}};
  };
  const auto sets = client_->List(call_, zone_);
  ASSERT_THAT(sets, IsOk());
  std::vector<std::string> seen;
  for (const RecordSet& set : *sets) {
    if (set.key.type != "SOA")
      seen.push_back(absl::StrCat(dns::Describe(set.key), " ", set.ttl, ": ",
                                  absl::StrJoin(set.values, ", ")));
  }
  EXPECT_THAT(seen, ElementsAre("MX example.org 300: 10 mail.example.org",
                                "HTTPS s.example.org 300: 1 . alpn=\"h2\"",
                                "TXT t.example.org 60: \"a bc\"",
                                "A www.example.org 300: 192.0.2.1, 192.0.2.2"));
  Answer({.rcode = 5});
  EXPECT_THAT(client_->List(call_, zone_), StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_F(Rfc2136Test, AnUpdateSaysWhatItExpectsToFind) {
  Answer({});
  EXPECT_THAT(Write({{{Change{std::nullopt, Set("t.example.org", "TXT", {"\"a b\""})}}},
                     {{Change{std::nullopt, Set("c.example.org", "CNAME", {"t.example.org"})}}},
                     {{Change{Set("m.example.org", "MX", {"10 a.example.org"}),
                              Set("m.example.org", "MX", {"20 b.example.org"})}}},
                     {{Change{Set("g.example.org", "A", {"192.0.2.1"}), std::nullopt}}}})
                  .status,
              IsOk());
  EXPECT_EQ(server_->asked[0],
            "? example.org. IN SOA\n"
            "prerequisite t.example.org. 0 NONE TXT \\# 0\n"
            "prerequisite t.example.org. 0 NONE CNAME \\# 0\n"
            "prerequisite c.example.org. 0 NONE CNAME \\# 0\n"
            "prerequisite c.example.org. 0 NONE ANY \\# 0\n"
            "prerequisite m.example.org. 0 IN MX 10 a.example.org.\n"
            "prerequisite g.example.org. 0 IN A 192.0.2.1\n"
            "update t.example.org. 300 IN TXT \"a b\"\n"
            "update c.example.org. 300 IN CNAME t.example.org.\n"
            "update m.example.org. 0 ANY MX \\# 0\n"
            "update m.example.org. 300 IN MX 20 b.example.org.\n"
            "update g.example.org. 0 ANY A \\# 0\n");
  // Deleted and made anew is one replacement: prerequisites speak of the zone as it was.
  EXPECT_THAT(Write({{{Change{Set("g.example.org", "A", {"192.0.2.1"}), std::nullopt},
                       Change{std::nullopt, Set("g.example.org", "A", {"192.0.2.2"})}}}})
                  .status,
              IsOk());
  EXPECT_THAT(server_->asked[1], Not(HasSubstr("NONE")));
}

TEST_F(Rfc2136Test, TellsErrorsApart) {
  struct Case {
    FakeServer::Reply reply;
    absl::StatusCode code;
    const char* says;
  };
  for (const Case& c : {
           Case{{.rcode = 2}, absl::StatusCode::kUnavailable, "SERVFAIL"},
           Case{{.rcode = 4}, absl::StatusCode::kFailedPrecondition, "no dynamic updates"},
           Case{{.rcode = 5, .sign = false}, absl::StatusCode::kPermissionDenied, "allow-update"},
           Case{{.rcode = 5}, absl::StatusCode::kPermissionDenied, "Allow the key \"test-key\""},
           Case{{.rcode = 5}, absl::StatusCode::kPermissionDenied, "check-names"},
           Case{{.rcode = 6}, absl::StatusCode::kAborted, "beside a CNAME"},
           Case{{.rcode = 7}, absl::StatusCode::kAborted, "is there"},
           Case{{.rcode = 8}, absl::StatusCode::kAborted, "not there as it was"},
           Case{{.rcode = 9}, absl::StatusCode::kPermissionDenied, "not the zone's primary"},
           Case{{.rcode = 10}, absl::StatusCode::kInvalidArgument, "NOTZONE"},
           Case{{.rcode = 9, .tsig_error = 16}, absl::StatusCode::kUnauthenticated, "BADSIG"},
           Case{{.rcode = 9, .tsig_error = 17}, absl::StatusCode::kUnauthenticated, "BADKEY"},
           Case{{.rcode = 9, .tsig_error = 18},
                absl::StatusCode::kUnauthenticated,
                "its clock is 1h5m30s behind: it shows 2026-11-22T01:43:14Z, that of this machine "
                "2026-11-22T02:48:44Z (BADTIME)"},
           Case{{.sign = false}, absl::StatusCode::kUnauthenticated, "not signed"},
           Case{{.secret = "YW5vdGhlci1zZWNyZXQtYWx0b2dldGhlcg=="},
                absl::StatusCode::kUnauthenticated,
                "signature of the server's answer is wrong"},
       }) {
    Answer(c.reply);
    const absl::Status status =
        Write({{{Change{std::nullopt, Set("a.example.org", "A", {"192.0.2.1"})}}}}).status;
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(absl::StrCat(status.message(), RemedyOf(status).value_or("")), HasSubstr(c.says));
    EXPECT_THAT(status.ToString(), Not(HasSubstr(Key().secret)));
  }
  server_->broken = absl::UnavailableError("connection refused");
  EXPECT_THAT(client_->List(call_, zone_),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("connection refused")));
  EXPECT_THAT(NewQuestion("example.org", "SOA", {"k", "not base64!", "hmac-sha256"}),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("cannot sign")));
}

TEST_F(Rfc2136Test, AServerThatCannotAtTheMomentIsAskedAgain) {
  int refusals = 3;
  server_->answer = [&](const std::string&) -> std::vector<FakeServer::Reply> {
    return {{.rcode = refusals-- > 0 ? 2 : 0}};
  };
  const auto write = [&] {
    return Write({{{Change{std::nullopt, Set("a.example.org", "A", {"192.0.2.1"})}}}}).status;
  };
  EXPECT_THAT(write(), IsOk());
  EXPECT_EQ(server_->asked.size(), 4u);
  EXPECT_THAT(clock_.sleeps(), ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200),
                                           absl::Milliseconds(400)));
  refusals = 100;
  EXPECT_THAT(write(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("SERVFAIL")));
  EXPECT_EQ(server_->asked.size(), 9u);
}

TEST_F(Rfc2136Test, ARefusalOfSeveralIsTheKeysOnlyIfTheZoneTakesNoUpdate) {
  // As BIND does: its check-names is about single records, its allow-update about the zone.
  bool allowed = true;
  server_->answer = [&](const std::string& asked) -> std::vector<FakeServer::Reply> {
    return {{.rcode = allowed && !absl::StrContains(asked, "update _srv") ? 0 : 5}};
  };
  const auto write = [&](const char* name) {
    return Write({{{Change{std::nullopt, Set("a.example.org", "A", {"192.0.2.1"})}}},
                  {{Change{std::nullopt, Set(name, "A", {"192.0.2.1"})}}}})
        .status;
  };
  allowed = false;
  EXPECT_THAT(write("b.example.org"),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("2 record sets")));
  ASSERT_EQ(server_->asked.size(), 2u);
  EXPECT_EQ(server_->asked[1],
            "? example.org. IN SOA\nprerequisite example.org. 0 ANY SOA \\# 0\n");
  allowed = true;
  EXPECT_THAT(write("_srv.example.org"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(server_->asked.size(), 4u);
  EXPECT_THAT(write("_srv.example.org"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(server_->asked.size(), 5u);  // a yes holds
  EXPECT_THAT(write("b.example.org"), IsOk());
}

TEST_F(Rfc2136Test, AWildcardsAnswerIsNoSet) {
  bool exists = false;
  server_->answer = [&](const std::string& asked) -> std::vector<FakeServer::Reply> {
    if (absl::StrContains(asked, "prerequisite")) return {{.rcode = exists ? 0 : 8}};
    if (absl::StrContains(asked, "*.example.org"))
      return {{.records = {"*.example.org. 300 IN A 192.0.2.1"}}};
    return {{.records = {"www.example.org. 300 IN A 192.0.2.1"}}};
  };
  EXPECT_EQ(*client_->Lookup(call_, zone_, {"www.example.org", "A", ""}), std::nullopt);
  exists = true;
  EXPECT_TRUE(client_->Lookup(call_, zone_, {"www.example.org", "A", ""})->has_value());
  EXPECT_EQ(server_->asked.size(), 5u);  // the wildcard was asked for once
  Answer({.rcode = 3});
  EXPECT_EQ(*client_->Lookup(call_, zone_, {"gone.example.org", "A", ""}), std::nullopt);
}

TEST_F(Rfc2136Test, AValueThatCannotBeWrittenIsThatUnitsFault) {
  Answer({});
  const dns::WriteResult result =
      Write({{{Change{std::nullopt, Set("a.example.org", "A", {"192.0.2.1"})}}},
             {{Change{std::nullopt, Set("b.example.org", "LOC", {"nowhere"})}}}});
  ASSERT_EQ(result.at_fault.size(), 1u);
  EXPECT_EQ(result.at_fault[0].first, 1u);
}

TEST(Server, IsReadAsUsersWriteIt) {
  const auto both = [](const char* text) {
    const auto server = ParseServer(text);
    return server.ok() ? absl::StrCat(server->host, " ", server->port) : "";
  };
  EXPECT_EQ(both("192.0.2.53"), "192.0.2.53 53");
  EXPECT_EQ(both("ns1.example.org:5353"), "ns1.example.org 5353");
  EXPECT_EQ(both("[2001:db8::53]:5353"), "2001:db8::53 5353");
  EXPECT_EQ(both("2001:db8::53"), "2001:db8::53 53");
  for (const char* wrong : {"", ":53", "ns1:0", "ns1:70000", "ns1:x", "https://ns1", "[::1", "a b"})
    EXPECT_EQ(both(wrong), "") << wrong;
}

// Every type that a configuration may have is known to the library.
// A signature whose algorithm is none that we know: RFC 8945, section 4.2. (Under ASan also: what
// ldns took out of the message for the check is not lost.)
TEST(Message, ASignatureOfAnotherAlgorithmIsNone) {
  using namespace std::string_literals;
  const std::string wire =
      "\0\7\x84\0\0\0\0\0\0\0\0\1"s        // id 7, an authoritative answer, one more record:
      "\0\0\xfa\0\xff\0\0\0\0"s            // ".", TSIG, class ANY, TTL 0
      "\0\x1b\5other\3alg\0"s              // 27 bytes: "other.alg."
      "\0\0\0\0\0\0\1\x2c\0\0\0\7\0\0\0"s  // time 0, fudge 300, no MAC, id 7, no error,
      "\0"s;                               // no other data
  Query query;
  query.id = 7;
  query.mac = "\0\x20"s + std::string(32, 'm');
  EXPECT_THAT(ReadAnswer(wire, query, {"k", "c2VjcmV0", "hmac-sha256"}, /*first=*/true),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("signature")));
  EXPECT_THAT(ReadAnswer(wire, query, {}, /*first=*/true), IsOk()) << "nobody asked for one";
}

TEST(Message, CanWriteEveryType) {
  const std::map<std::string, std::string> values = {
      {"A", "192.0.2.1"},
      {"AAAA", "2001:db8::1"},
      {"CAA", "0 issue \"ca.example.net\""},
      {"CNAME", "a.example.org"},
      {"DNAME", "a.example.org"},
      {"DS", "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118"},
      {"HTTPS", "1 . alpn=\"h2,h3\" port=\"443\""},
      {"MX", "10 a.example.org"},
      {"NAPTR", "100 50 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.org"},
      {"NS", "ns.example.org"},
      {"PTR", "a.example.org"},
      {"SPF", "\"v=spf1 -all\""},
      {"SRV", "10 5 5060 sip.example.org"},
      {"SSHFP", "4 2 0a0b"},
      {"SVCB", "1 a.example.org port=\"8443\""},
      {"TLSA", "3 1 1 0a0b"},
      {"TXT", "\"a\\\"b\\\\c\" \"d\""},
      {"URI", "10 1 \"https://example.org/\""},
      {"LOC", "52 22 23.000 N 4 53 32.000 E -2.00m"},
      {"SMIMEA", "3 1 1 0a0b"},
      {"DNSKEY",
       "257 3 13 "
       "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="}};
  for (const auto& [type, value] : values) EXPECT_TRUE(CanWrite(type, value)) << type;
  for (const char* parameter : {"key667", "key667=\"a b\"", "no-default-alpn", "ech=\"AEn+DQ==\"",
                                "mandatory=\"alpn,port\" alpn=\"h2\" port=\"443\"",
                                "ipv4hint=\"192.0.2.1\" ipv6hint=\"2001:db8::1\""})
    EXPECT_TRUE(CanWrite("SVCB", absl::StrCat("1 a.example.org ", parameter))) << parameter;
}

}  // namespace
}  // namespace charon::rfc2136
