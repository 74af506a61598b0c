#include "provider/clients/dns/name.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/status_matchers.h"

namespace charon::dns {
namespace {

using ::testing::HasSubstr;

TEST(Name, HasOneSpelling) {
  EXPECT_THAT(CanonicalName("WWW.Example.ORG."), IsOkAndHolds("www.example.org"));
  EXPECT_THAT(CanonicalName("*.example.org"), IsOkAndHolds("*.example.org"));
  EXPECT_THAT(CanonicalName("\\052.example.org"), IsOkAndHolds("*.example.org"));
  EXPECT_THAT(CanonicalName("\\052.example.org.", Escapes::kOctal), IsOkAndHolds("*.example.org"));
  EXPECT_THAT(CanonicalName("_sip._udp.example.org"), IsOkAndHolds("_sip._udp.example.org"));
  EXPECT_THAT(CanonicalName("a\\046b.example.org"), IsOkAndHolds("a\\046b.example.org"));
  EXPECT_THAT(CanonicalName("a\\056b.example.org", Escapes::kOctal),
              IsOkAndHolds("a\\046b.example.org"));
  EXPECT_THAT(CanonicalName("a\\.b.example.org"), IsOkAndHolds("a\\046b.example.org"));
  EXPECT_THAT(CanonicalName("."), IsOkAndHolds(""));
  // RFC 5890 and the samples of RFC 3492, section 7.1.
  EXPECT_THAT(CanonicalName("B\u00fccher.example"), IsOkAndHolds("xn--bcher-kva.example"));
  EXPECT_THAT(CanonicalName("xn--bcher-kva.example"), IsOkAndHolds("xn--bcher-kva.example"));
  EXPECT_THAT(CanonicalName("\u4ed6\u4eec\u4e3a\u4ec0\u4e48\u4e0d\u8bf4\u4e2d\u6587.example"),
              IsOkAndHolds("xn--ihqwcrb4cv8a8dqg056pqjye.example"));
  EXPECT_TRUE(SameName("B\u00dcCHER.example.", "xn--bcher-kva.EXAMPLE"));
}

TEST(Name, SaysWhatIsWrong) {
  const auto invalid = [](const char* what) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what));
  };
  EXPECT_THAT(CanonicalName(""), invalid("empty"));
  EXPECT_THAT(CanonicalName("a..b"), invalid("empty label"));
  EXPECT_THAT(CanonicalName(".a"), invalid("empty label"));
  EXPECT_THAT(CanonicalName("a b"), invalid("blank"));
  EXPECT_THAT(CanonicalName("a\\"), invalid("backslash"));
  EXPECT_THAT(CanonicalName("a\\999"), invalid("no byte"));
  EXPECT_THAT(CanonicalName(std::string(64, 'a') + ".org"), invalid("64 bytes"));
  EXPECT_THAT(
      CanonicalName(std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') +
                    "." + std::string(60, 'd') + "." + std::string(60, 'e')),
      invalid("253"));
  EXPECT_THAT(CanonicalName("\xff\xfe.org"), invalid("UTF-8"));
  // What folding makes of soft hyphens, wide dots and hard blanks.
  EXPECT_THAT(CanonicalName("a.\u00ad.org"), invalid("without a visible character"));
  EXPECT_THAT(CanonicalName("a\uff0eb.org"), invalid("stands for a dot"));
  EXPECT_THAT(CanonicalName("a\u00a0b.org"), invalid("a blank"));
  std::string long_label;
  for (int i = 0; i < 64; ++i) long_label += "\u00fc";
  EXPECT_THAT(CanonicalName(long_label + ".org"), invalid("64 characters"));
}

TEST(Name, KnowsItsZone) {
  EXPECT_TRUE(IsInside("www.example.org", "example.org"));
  EXPECT_TRUE(IsInside("example.org", "example.org"));
  EXPECT_FALSE(IsInside("wwwexample.org", "example.org"));
  EXPECT_FALSE(IsInside("org", "example.org"));
}

}  // namespace
}  // namespace charon::dns
