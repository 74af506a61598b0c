#include "provider/operations/labels.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::operations {
namespace {

using Json = nlohmann::json;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// `manager` has applied the labels `keys` of it.
Json ObjectWith(const Labels& labels, const char* manager, const std::vector<std::string>& keys) {
  Json owned = Json::object();
  for (const std::string& key : keys) owned["f:" + key] = Json::object();
  return {{"kind", "Secret"},
          {"metadata",
           {{"name", "s"},
            {"labels", labels},
            {"managedFields",
             Json::array({{{"manager", manager},
                           {"operation", "Apply"},
                           {"apiVersion", "v1"},
                           {"fieldsType", "FieldsV1"},
                           {"fieldsV1", {{"f:metadata", {{"f:labels", owned}}}}}}})}}}};
}

TEST(Labels, OnlyWhatIsOrWasDeclaredIsRead) {
  const Json live = ObjectWith({{"team", "red"}, {"gone", "x"}, {"theirs", "1"}}, "charon", {});
  EXPECT_EQ(LiveLabels(live, {{"team", "blue"}, {"new", "1"}}, Labels{{"gone", "x"}}),
            (Labels{{"team", "red"}, {"gone", "x"}}));
  // A state from before there was the attribute.
  EXPECT_EQ(LiveLabels(live, {{"team", "blue"}}, std::nullopt), (Labels{{"team", "red"}}));
  EXPECT_THAT(LiveLabels({{"kind", "Secret"}}, {{"team", "blue"}}, std::nullopt), IsEmpty());
}

TEST(Labels, AFurtherObjectShowsWhatItHasOtherwise) {
  const Labels declared = {{"team", "blue"}, {"cost", "1"}};
  const auto shown = [&](const Json& further) {
    Labels labels = declared;
    ShowLabelsOf(further, declared, "charon", labels);
    return labels;
  };
  EXPECT_EQ(shown(ObjectWith({{"team", "blue"}, {"cost", "1"}, {"theirs", "1"}}, "charon",
                             {"team", "cost"})),
            declared);
  EXPECT_EQ(shown(ObjectWith({{"team", "red"}}, "charon", {"team"})), (Labels{{"team", "red"}}));
  // An apply that failed on the way has left it.
  EXPECT_EQ(shown(ObjectWith({{"team", "blue"}, {"cost", "1"}, {"old", "1"}}, "charon",
                             {"team", "cost", "old"})),
            (Labels{{"team", "blue"}, {"cost", "1"}, {"old", "1"}}));
}

TEST(Labels, OnlyWhatOthersMadeOfThemIsNews) {
  const Labels declared = {{"team", "blue"}};
  const auto is_news = [&](const Labels& live, const char* manager,
                           const std::optional<Labels>& former) {
    std::vector<kubernetes::Difference> differences =
        kubernetes::Compare({{"kind", "Secret"}, {"metadata", {{"labels", declared}}}},
                            ObjectWith(live, manager, {"team"}), "charon");
    EXPECT_THAT(differences, SizeIs(1));
    DropExpectedLabels(differences, former, "charon");
    return !differences.empty();
  };
  const Labels red = {{"team", "red"}}, none = {{"x", "1"}};
  // The configuration changes it, or adds it.
  EXPECT_FALSE(is_news(red, "charon", red));
  EXPECT_FALSE(is_news(red, "", red));
  EXPECT_FALSE(is_news(none, "charon", none));
  EXPECT_FALSE(is_news(none, "charon", std::nullopt));
  // An apply has written it that ended before the state had it.
  EXPECT_FALSE(is_news(red, "charon", Labels{{"team", "green"}}));
  // Somebody has it, whatever a refresh made of the state.
  EXPECT_TRUE(is_news(red, "somebody", red));
  EXPECT_TRUE(is_news(red, "somebody", declared));
  EXPECT_TRUE(is_news(none, "charon", declared));
  EXPECT_TRUE(is_news({}, "charon", declared));
}

}  // namespace
}  // namespace charon::operations
