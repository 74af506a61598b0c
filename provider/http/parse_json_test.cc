#include "provider/http/parse_json.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::http {
namespace {

std::string Nested(int levels, const std::string& inside) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += i % 2 == 0 ? "[" : "{\"a\":";
  text += inside;
  for (int i = levels - 1; i >= 0; --i) text += i % 2 == 0 ? "]" : "}";
  return text;
}

TEST(ParseJson, ReadsJsonAndNothingElse) {
  EXPECT_EQ(ParseJson(R"({"a": [1, "]["]})")["a"][1], "][");
  for (const char* text : {"", "{", "[1,]", "<html>", "\"open", "\"\\", "]", "\"\xff\""}) {
    EXPECT_TRUE(ParseJson(text).is_discarded()) << text;
  }
}

TEST(ParseJson, RefusesWhatWouldTakeTheStack) {
  EXPECT_TRUE(ParseJson(Nested(kDeepestJson, "1")).is_array());
  EXPECT_TRUE(ParseJson(Nested(kDeepestJson + 1, "1")).is_discarded());
  EXPECT_TRUE(ParseJson(Nested(1'000'000, "1")).is_discarded());
  // Neither what stands in texts counts, nor what stands side by side.
  EXPECT_FALSE(
      ParseJson(absl::StrCat("[\"", std::string(5000, '['), "\\\"", std::string(5000, '{'), "\"]"))
          .is_discarded());
  std::string wide = "[[]";
  for (int i = 0; i < 5000; ++i) wide += ",[]";
  EXPECT_EQ(ParseJson(wide + "]").size(), 5001u);
}

}  // namespace
}  // namespace charon::http
