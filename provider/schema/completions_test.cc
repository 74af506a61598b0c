#include "provider/schema/completions.h"

#include <algorithm>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/schema/checks.h"
#include "provider/schema/field.h"

namespace charon {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

struct Inner {
  Attr<std::string> mode;
  Attr<std::int64_t> number;
  static const ObjectSpec<Inner>& Describe() {
    static const auto& spec = *new ObjectSpec<Inner>(
        "Inner.", {Field(&Inner::mode, "mode", Optional, "Mode.").Check(OneOf({"a", "b", "c"})),
                   Field(&Inner::number, "number", Required, "Number.").Check(Between(1, 65535))});
    return spec;
  }
};

struct Outer {
  Attr<std::string> name, other, stated;
  Attr<bool> flag;
  Attr<std::map<std::string, std::string>> labels;
  Attr<std::map<std::string, Inner>> inner;
  static const ObjectSpec<Outer>& Describe() {
    static const auto& spec = *new ObjectSpec<Outer>(
        "Outer.",
        {Field(&Outer::name, "name", Required, "Name.").Check(DnsLabel()),
         Field(&Outer::other, "other", Optional, "Other.")
             .Check(TextRule("is `left/right`",
                             [](absl::string_view text) -> absl::Status {
                               if (text.find('/') != absl::string_view::npos)
                                 return absl::OkStatus();
                               return absl::InvalidArgumentError("must be such as \"in/out\"");
                             })),
         Field(&Outer::stated, "stated", Computed, "State."),
         Field(&Outer::flag, "flag", Optional, "Flag."),
         Field(&Outer::labels, "labels", Optional, "Labels.").Check(EachElement(LabelValue())),
         Field(&Outer::inner, "inner", Optional, "Inner.")},
        {AtMostOneOf({"other", "flag"})});
    return spec;
  }
};

Value With(Value::Mapping entries) {
  Value object = Outer::Describe().schema().Empty();
  object.mapping()["name"] = Value::String("web");
  for (auto& [name, value] : entries) object.mapping()[name] = std::move(value);
  return object;
}

// What stands at `path` in the completions of `object`, each once.
std::set<Value> At(const Value& object, const Path& path) {
  std::set<Value> values;
  for (const Completion& one : Completions(Outer::Describe().schema(), object)) {
    const Value* value = one.object.Find(path);
    if (value != nullptr) values.insert(*value);
  }
  return values;
}

TEST(Completions, ThatOfAKnownObjectIsItself) {
  const Value object = With({{"stated", Value::Unknown()}});
  for (const Completion& one : Completions(Outer::Describe().schema(), object))
    EXPECT_EQ(one.object, With({}));
}

TEST(Completions, AWordIsEachOfThoseThatThereAreOrLeftOut) {
  const Value object =
      With({{"inner", Value::Of({{"x", Value::Of({{"mode", Value::Unknown()},
                                                  {"number", Value::Of(Number(1))}})}})}});
  EXPECT_THAT(At(object, Path("inner").Key("x").Attribute("mode")),
              UnorderedElementsAre(Value::Null(), Value::String("a"), Value::String("b"),
                                   Value::String("c")));
}

TEST(Completions, ARuleOfOnesOwnSaysWhatPasses) {
  EXPECT_THAT(At(With({{"other", Value::Unknown()}}), Path("other")),
              IsSupersetOf({Value::Null(), Value::String("left/right"), Value::String("in/out")}));
}

TEST(Completions, WhatMustBeThereIsNeverLeftOut) {
  EXPECT_THAT(At(With({{"name", Value::Unknown()}}), Path("name")),
              testing::AllOf(Not(Contains(Value::Null())), SizeIs(testing::Ge(2))));
  const Value element = With({{"labels", Value::Of({{"tier", Value::Unknown()}})}});
  EXPECT_THAT(At(element, Path("labels").Key("tier")),
              testing::AllOf(Not(Contains(Value::Null())), SizeIs(testing::Ge(2))));
}

TEST(Completions, WholeMapsAndObjectsAreLeftOutEmptyOrFilled) {
  EXPECT_THAT(At(With({{"labels", Value::Unknown()}}), Path("labels")),
              IsSupersetOf({Value::Null(), Value::Of(Value::Mapping{})}));
  const std::set<Value> inner = At(With({{"inner", Value::Unknown()}}), Path("inner"));
  EXPECT_THAT(inner, IsSupersetOf({Value::Null(), Value::Of(Value::Mapping{})}));
  EXPECT_TRUE(std::any_of(inner.begin(), inner.end(), [](const Value& value) {
    return value.IsKnown() && !value.mapping().empty();
  }));
}

TEST(Completions, AreLegal) {
  const Value object = With({{"other", Value::Unknown()}, {"flag", Value::Unknown()}});
  const std::vector<Completion> all = Completions(Outer::Describe().schema(), object);
  EXPECT_THAT(all, Not(IsEmpty()));
  for (const Completion& one : all) {
    std::vector<absl::Status> warnings;
    EXPECT_THAT(ValidateObject(Outer::Describe().schema(), one.object, true, &warnings), IsEmpty());
    EXPECT_TRUE(one.object["other"].IsNull() || one.object["flag"].IsNull());
  }
}

TEST(Completions, NothingIsSaidWhereAValueHasNoTwo) {
  std::vector<Completion> all = Completions(
      Outer::Describe().schema(), With({{"name", Value::Unknown()}, {"flag", Value::Unknown()}}));
  ASSERT_TRUE(VaryInAll(all));
  std::erase_if(all, [](const Completion& one) { return !one.object["flag"].IsNull(); });
  EXPECT_FALSE(VaryInAll(all));
  EXPECT_FALSE(VaryInAll({}));
}

}  // namespace
}  // namespace charon
