#include "provider/base/ip.h"

#include <string>

#include "gtest/gtest.h"

namespace charon {
namespace {

TEST(Ip, AddressesAreReadStrictly) {
  for (const char* text : {"10.0.0.1", "0.0.0.0", "::", "fd7a:115c:a1e0::1", "::ffff:1.2.3.4"}) {
    ASSERT_TRUE(IpAddress::Parse(text).has_value()) << text;
    EXPECT_EQ(IpAddress::Parse(text)->ToString(), text);
  }
  EXPECT_EQ(IpAddress::Parse("FD00:0:0::1")->ToString(), "fd00::1");
  for (const std::string& text :
       {std::string(), std::string("10.0.0"), std::string("10.0.0.256"), std::string("010.0.0.1"),
        std::string("10.0.0.1 "), std::string("fe80::1%eth0"), std::string("g::"),
        std::string("10.0.0.1/8"), std::string("10.0.0.1\0; x", 12), std::string("::1\0", 4)}) {
    EXPECT_FALSE(IpAddress::Parse(text).has_value()) << text;
  }
  EXPECT_TRUE(IpAddress::Parse("127.3.2.1")->is_loopback());
  EXPECT_TRUE(IpAddress::Parse("::1")->is_loopback());
  EXPECT_FALSE(IpAddress::Parse("128.0.0.1")->is_loopback());
  EXPECT_FALSE(IpAddress::Parse("::2")->is_loopback());
}

TEST(Ip, PrefixesAreReadStrictly) {
  for (const char* text : {"10.0.0.0/8", "10.1.2.3/0", "::/0", "fd7a::/128"})
    EXPECT_TRUE(IpPrefix::Parse(text).has_value()) << text;
  for (const std::string& text :
       {std::string("10.0.0.0"), std::string("10.0.0.0/"), std::string("10.0.0.0/33"),
        std::string("10.0.0.0/08"), std::string("10.0.0.0/+8"), std::string("10.0.0.0/-1"),
        std::string("::/129"), std::string("fe80::1%e/64"), std::string("10.0.0.0/8/8"),
        std::string("10.0.0.0\0/8", 11), std::string("10.0.0.0/8\0", 11)}) {
    EXPECT_FALSE(IpPrefix::Parse(text).has_value()) << text;
  }
  EXPECT_TRUE(IpPrefix::Parse("10.0.0.1/8")->has_host_bits());
  EXPECT_EQ(IpPrefix::Parse("10.0.0.1/8")->Masked().ToString(), "10.0.0.0/8");
  EXPECT_FALSE(IpPrefix::ParseOrAddress("10.0.0.1")->has_host_bits());
  EXPECT_FALSE(IpPrefix::ParseOrAddress("fe80::1%eth0").has_value());
}

TEST(Ip, PrefixesContainAddressesOfTheirFamily) {
  const IpPrefix eight = *IpPrefix::Parse("10.1.2.3/8");
  EXPECT_TRUE(eight.Contains(*IpAddress::Parse("10.255.255.255")));
  EXPECT_FALSE(eight.Contains(*IpAddress::Parse("11.0.0.0")));
  EXPECT_FALSE(eight.Contains(*IpAddress::Parse("::a00:1")));
  EXPECT_TRUE(IpPrefix::Parse("::/0")->Contains(*IpAddress::Parse("fd00::1")));
  EXPECT_FALSE(IpPrefix::Parse("0.0.0.0/0")->Contains(*IpAddress::Parse("::1")));
}

}  // namespace
}  // namespace charon
