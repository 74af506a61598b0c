#include "provider/value/value.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"

namespace charon {
namespace {

using ::testing::HasSubstr;

Value Str(const char* text) { return Value::String(text); }
Value Num(int number) { return Value::Of(Number(number)); }

std::string PathText(const absl::Status& status) {
  return PathOf(status).value_or(Path()).ToString();
}

TEST(Value, SetIsSortedWithoutDuplicates) {
  const Value set = Value::Set({Str("b"), Str("a"), Str("b"), Value::Null()});
  EXPECT_EQ(set, Value::Of({Value::Null(), Str("a"), Str("b")}));
  EXPECT_EQ(Value::Set({Num(10), Num(9)}), Value::Set({Num(9), Num(10), Num(10)}));
}

TEST(Value, SetKeepsEveryUnknown) {
  EXPECT_EQ(Value::Set({Value::Unknown(), Value::Unknown()}).sequence().size(), 2u);
  const Value half_known = Value::Of({{"a", Value::Unknown()}});
  EXPECT_EQ(Value::Set({half_known, half_known}).sequence().size(), 2u);
}

TEST(Value, EqualityIgnoresRefinements) {
  EXPECT_EQ(Value::Unknown({.null = false}), Value::Unknown());
  EXPECT_EQ(Value::Unknown(Refinements()).refinements(), nullptr);
  EXPECT_NE(Value::Unknown(), Value::Null());
  EXPECT_NE(Value::Of(Value::Sequence()), Value::Of(Value::Mapping()));
  EXPECT_NE(Value::Of(Value::Sequence()), Value::Null());
}

TEST(Value, DynamicValuesDifferByType) {
  const Value text = Value::Dynamic(Type::String(), Value::Null());
  EXPECT_NE(text, Value::Dynamic(Type::Bool(), Value::Null()));
  EXPECT_EQ(text, Value::Dynamic(Type::String(), Value::Null()));
  EXPECT_NE(text <=> Value::Dynamic(Type::Bool(), Value::Null()), std::strong_ordering::equal);
  // Of a type that says nothing, only the value is kept.
  EXPECT_EQ(Value::Dynamic(Type::Dynamic(), text), text);
}

TEST(Value, OrderIsTotal) {
  const std::vector<Value> ascending = {
      Value::Null(),
      Value::Unknown(),
      Value::Bool(false),
      Value::Bool(true),
      Num(-1),
      Num(2),
      Num(10),
      Str(""),
      Str("a"),
      Str("a\x7f"),
      Str("é"),
      Value::Of(Value::Sequence()),
      Value::Of({Num(1)}),
      Value::Of({Num(1), Num(0)}),
      Value::Of({Num(2)}),
      Value::Of(Value::Mapping()),
      Value::Of({{"a", Num(1)}}),
      Value::Of({{"a", Num(1)}, {"b", Num(1)}}),
      Value::Of({{"a", Num(2)}}),
      Value::Of({{"b", Num(0)}}),
      Value::Dynamic(Type::Bool(), Value::Bool(true)),
      Value::Dynamic(Type::String(), Str("")),
  };
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(ascending[i] <=> ascending[j], i <=> j) << i << " and " << j;
      EXPECT_EQ(ascending[i] == ascending[j], i == j) << i << " and " << j;
    }
  }
}

TEST(Value, KnowsUnknownParts) {
  EXPECT_TRUE(Value::Of({Value::Null(), Str("a")}).IsWhollyKnown());
  EXPECT_FALSE(Value::Of({Value::Of({{"a", Value::Unknown()}})}).IsWhollyKnown());
  EXPECT_FALSE(Value::Dynamic(Type::String(), Value::Unknown()).IsWhollyKnown());
  EXPECT_TRUE(Value::Dynamic(Type::String(), Value::Unknown()).IsKnown());
}

TEST(Value, FindFollowsPathsThroughDynamicValues) {
  const Value value = Value::Of(Value::Mapping{
      {"list", Value::Of({Str("x"), Value::Of({{"k.e/y", Num(7)}})})},
      {"any", Value::Dynamic(Type::Map(Type::String()), Value::Of({{"a", Str("b")}}))},
      {"null", Value::Null()},
      {"unknown", Value::Unknown()}});
  EXPECT_EQ(*value.Find(Path()), value);
  EXPECT_EQ(*value.Find(Path("list").Index(1).Key("k.e/y")), Num(7));
  EXPECT_EQ(*value.Find(Path("any").Key("a")), Str("b"));
  EXPECT_EQ(value.Find(Path("any").Key("b")), nullptr);
  EXPECT_EQ(value.Find(Path("list").Index(2)), nullptr);
  EXPECT_EQ(value.Find(Path("list").Index(-1)), nullptr);
  EXPECT_EQ(value.Find(Path("list").Attribute("x")), nullptr);
  EXPECT_EQ(value.Find(Path("null").Attribute("x")), nullptr);
  EXPECT_EQ(value.Find(Path("unknown").Index(0)), nullptr);
  EXPECT_TRUE(value.Find(Path("unknown"))->IsUnknown());
}

TEST(Value, SubscriptOfWhatIsNotThereIsNull) {
  const Value value = Value::Of({{"a", Str("b")}});
  EXPECT_EQ(value["a"], Str("b"));
  EXPECT_TRUE(value["b"].IsNull());
  EXPECT_TRUE(value["a"]["b"].IsNull());
  EXPECT_TRUE(Value::Unknown()["a"].IsNull());
}

TEST(Conforms, TakesNullAndUnknownForEveryType) {
  for (const Type& type :
       {Type::String(), Type::Dynamic(), Type::List(Type::Bool()), Type::Object({})}) {
    EXPECT_TRUE(Conforms(Value::Null(), type).ok());
    EXPECT_TRUE(Conforms(Value::Unknown(), type).ok());
  }
}

TEST(Conforms, NamesTheFirstDifference) {
  const Type type = Type::Object({
      {"any", Type::Dynamic()},
      {"map", Type::Map(Type::List(Type::Number()))},
      {"set", Type::Set(Type::Object({{"a", Type::Bool()}}))},
      {"tuple", Type::Tuple({Type::Bool(), Type::String()})},
  });
  const Value good = Value::Of(Value::Mapping{
      {"any", Value::Dynamic(Type::String(), Str("x"))},
      {"map", Value::Of({{"k", Value::Of({Num(1)})}})},
      {"set", Value::Set({Value::Of({{"a", Value::Bool(true)}})})},
      {"tuple", Value::Of({Value::Bool(true), Str("")})},
  });
  EXPECT_TRUE(Conforms(good, type).ok());

  struct Case {
    const char* attribute;
    Value wrong;
    const char* path;
    const char* message;
  };
  const Case cases[] = {
      {"any", Str("x"), "any", "dynamic is required, but this is a string"},
      {"any", Value::Dynamic(Type::List(Type::Bool()), Value::Of({Str("x")})), "any[0]", "bool"},
      {"map", Value::Of({{"k", Value::Of({Num(1), Str("1")})}}), "map[\"k\"][1]",
       "number is required"},
      {"map", Value::Of({Num(1)}), "map", "this is a sequence"},
      {"set", Value::Set({Value::Of({{"a", Num(1)}})}), "set", "bool is required"},
      {"set", Value::Set({Value::Of(Value::Mapping{})}), "set", "\"a\" is missing"},
      {"set", Value::Set({Value::Of({{"a", Value()}, {"b", Value()}})}), "set",
       "no such attribute"},
      {"tuple", Value::Of({Value::Bool(true)}), "tuple", "2 elements is required, but this has 1"},
  };
  for (const Case& wrong : cases) {
    Value value = good;
    value.mapping()[wrong.attribute] = wrong.wrong;
    const absl::Status status = Conforms(value, type);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(PathText(status), wrong.path);
    EXPECT_THAT(std::string(status.message()), HasSubstr(wrong.message));
  }
  Value more = good;
  more.mapping()["b"] = Value::Null();
  EXPECT_EQ(PathText(Conforms(more, type)), "b");
  more = good;
  more.mapping()["zz"] = Value::Null();
  EXPECT_EQ(PathText(Conforms(more, type)), "zz");
}

std::string Concrete(const Value& value, const Type& type) {
  const absl::StatusOr<Type> concrete = ConcreteType(value, type);
  return concrete.ok() ? concrete->ToJson() : PathText(concrete.status()) + ": error";
}

TEST(ConcreteType, ReplacesEveryDynamicPlace) {
  const Value text = Value::Dynamic(Type::String(), Str("x"));
  const Value flag = Value::Dynamic(Type::Bool(), Value::Null());
  EXPECT_EQ(Concrete(Str("x"), Type::String()), R"("string")");
  EXPECT_EQ(Concrete(flag, Type::Dynamic()), R"("bool")");
  EXPECT_EQ(Concrete(Value::Null(), Type::Dynamic()), R"("dynamic")");
  EXPECT_EQ(Concrete(Value::Of({flag, text, Value::Unknown()}),
                     Type::Tuple({Type::Dynamic(), Type::Dynamic(), Type::Dynamic()})),
            R"(["tuple",["bool","string","dynamic"]])");
  EXPECT_EQ(Concrete(Value::Of({{"a", text}, {"b", Num(1)}}),
                     Type::Object({{"a", Type::Dynamic()}, {"b", Type::Number()}}, {"b"})),
            R"(["object",{"a":"string","b":"number"},["b"]])");
  EXPECT_EQ(Concrete(Value::Of({Value::Null(), text}), Type::List(Type::Dynamic())),
            R"(["list","string"])");
  EXPECT_EQ(Concrete(Value::Of({{"a", text}}), Type::Map(Type::Dynamic())), R"(["map","string"])");
  EXPECT_EQ(Concrete(Value::Of(Value::Sequence()), Type::Set(Type::Dynamic())),
            R"(["set","dynamic"])");
  EXPECT_EQ(
      Concrete(Value::Dynamic(Type::List(Type::Dynamic()), Value::Of({text})), Type::Dynamic()),
      R"(["list","string"])");
}

TEST(ConcreteType, RefusesElementsOfDifferentTypes) {
  const Value text = Value::Dynamic(Type::String(), Str("x"));
  const Value flag = Value::Dynamic(Type::Bool(), Value::Null());
  const Type type = Type::Tuple({Type::Set(Type::Tuple({Type::List(Type::Dynamic())}))});
  EXPECT_EQ(Concrete(Value::Of({text, flag}), Type::List(Type::Dynamic())), ": error");
  EXPECT_EQ(Concrete(Value::Of({{"a", text}, {"b", flag}}), Type::Map(Type::Dynamic())), ": error");
  EXPECT_EQ(Concrete(Value::Of({Value::Of({Value::Of({Value::Of({text, flag})})})}), type),
            "[0]: error");
}

}  // namespace
}  // namespace charon
