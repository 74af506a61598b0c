#include "provider/clients/headscale/policy/addresses.h"

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace charon::headscale::policy {
namespace {

using testing::ElementsAre;

AddressSet Set(std::initializer_list<absl::string_view> prefixes) {
  AddressSet set;
  for (const absl::string_view prefix : prefixes)
    set = set.Or(AddressSet::Of(*ParsePrefixOrAddress(prefix)));
  return set;
}

std::string Text(const AddressSet& set) { return absl::StrJoin(set.ToStrings(), " "); }

TEST(Addresses, AreReadAsGoReadsThem) {
  EXPECT_EQ(ParseAddress("10.0.0.1"), Address::Parse("10.0.0.1"));
  EXPECT_EQ(ParseAddress("fe80::1%eth0"), Address::Parse("fe80::1"));
  for (const char* text : {"", "fe80::1%", "1.2.3.4%eth0", "g::", "10.0.0.1/8"})
    EXPECT_FALSE(ParseAddress(text).has_value()) << text;
  EXPECT_TRUE(ParsePrefixOrAddress("fe80::1%eth0")->is_single());
  EXPECT_EQ(ParsePrefixOrAddress("10.0.0.1/8")->length, 8);
  EXPECT_FALSE(ParsePrefixOrAddress("fe80::1%eth0/64").has_value());
}

TEST(Addresses, SetsAreExact) {
  EXPECT_EQ(Text(Set({"10.0.0.0/9", "10.128.0.0/9", "fd00::1"})), "10.0.0.0/8 fd00::1");
  EXPECT_EQ(Text(Set({"10.0.0.0/8"}).Minus(Set({"10.0.0.1"}))).substr(0, 33),
            "10.0.0.0 10.0.0.2/31 10.0.0.4/30 ");
  EXPECT_EQ(Text(Set({"10.0.0.0/30"}).Minus(Set({"10.0.0.1", "10.0.0.2"}))), "10.0.0.0 10.0.0.3");
  EXPECT_EQ(Text(Set({"0.0.0.0/0"}).And(Set({"192.168.1.7/24", "::/0"}))), "192.168.1.0/24");
  EXPECT_EQ(Text(AddressSet::All()), "0.0.0.0/0 ::/0");
  EXPECT_TRUE(AddressSet::All().Minus(AddressSet::All()).empty());
  EXPECT_EQ(Text(Set({"::/0"}).Minus(Set({"::/1"}))), "8000::/1");
  EXPECT_EQ(Text(Set({"0.0.0.0/0"}).Minus(Set({"0.0.0.0/1", "255.255.255.255"}))).substr(0, 10),
            "128.0.0.0/");
  EXPECT_THAT(AddressSet::Tailnet().ToStrings(), testing::Contains("fd7a:115c:a1e0::/48"));
  EXPECT_FALSE(AddressSet::Tailnet().Contains(*Address::Parse("100.115.93.1")));
  EXPECT_TRUE(AddressSet::Tailnet().Contains(*Address::Parse("100.115.94.1")));
  EXPECT_TRUE(AddressSet::Internet().Contains(*Address::Parse("8.8.8.8")));
  EXPECT_FALSE(AddressSet::Internet().Overlaps(Set({"10.0.0.0/8", "fd00::/8", "100.64.0.0/10"})));
}

// Against a bitmap of a small universe: the last octet of 10.0.0.0/24.
TEST(Addresses, ArithmeticAgreesWithABitmap) {
  std::mt19937 random(7);
  const auto any = [&](int most) {
    return static_cast<int>(random() % static_cast<unsigned>(most));
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<bool> bits[2] = {std::vector<bool>(256), std::vector<bool>(256)};
    AddressSet sets[2];
    for (int side = 0; side < 2; ++side) {
      for (int i = any(6); i > 0; --i) {
        const Prefix prefix = *Prefix::Parse(absl::StrCat("10.0.0.", any(256), "/", 24 + any(9)));
        sets[side] = sets[side].Or(AddressSet::Of(prefix));
        for (int at = 0; at < 256; ++at) {
          const Address address = *Address::Parse(absl::StrCat("10.0.0.", at));
          if (!(address < prefix.first()) && !(prefix.last() < address))
            bits[side][static_cast<std::size_t>(at)] = true;
        }
      }
    }
    const AddressSet either = sets[0].Or(sets[1]), both = sets[0].And(sets[1]),
                     less = sets[0].Minus(sets[1]);
    bool contains = true;
    for (std::size_t at = 0; at < 256; ++at) {
      const Address address = *Address::Parse(absl::StrCat("10.0.0.", at));
      EXPECT_EQ(either.Contains(address), bits[0][at] || bits[1][at]);
      EXPECT_EQ(both.Contains(address), bits[0][at] && bits[1][at]);
      EXPECT_EQ(less.Contains(address), bits[0][at] && !bits[1][at]);
      contains &= !bits[1][at] || bits[0][at];
    }
    EXPECT_EQ(sets[0].Contains(sets[1]), contains);
    AddressSet again;
    for (const std::string& prefix : either.ToStrings())
      again = again.Or(AddressSet::Of(*ParsePrefixOrAddress(prefix)));
    EXPECT_EQ(again, either);
  }
}

}  // namespace
}  // namespace charon::headscale::policy
