#include "provider/schema/field.h"

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/schema/checks.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/values.h"

namespace charon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

struct Port {
  Attr<std::int64_t> number;
  Attr<std::string> protocol;

  static const ObjectSpec<Port>& Describe() {
    static const auto& spec = *new ObjectSpec<Port>(
        "A port.", {
                       Field(&Port::number, "number", Required, "The port's number."),
                       Field(&Port::protocol, "protocol", Optional, "The protocol.").Default("TCP"),
                   });
    return spec;
  }
};

struct Everything {
  Attr<std::string> text;
  Attr<bool> flag;
  Attr<std::int64_t> whole;
  Attr<double> fraction;
  Attr<Number> number;
  Attr<Value> any;
  Attr<Port> port;
  Attr<std::vector<std::string>> list;
  Attr<std::set<std::string>> set;
  Attr<std::map<std::string, std::int64_t>> map;
  Attr<std::vector<Port>> ports;
  Attr<std::map<std::string, Port>> named;
  Attr<std::map<std::string, std::vector<std::string>>> deep;
  Attr<std::string> secret;

  static const ObjectSpec<Everything>& Describe() {
    using M = Everything;
    static const auto& spec = *new ObjectSpec<M>(
        "Everything a table can have.",
        {
            Field(&M::text, "text", Optional, "Some text.").Check(LengthBetween(1, 3)).ForceNew(),
            Field(&M::flag, "flag", Optional, "Some flag.").Default(true),
            Field(&M::whole, "whole", Optional, "A whole number."),
            Field(&M::fraction, "fraction", Optional, "A fraction."),
            Field(&M::number, "number", Optional, "Some number."),
            Field(&M::any, "any", Optional, "Anything at all."),
            Field(&M::port, "port", Optional, "Just one port."),
            Field(&M::list, "list", Optional, "Some list."),
            Field(&M::set, "set", Optional, "Texts in any order."),
            Field(&M::map, "map", Optional, "Numbers by name."),
            Field(&M::ports, "ports", Optional, "Ports in order."),
            Field(&M::named, "named", Computed, "Ports by name.").KeepPrior(),
            Field(&M::deep, "deep", Optional, "Lists by name."),
            Field(&M::secret, "secret_wo", Optional, "Some secret.").WriteOnly(),
        },
        {ExactlyOneOf({"text", "whole"})});
    return spec;
  }
};

const ObjectSchema& Schema() { return Everything::Describe().schema(); }

absl::StatusOr<Everything> Decode(absl::string_view json) {
  return Everything::Describe().Decode(ObjectForTest(Schema(), json));
}

TEST(Field, TakesTheTypeFromTheMember) {
  const std::map<std::string, std::string> types = {
      {"text", "\"string\""},
      {"flag", "\"bool\""},
      {"whole", "\"number\""},
      {"fraction", "\"number\""},
      {"number", "\"number\""},
      {"any", "\"dynamic\""},
      {"port", R"(["object",{"number":"number","protocol":"string"}])"},
      {"list", R"(["list","string"])"},
      {"set", R"(["set","string"])"},
      {"map", R"(["map","number"])"},
      {"ports", R"(["list",["object",{"number":"number","protocol":"string"}]])"},
      {"named", R"(["map",["object",{"number":"number","protocol":"string"}]])"},
      {"deep", R"(["map",["list","string"]])"},
      {"secret_wo", "\"string\""},
  };
  for (const auto& [name, type] : types)
    EXPECT_EQ(Schema().Find(name)->type.ToJson(), type) << name;
  EXPECT_EQ(Schema().attributes.size(), types.size());
}

TEST(Field, KnowsItsNesting) {
  auto nesting = [](absl::string_view name) { return Schema().Find(name)->nesting; };
  EXPECT_EQ(nesting("port"), Nesting::kSingle);
  EXPECT_EQ(nesting("ports"), Nesting::kList);
  EXPECT_EQ(nesting("named"), Nesting::kMap);
  EXPECT_EQ(nesting("deep"), Nesting::kNone);
  EXPECT_EQ(nesting("text"), Nesting::kNone);
  EXPECT_EQ(Schema().Find("ports")->nested, Port::Describe().schema_ptr());
  EXPECT_EQ(Schema().Find("list")->nested, nullptr);
}

TEST(Field, SettersFillTheRow) {
  const AttributeSchema& text = *Schema().Find("text");
  EXPECT_TRUE(text.force_new);
  EXPECT_EQ(text.checks.size(), 1u);
  EXPECT_FALSE(text.sensitive);
  const AttributeSchema& flag = *Schema().Find("flag");
  EXPECT_EQ(flag.mode, Mode::kOptionalComputed);
  EXPECT_EQ(*flag.default_value, Value::Bool(true));
  const AttributeSchema& secret = *Schema().Find("secret_wo");
  EXPECT_TRUE(secret.write_only);
  EXPECT_TRUE(Schema().Find("named")->keep_prior);
  EXPECT_EQ(Schema().rules.size(), 1u);
  EXPECT_EQ(Schema().Find("nothing"), nullptr);
}

TEST(ObjectSpec, DecodesEveryKind) {
  const absl::StatusOr<Everything> model = Decode(R"({
    "text": "a", "flag": true, "whole": -3, "fraction": 0.1, "number": 1e40, "any": {"k": [1]},
    "port": {"number": 80}, "list": ["x", "y"], "set": ["y", "x"], "map": {"one": 1},
    "ports": [{"number": 1}, {"number": 2, "protocol": "UDP"}], "deep": {"a": ["b"]}})");
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(*model->text, "a");
  EXPECT_EQ(*model->flag, true);
  EXPECT_EQ(*model->whole, -3);
  EXPECT_EQ(*model->fraction, 0.1);
  EXPECT_EQ(*model->number, *Number::Parse("1e40"));
  EXPECT_EQ(model->any->dynamic_value()["k"].sequence()[0].number(), Number(1));
  EXPECT_EQ(*model->port->number, 80);
  EXPECT_TRUE(model->port->protocol.IsNull());
  EXPECT_THAT(*model->list, ElementsAre("x", "y"));
  EXPECT_THAT(*model->set, ElementsAre("x", "y"));
  EXPECT_THAT(*model->map, ElementsAre(Pair("one", 1)));
  EXPECT_EQ(*(*model->ports)[1].protocol, "UDP");
  EXPECT_THAT(model->deep->at("a"), ElementsAre("b"));
  EXPECT_TRUE(model->named.IsNull());
  EXPECT_TRUE(model->secret.IsNull());
}

TEST(ObjectSpec, TellsNullEmptyAndUnknownApart) {
  const absl::StatusOr<Everything> model = Decode(
      R"({"text": "", "list": [], "map": "<unknown>", "port": "<unknown>", "any": "<unknown>"})");
  ASSERT_THAT(model, IsOk());
  EXPECT_TRUE(model->text.IsKnown());
  EXPECT_THAT(*model->list, IsEmpty());
  EXPECT_TRUE(model->set.IsNull());
  EXPECT_TRUE(model->map.IsUnknown());
  EXPECT_TRUE(model->port.IsUnknown());
  EXPECT_TRUE(model->any.IsUnknown());
}

TEST(ObjectSpec, UnknownElementMakesTheCollectionUnknown) {
  const absl::StatusOr<Everything> model =
      Decode(R"({"list": ["x", "<unknown>"], "set": ["<unknown>"],
    "map": {"a": "<unknown>"}, "ports": ["<unknown>"], "deep": {"a": ["<unknown>"]}})");
  ASSERT_THAT(model, IsOk());
  EXPECT_TRUE(model->list.IsUnknown());
  EXPECT_TRUE(model->set.IsUnknown());
  EXPECT_TRUE(model->map.IsUnknown());
  EXPECT_TRUE(model->ports.IsUnknown());
  EXPECT_TRUE(model->deep.IsUnknown());
}

TEST(ObjectSpec, UnknownInsideAnObjectStaysThere) {
  const absl::StatusOr<Everything> model =
      Decode(R"({"ports": [{"number": "<unknown>", "protocol": "UDP"}]})");
  ASSERT_THAT(model, IsOk());
  EXPECT_TRUE((*model->ports)[0].number.IsUnknown());
  EXPECT_EQ(*(*model->ports)[0].protocol, "UDP");
}

TEST(ObjectSpec, DynamicNullAndUnknownAreSo) {
  Value object = ObjectForTest(Schema(), "{}");
  object.mapping()["any"] = Value::Dynamic(Type::String(), Value());
  EXPECT_TRUE(Everything::Describe().Decode(object)->any.IsNull());
  object.mapping()["any"] = Value::Dynamic(Type::String(), Value::Unknown());
  EXPECT_TRUE(Everything::Describe().Decode(object)->any.IsUnknown());
}

struct Freely {
  Attr<Port> port;
  static const ObjectSpec<Freely>& Describe() {
    static const auto& spec = *new ObjectSpec<Freely>(
        "A port of which every key is checked.",
        {Field(&Freely::port, "port", Optional, "Just one port.").Strict()});
    return spec;
  }
};

TEST(ObjectSpec, StrictObjectsTravelWithTheirOwnType) {
  const AttributeSchema& row = Freely::Describe().schema().attributes[0];
  EXPECT_EQ(row.type, Type::Dynamic());
  EXPECT_EQ(row.nesting, Nesting::kNone);
  EXPECT_EQ(row.nested, nullptr);
  EXPECT_EQ(row.shape, Port::Describe().schema_ptr());
  const auto decode = [](absl::string_view json) {
    return Freely::Describe().Decode(ObjectForTest(Freely::Describe().schema(), json));
  };
  EXPECT_EQ(*decode(R"({"port": {"number": "80"}})")->port->number, 80);
  EXPECT_TRUE(decode(R"({"port": {"number": "80"}})")->port->protocol.IsNull());
  EXPECT_TRUE(decode(R"({"port": {"number": "<unknown>"}})")->port->number.IsUnknown());
  EXPECT_TRUE(decode("{}")->port.IsNull());
  EXPECT_TRUE(decode(R"({"port": "<unknown>"})")->port.IsUnknown());
  const absl::Status unknown = decode(R"({"port": {"numbr": 80}})").status();
  EXPECT_EQ(PathOf(unknown).value_or(Path()).ToString(), "port.numbr");

  std::vector<std::string> found;
  for (const absl::Status& status : ValidateObject(
           Freely::Describe().schema(),
           ObjectForTest(Freely::Describe().schema(), R"({"port": {}})"), true, nullptr)) {
    found.push_back(PathOf(status).value_or(Path()).ToString());
  }
  EXPECT_THAT(found, ElementsAre("port.number"));
}

TEST(ObjectSpec, ErrorsNameThePlace) {
  const struct {
    const char* json;
    const char* path;
    const char* message;
  } table[] = {
      {R"({"whole": 1.5})", "whole", "must be a whole number between -2^63 and 2^63-1, not 1.5"},
      {R"({"whole": 9223372036854775808})", "whole", "not 9223372036854775808"},
      {R"({"map": {"a": 1, "b": 0.5}})", "map[\"b\"]", "not 0.5"},
      {R"({"port": {"number": 0.5}})", "port.number", "not 0.5"},
      {R"({"ports": [{"number": 1}, {"number": 0.5}]})", "ports[1].number", "not 0.5"},
      {R"({"named": {"x.y": {"number": 0.5}}})", "named[\"x.y\"].number", "not 0.5"},
      {R"({"list": ["a", null]})", "list[1]", "must not be null"},
      {R"({"deep": {"a": ["b", null]}})", "deep[\"a\"][1]", "must not be null"},
      {R"({"set": [null]})", "set", "must not be null"},
  };
  for (const auto& row : table) {
    const absl::StatusOr<Everything> model = Decode(row.json);
    EXPECT_THAT(model, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(row.message)))
        << row.json;
    EXPECT_THAT(model, StatusIsAt(row.path)) << row.json;
  }
}

TEST(ObjectSpec, WholeNumbersReachBothEnds) {
  const absl::StatusOr<Everything> least = Decode(R"({"whole": -9223372036854775808})");
  ASSERT_THAT(least, IsOk());
  EXPECT_EQ(*least->whole, std::numeric_limits<std::int64_t>::min());
}

TEST(ObjectSpec, FractionsComeBackAsTheyCame) {
  for (const char* text : {"0", "0.1", "-1.5", "123456789012345", "1e300", "2.5e-300"}) {
    Value object = ObjectForTest(Schema(), "{}");
    object.mapping()["fraction"] = Value::Of(*Number::Parse(text));
    const absl::StatusOr<Everything> model = Everything::Describe().Decode(object);
    ASSERT_THAT(model, IsOk()) << text;
    EXPECT_EQ(Everything::Describe().Encode(*model), object) << text;
  }
  // Rounded, the state would differ from the plan.
  for (const char* text : {"0.12345678901234567890", "1e400", "12345678901234567891"}) {
    Value object = ObjectForTest(Schema(), "{}");
    object.mapping()["fraction"] = Value::Of(*Number::Parse(text));
    EXPECT_THAT(Everything::Describe().Decode(object),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 15 digits")))
        << text;
  }
}

TEST(ObjectSpec, FractionsThatTerraformHasNotBecomeNull) {
  Everything model;
  model.fraction = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(Everything::Describe().Encode(model)["fraction"].IsNull());
}

TEST(ObjectSpec, EncodesWhatItDecodes) {
  const Value object = ObjectForTest(Schema(), R"({
    "text": "a", "flag": "<unknown>", "whole": 3, "number": 0.25, "any": {"k": [1, "x", null]},
    "port": {"number": 80, "protocol": "<unknown>"}, "list": [], "set": ["b", "a"], "map": {"one": 1},
    "ports": [{"number": 1}], "named": {"n": {"number": 2}}, "deep": {"a": []}, "secret_wo": "s"})");
  const absl::StatusOr<Everything> model = Everything::Describe().Decode(object);
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(Everything::Describe().Encode(*model), object);
  EXPECT_THAT(Conforms(object, Schema().type()), IsOk());
}

TEST(ObjectSpec, EmptyModelIsAnObjectOfNulls) {
  EXPECT_EQ(Everything::Describe().Encode(Everything()), Schema().Empty());
}

// Same(...) compares decoded values, and only known ones.
struct Host {
  Attr<std::string> name;
  static const ObjectSpec<Host>& Describe() {
    static const auto& spec = *new ObjectSpec<Host>(
        "A host.",
        {Field(&Host::name, "name", Required, "The name of the host.")
             .Same([](const std::string& a, const std::string& b) { return a.size() == b.size(); })
             .Deprecated("Use the address.")
             .Sensitive()});
    return spec;
  }
};

TEST(Field, SameIsTyped) {
  const AttributeSchema& name = *Host::Describe().schema().Find("name");
  EXPECT_TRUE(name.same(Value::String("ab"), Value::String("cd")));
  EXPECT_FALSE(name.same(Value::String("ab"), Value::String("c")));
  EXPECT_FALSE(name.same(Value::String("ab"), Value::Unknown()));
  EXPECT_FALSE(name.same(Value(), Value()));
  EXPECT_EQ(name.deprecation, "Use the address.");
  EXPECT_TRUE(name.sensitive);
}

TEST(AsLookup, KeepsTheKeysAndComputesTheRest) {
  const ObjectSpec<Everything> lookup = Everything::Describe().AsLookup(
      {"text"}, {.optional = {"fraction"}, .drop = {"whole", "flag"}});
  const ObjectSchema& schema = lookup.schema();
  EXPECT_THAT(Contradictions(schema, "lookup", true), IsEmpty());
  const AttributeSchema& key = *schema.Find("text");
  EXPECT_EQ(key.mode, Mode::kRequired);
  EXPECT_EQ(key.checks.size(), 1u);
  EXPECT_FALSE(key.force_new);
  EXPECT_EQ(schema.Find("fraction")->mode, Mode::kOptional);
  for (const AttributeSchema& attribute : schema.attributes) {
    if (attribute.name == "text" || attribute.name == "fraction") continue;
    EXPECT_EQ(attribute.mode, Mode::kComputed) << attribute.name;
    EXPECT_FALSE(attribute.keep_prior) << attribute.name;
    EXPECT_FALSE(attribute.default_value.has_value()) << attribute.name;
    if (attribute.nested == nullptr) continue;
    for (const AttributeSchema& inner : attribute.nested->attributes) {
      EXPECT_EQ(inner.mode, Mode::kComputed) << attribute.name << "." << inner.name;
    }
  }
  EXPECT_THAT(schema.rules, IsEmpty());
  // Write-only attributes have no place in an answer, the others were asked to go.
  for (const char* gone : {"secret_wo", "whole", "flag"})
    EXPECT_EQ(schema.Find(gone), nullptr) << gone;
  EXPECT_EQ(schema.type().attributes().count("whole"), 0u);
  // The resource's own table is untouched.
  EXPECT_EQ(Schema().Find("port")->nested->Find("number")->mode, Mode::kRequired);
}

TEST(AsLookup, DecodesAndEncodesWhatIsLeft) {
  const ObjectSpec<Everything> lookup =
      Everything::Describe().AsLookup({"text"}, {.optional = {}, .drop = {"whole"}});
  const absl::StatusOr<Everything> model =
      lookup.Decode(ObjectForTest(lookup.schema(), R"({"text": "a"})"));
  ASSERT_THAT(model, IsOk());
  Everything answer = *model;
  answer.whole = 3;
  answer.list = std::vector<std::string>{"x"};
  EXPECT_EQ(lookup.Encode(answer),
            ObjectForTest(lookup.schema(), R"({"text": "a", "list": ["x"]})"));
}

}  // namespace
}  // namespace charon
