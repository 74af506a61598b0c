#include "provider/clients/dns/rdata.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/status_matchers.h"

namespace charon::dns {
namespace {

using ::testing::HasSubstr;

TEST(Rdata, EachTypeHasOneSpelling) {
  struct Case {
    const char *type, *text, *canonical;
  };
  for (const Case& c : {
           Case{"A", "192.0.2.10", "192.0.2.10"},
           Case{"AAAA", "2001:DB8:0:0::10", "2001:db8::10"},
           Case{"CNAME", "WWW.Example.org.", "www.example.org"},
           Case{"MX", "010   Mail.example.org.", "10 mail.example.org"},
           Case{"MX", "0 .", "0 ."},
           Case{"SRV", "10 5 5060 sip.example.org", "10 5 5060 sip.example.org"},
           Case{"CAA", "0 ISSUE ca.example.net", "0 issue \"ca.example.net\""},
           Case{"TXT", "\"v=spf1 \" \"-all\"", "\"v=spf1 -all\""},
           Case{"TXT", "v=spf1 -all", "\"v=spf1 -all\""},
           Case{"TXT", R"("a\"b\\c\065")", R"("a\"b\\cA")"},
           Case{"TXT", "\"\xc3\xbc\"", R"("\195\188")"},
           Case{"SSHFP", "4 2 AB cd", "4 2 abcd"},
           Case{"TLSA", "3 1 1 0A0B", "3 1 1 0a0b"},
           Case{"DS", "60485 5 1 2BB183", "60485 5 1 2bb183"},
           Case{"HTTPS", "1 . port=443 ALPN=\"h2,h3\"", "1 . alpn=\"h2,h3\" port=\"443\""},
           Case{"NAPTR", "100 50 s SIP+D2U \"\" _sip._udp.example.org.",
                "100 50 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.org"},
           Case{"URI", "10 1 \"https://example.org/\"", "10 1 \"https://example.org/\""},
           Case{"DNSKEY", "257 3 13 bWRz c3dV", "257 3 13 bWRzc3dV"},
           Case{"DNSKEY", "257 3 13 \"bWRz c3dVWg\"", "257 3 13 bWRzc3dVWg=="},
           Case{"HTTPS", "1 . a=\"b \\\" c\"", "1 . a=\"b \\\" c\""},
           // Parameters in the order of their numbers, their values as they mean the same.
           Case{"HTTPS",
                "1 . key20=x key3= ipv6hint=2001:DB8:0::1,auto ipv4hint=192.0.2.2,192.0.2.1 "
                "port=0443 zz=\"\" no-default-alpn=\"\" alpn=h2 mandatory=port,ALPN",
                "1 . mandatory=\"alpn,port\" alpn=\"h2\" no-default-alpn key3 port=\"443\" "
                "ipv4hint=\"192.0.2.2,192.0.2.1\" ipv6hint=\"2001:db8::1,auto\" key20=\"x\" zz"},
           Case{"SVCB", R"(1 s.example.org key667=a\032b\",\065\195\\)",
                R"(1 s.example.org key667="a b\",A\195\\")"},
           Case{"SVCB", R"(1 s.example.org alpn=f\\\\oo\\,bar,h2)",
                R"(1 s.example.org alpn="f\\\\oo\\,bar,h2")"},
       }) {
    const absl::StatusOr<Rdata> rdata = ParseRdata(c.type, c.text);
    ASSERT_THAT(rdata, IsOk()) << c.text;
    EXPECT_EQ(WriteRdata(c.type, *rdata, Dots::kNone), c.canonical);
    EXPECT_EQ(CanonicalRdata(c.type, c.canonical), c.canonical);
  }
  EXPECT_EQ(WriteRdata("MX", *ParseRdata("MX", "10 mail.example.org"), Dots::kAbsolute),
            "10 mail.example.org.");
}

TEST(Rdata, ParametersAreWrittenForPowerDnsAsItWritesThem) {
  // Each right side was taken by 4.7, which refused every other spelling that was tried.
  for (const auto& [text, written] : std::vector<std::pair<const char*, const char*>>{
           {"1 . port=\"8443\" alpn=\"h2,h3\"", "1 . alpn=h2,h3 port=8443"},
           {"1 . ipv6hint=2001:DB8:0::1,2001:db8::2 ipv4hint=\"192.0.2.1\" no-default-alpn=\"\" "
            "alpn=h2 mandatory=port,alpn port=053",
            "1 . mandatory=alpn,port alpn=h2 no-default-alpn port=53 ipv4hint=192.0.2.1 "
            "ipv6hint=2001:db8::1,2001:db8::2"},
           {"1 . alpn=\"h 2,h3\"", "1 . alpn=\"h 2,h3\""},
           {R"(1 . alpn="f\\\\oo\\,bar,h2")", R"(1 . alpn=f\\\\oo\\,bar,h2)"},
           {"1 . ech=AEn+DQ==", "1 . ech=\"AEn+DQ==\""},
           {"1 . key667 key668=a,b", "1 . key667=\"\" key668=\"a,b\""},
           {R"(1 . key667=a\"b\032c\210)", R"(1 . key667="a\"b c\210")"}}) {
    const absl::StatusOr<Rdata> rdata = ParseRdata("HTTPS", text);
    ASSERT_THAT(rdata, IsOk()) << text;
    EXPECT_EQ(WriteRdata("HTTPS", *rdata, Dots::kAbsolute, Parameters::kPowerDns), written);
    // What PowerDNS tells is no other value than was wished.
    EXPECT_EQ(CanonicalRdata("HTTPS", written), CanonicalRdata("HTTPS", text));
  }
}

TEST(Rdata, SaysWhatIsWrongAndShowsARightOne) {
  struct Case {
    const char *type, *text, *says;
  };
  const std::string long_text = "\"" + std::string(256, 'x') + "\"";
  for (const Case& c : {
           Case{"A", "300.1.2.3", "not an IPv4 address. One looks like 192.0.2.10"},
           Case{"A", "2001:db8::1", "not an IPv4 address"},
           Case{"AAAA", "192.0.2.1", "not an IPv6 address"},
           Case{"A", "", "empty"},
           Case{"HINFO", "x y", "type HINFO cannot be written"},
           Case{"MX", "mail.example.org", "1 parts and needs 2"},
           Case{"MX", "70000 mail.example.org", "0 to 65535"},
           Case{"CNAME", "a b", "2 parts where 1"},
           Case{"TXT", "\"open", "not closed"},
           Case{"TXT", "\"a\" b", "outside the quotes"},
           Case{"TXT", long_text.c_str(), "256 bytes"},
           Case{"SSHFP", "4 2 xyz", "not hexadecimal"},
           Case{"DNSKEY", "257 3 13 !!!", "not base64"},
           Case{"DNSKEY", "257 3 13 \"\"", "not base64"},
           Case{"TLSA", "3 1 1 \"\"", "not hexadecimal"},
           Case{"CAA", "0 is-sue x", "letters and digits"},
           Case{"CAA", "0 \"\" x", "the tag is empty"},
           Case{"HTTPS", "1 . \"port=443\"", "is no parameter"},
           Case{"HTTPS", "1 . po\"r t\"=443", "is no parameter"},
           Case{"HTTPS", "1 . =443", "is no parameter"},
           Case{"HTTPS", "1 . a=b\"c d\"", "a quote inside"},
           Case{"HTTPS", "1 . a=b\\", "ends in a backslash"},
           Case{"LOC", "52 22 \"23.000  N\"", "stands in quotes"},
       }) {
    EXPECT_THAT(ParseRdata(c.type, c.text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.says)));
  }
  EXPECT_THAT(RemedyOf(ParseRdata("TXT", long_text).status()).value_or(""),
              HasSubstr("txt_record"));
  EXPECT_THAT(RemedyOf(ParseRdata("TXT", std::string(256, 'x')).status()).value_or(""),
              HasSubstr("txt_record"));
}

TEST(Rdata, LongTextIsSplitBetweenCharacters) {
  EXPECT_EQ(QuoteText(std::string(255, 'x')), "\"" + std::string(255, 'x') + "\"");
  EXPECT_EQ(QuoteText(std::string(256, 'x')), "\"" + std::string(255, 'x') + "\" \"x\"");
  // The two bytes of the last letter stay together.
  EXPECT_EQ(QuoteText(std::string(254, 'x') + "\u00fc"),
            "\"" + std::string(254, 'x') + "\" \"\\195\\188\"");
  EXPECT_EQ(QuoteText(""), "\"\"");
  for (const std::string& text :
       {std::string(1000, 'y'), std::string("a\"b\\c\n\xff"), std::string(600, '\x80')}) {
    EXPECT_THAT(UnquoteText(QuoteText(text)), IsOkAndHolds(text));
  }
  EXPECT_THAT(UnquoteText("\"\\101\"", /*octal_escapes=*/true), IsOkAndHolds("A"));
}

}  // namespace
}  // namespace charon::dns
