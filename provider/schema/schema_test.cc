#include "provider/schema/schema.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/schema/checks.h"
#include "provider/testing/schemas.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/values.h"

namespace charon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const ObjectSchema& Service() {
  static const auto& schema = *new ObjectSchema([] {
    TestRow port =
        Row("ports", Optional, Nesting::kList,
            {Row("number", Required, Type::Number()).Check(Between(1, 65535)), Row("uid", Computed),
             Row("name", Optional), Row("key_wo", Optional).WriteOnly()});
    auto nested = std::make_shared<ObjectSchema>(*port.attribute.nested);
    nested->rules.push_back(Needs("name", "number"));
    port.attribute.nested = std::move(nested);
    TestRow old = Row("old", Optional);
    old.attribute.deprecation = "Use name.";
    ObjectSchema made = SchemaForTest({
        Row("name", Required).Check(DnsLabel()),
        Row("id", Computed),
        Row("password_wo", Optional).WriteOnly(),
        std::move(old),
        Row("labels", Optional, Type::Map(Type::String()))
            .Check(EachKey(LabelKey()))
            .Check(EachElement(LabelValue())),
        std::move(port),
        Row("hosts", Optional, Nesting::kMap, {Row("address", Required)}),
        Row("probe", Optional, Nesting::kSingle, {Row("path", Required)}),
        Row("rules", Optional, Nesting::kSet, {Row("verb", Required)}),
    });
    made.rules.push_back(AtMostOneOf({"probe", "rules"}));
    return made;
  }());
  return schema;
}

struct Complaints {
  std::vector<std::string> errors, warnings;  // "path: message"
};

std::string TextOf(const absl::Status& status) {
  return PathOf(status).value_or(Path()).ToString() + ": " + std::string(status.message());
}

Complaints Validate(absl::string_view config, bool write_only_allowed = true) {
  Complaints found;
  std::vector<absl::Status> warnings;
  for (const absl::Status& error :
       ValidateObject(Service(), ObjectForTest(Service(), config), write_only_allowed, &warnings)) {
    found.errors.push_back(TextOf(error));
  }
  for (const absl::Status& warning : warnings) found.warnings.push_back(TextOf(warning));
  return found;
}

TEST(ValidateObject, AcceptsWhatIsSound) {
  const Complaints found = Validate(R"({"name": "a", "password_wo": "p", "labels": {"a/b": "c"},
    "ports": [{"number": 80, "name": "http", "key_wo": "k"}], "hosts": {"h": {"address": "x"}}, "probe": {"path": "/"}})");
  EXPECT_THAT(found.errors, IsEmpty());
  EXPECT_THAT(found.warnings, IsEmpty());
}

TEST(ValidateObject, SaysNothingAboutTheUnknown) {
  const Complaints found =
      Validate(R"({"name": "<unknown>", "labels": {"a": "<unknown>"}, "ports": ["<unknown>",
    {"number": "<unknown>"}], "hosts": "<unknown>", "probe": "<unknown>", "rules": [{"verb": "<unknown>"}]})");
  EXPECT_THAT(found.errors, IsEmpty());
}

TEST(ValidateObject, FindsEachMistakeAtItsPlace) {
  const std::pair<const char*, const char*> table[] = {
      {"{}", "name: \"name\" is required"},
      {R"({"name": "A"})", "name: \"A\" is no DNS label"},
      {R"({"name": "a", "id": "1"})", "id: \"id\" is set by the provider and cannot be configured"},
      {R"({"name": "a", "id": "<unknown>"})", "id: \"id\" is set by the provider"},
      {R"({"name": "a", "labels": {"a b": "c"}})", "labels[\"a b\"]: "},
      {R"({"name": "a", "labels": {"a": "-"}})", "labels[\"a\"]: "},
      {R"({"name": "a", "labels": {"a": "<unknown>", "b": null}})",
       "labels[\"b\"]: The element must not be null. Leave it out: { for key"},
      {R"({"name": "a", "ports": [{"number": 1}, {"number": 0}]})",
       "ports[1].number: must lie between"},
      {R"({"name": "a", "ports": [{}]})", "ports[0].number: \"number\" is required"},
      {R"({"name": "a", "ports": [{"number": 1, "uid": "u"}]})", "ports[0].uid: "},
      {R"({"name": "a", "ports": [null]})", "ports[0]: The element must not be null."},
      {R"({"name": "a", "hosts": {"h": {}}})", "hosts[\"h\"].address: "},
      {R"({"name": "a", "hosts": {"h": null}})", "hosts[\"h\"]: The element must not be null."},
      {R"({"name": "a", "probe": {}})", "probe.path: "},
      {R"({"name": "a", "rules": [{}]})", "rules.verb: "},
      {R"({"name": "a", "rules": [], "probe": {"path": "/"}})",
       ": Only one of \"probe\", \"rules\" may be set."},
  };
  for (const auto& [config, complaint] : table) {
    EXPECT_THAT(Validate(config).errors, ElementsAre(HasSubstr(complaint))) << config;
  }
}

TEST(ValidateObject, FindsAllMistakesAtOnce) {
  EXPECT_EQ(
      Validate(R"({"id": "1", "ports": [{"number": 0}, {}], "hosts": {"h": {}}})").errors.size(),
      5u);
}

TEST(ValidateObject, RunsTheRulesOfNestedObjects) {
  EXPECT_THAT(Validate(R"({"name": "a", "ports": [{"name": "n"}]})").errors,
              ElementsAre(HasSubstr("ports[0].number: "),
                          HasSubstr("ports[0].name: \"name\" needs \"number\"")));
}

TEST(ValidateObject, RefusesWriteOnlyValuesThatWouldBeStored) {
  EXPECT_THAT(
      Validate(R"({"name": "a", "password_wo": "p", "ports": [{"number": 1, "key_wo": "k"}]})",
               /*write_only_allowed=*/false)
          .errors,
      ElementsAre(
          HasSubstr("password_wo: \"password_wo\" is write-only, which needs Terraform 1.11"),
          HasSubstr("ports[0].key_wo: ")));
  EXPECT_THAT(Validate(R"({"name": "a"})", false).errors, IsEmpty());
}

TEST(ValidateObject, QuotesNoSecrets) {
  TestRow inside = Row("token", Required).Check(OneOf({"a", "b"}));
  TestRow sensitive = Row("outer", Optional, Nesting::kMap, {std::move(inside)});
  sensitive.attribute.sensitive = true;
  const ObjectSchema schema = SchemaForTest({Row("key_wo", Optional).WriteOnly().Check(DnsLabel()),
                                             Row("keys_wo", Optional, Type::List(Type::String()))
                                                 .WriteOnly()
                                                 .Check(EachElement(DnsLabel())),
                                             std::move(sensitive)});
  const std::vector<absl::Status> errors = ValidateObject(
      schema,
      ObjectForTest(
          schema,
          R"({"key_wo": "HUSH", "keys_wo": ["a", "HUSH"], "outer": {"k": {"token": "HUSH"}}})"),
      true, nullptr);
  ASSERT_EQ(errors.size(), 3u);
  for (const absl::Status& error : errors) {
    EXPECT_THAT(error, StatusIs(absl::StatusCode::kInvalidArgument, Not(HasSubstr("HUSH"))));
  }
  EXPECT_THAT(errors[0],
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("The value must be one that is a DNS label (RFC 1123).")));
  EXPECT_THAT(errors[1], StatusIsAt("keys_wo[1]"));
  EXPECT_THAT(errors[2], StatusIsAt("outer[\"k\"].token"));
}

TEST(ValidateObject, WarnsAboutDeprecatedAttributes) {
  EXPECT_THAT(Validate(R"({"name": "a", "old": "x"})").warnings, ElementsAre("old: Use name."));
}

TEST(ValidateObject, ARequiredDynamicNullIsMissing) {
  const ObjectSchema schema = SchemaForTest({Row("any", Required, Type::Dynamic())});
  Value config = schema.Empty();
  config.mapping()["any"] = Value::Dynamic(Type::String(), Value());
  EXPECT_EQ(ValidateObject(schema, config, true, nullptr).size(), 1u);
}

TEST(WriteOnly, IsTakenOutAndPutBackWhereverItStands) {
  const Value config = ObjectForTest(Service(), R"({"name": "a", "password_wo": "p",
    "ports": [{"number": 1, "key_wo": "k"}, {"number": 2}]})");
  const Value without =
      ObjectForTest(Service(), R"({"name": "a", "ports": [{"number": 1}, {"number": 2}]})");
  EXPECT_EQ(WithoutWriteOnly(Service(), config), without);
  EXPECT_EQ(WithWriteOnly(Service(), without, config), config);
  EXPECT_TRUE(WithoutWriteOnly(Service(), Value()).IsNull());
  // An element without a partner has none.
  const Value more = ObjectForTest(
      Service(), R"({"name": "a", "ports": [{"number": 1}, {"number": 2}, {"number": 3}]})");
  EXPECT_TRUE(WithWriteOnly(Service(), more, config)["ports"].sequence()[2]["key_wo"].IsNull());
}

TEST(TransformAttributes, GoesThroughEveryAttributeWithItsConfiguration) {
  const Value config = ObjectForTest(Service(), R"({"name": "a", "ports": [{"number": 1}],
    "hosts": {"h": {"address": "x"}}, "rules": [{"verb": "get"}]})");
  std::vector<std::string> seen;
  TransformAttributes(
      Service(), config, config, Path(),
      [&](const AttributeSchema&, const Value& beside, Value value, const Path& path, bool*) {
        EXPECT_EQ(beside, value) << path.ToString();
        if (!value.IsNull()) seen.push_back(path.ToString());
        return value;
      });
  EXPECT_THAT(seen, ElementsAre("name", "ports", "ports[0].number", "hosts", "hosts[\"h\"].address",
                                "rules", "rules.verb"));
}

TEST(TransformAttributes, StopsWhereItIsTold) {
  const Value object = ObjectForTest(Service(), R"({"name": "a", "probe": {"path": "/"}})");
  const Value changed = TransformAttributes(
      Service(), Value(), object, Path(),
      [&](const AttributeSchema& attribute, const Value&, Value value, const Path&, bool* descend) {
        *descend = attribute.name != "probe";
        return attribute.name == "path" ? Value::String("changed") : std::move(value);
      });
  EXPECT_EQ(changed, object);
}

// What a table must not say, one case each.
struct Mistake {
  std::string complaint;
  ObjectSchema schema;
};

ObjectSchema With(TestRow row, const std::function<void(AttributeSchema&)>& change) {
  change(row.attribute);
  return SchemaForTest({std::move(row)});
}

TestRow Inner(Mode mode, Nesting nesting, TestRow inner) {
  std::vector<TestRow> rows;
  rows.push_back(std::move(inner));
  return Row("outer", mode, nesting, std::move(rows));
}

ObjectSchema Only(TestRow row) {
  return With(std::move(row), [](AttributeSchema&) {});
}

TEST(Contradictions, FindsEach) {
  using A = AttributeSchema;
  ObjectSchema mute = SchemaForTest({});
  mute.description.clear();
  const Mistake table[] = {
      {"t: no description", mute},
      {"t.a: defined twice", SchemaForTest({Row("a", Optional), Row("a", Optional)})},
      {"t.count: a name that Terraform reserves", Only(Row("count", Optional))},
      {"t.Name: names are lower case letters, digits and _", Only(Row("Name", Optional))},
      {"t.: names are", Only(Row("", Optional))},
      {"t.a: needs a description", With(Row("a", Optional), [](A& a) { a.description = ""; })},
      {"t.a: needs a description that ends with a full stop",
       With(Row("a", Optional), [](A& a) { a.description = "Without an end"; })},
      {"t.a: has a default, but is required",
       With(Row("a", Required), [](A& a) { a.default_value = Value::String("x"); })},
      {"t.a: has a default, but is optional",
       With(Row("a", Optional), [](A& a) { a.default_value = Value::String("x"); })},
      {"t.a: has a default, but is computed",
       With(Row("a", Computed), [](A& a) { a.default_value = Value::String("x"); })},
      {"t.a: write-only and computed", Only(Row("a", OptionalComputed).WriteOnly())},
      {"t.a: write-only values cannot force replacement",
       Only(Row("a", Optional).WriteOnly().ForceNew())},
      {"t.a: keeps a prior value but is not computed", Only(Row("a", Optional).KeepPrior())},
      {"t.a: computed and forcing replacement", Only(Row("a", Computed).ForceNew())},
      {"t.a: checks on what the provider sets", Only(Row("a", Computed).Check(DnsLabel()))},
      {"t.a: nested without nesting",
       With(Row("a", Optional),
            [](A& a) { a.nested = std::make_shared<ObjectSchema>(SchemaForTest({})); })},
      {"t.a: a strict object outside of the provider block",
       With(Row("a", Optional, Type::Dynamic()),
            [](A& a) {
              a.shape = std::make_shared<ObjectSchema>(SchemaForTest({Row("b", Optional)}));
            })},
      {"t.outer: a dynamic type inside a nested attribute",
       Only(Inner(Optional, Nesting::kSingle, Row("any", Optional, Type::Dynamic())))},
      {"t.a: a dynamic type inside a collection",
       Only(Row("a", Optional, Type::List(Type::Dynamic())))},
      {"t.a: ",
       With(Row("a", OptionalComputed), [](A& a) { a.default_value = Value::Bool(true); })},
      {"t.a: the default fails its own check: \"X\" is no DNS label",
       Only(Row("a", Optional).Default("\"X\"").Check(DnsLabel()))},
      {"t.a: a check for another type of value",
       Only(Row("a", Optional, Type::Number()).Check(DnsLabel()))},
      {"t.a: a check for another type of value", Only(Row("a", Optional).Check(Between(1, 2)))},
      {"t.a: a check for another type of value",
       Only(Row("a", Optional, Type::List(Type::Number())).Check(EachElement(DnsLabel())))},
      {"t.admin_password: looks like a secret but is not sensitive",
       Only(Row("admin_password", Optional))},
      {"t.outer: write-only inside a set",
       Only(Inner(Optional, Nesting::kSet, Row("a", Optional).WriteOnly()))},
      {"t.outer: write-only inside a set",
       Only(Inner(Optional, Nesting::kSet,
                  Inner(Optional, Nesting::kSingle, Row("a", Optional).WriteOnly())))},
      {"t.outer: computed, with write-only attributes inside",
       Only(Inner(OptionalComputed, Nesting::kSingle, Row("a", Optional).WriteOnly()))},
      {"t.outer: computed, but a inside is not",
       Only(Inner(Computed, Nesting::kList, Row("a", Optional)))},
      {"t.outer.a: keeps a prior value",
       Only(Inner(Optional, Nesting::kMap, Row("a", Optional).KeepPrior()))},
  };
  for (const Mistake& row : table) {
    EXPECT_THAT(Contradictions(row.schema, "t", /*root=*/true),
                ElementsAre(HasSubstr(row.complaint)))
        << row.complaint;
  }
}

TEST(Contradictions, FindsNoneInASoundTable) {
  EXPECT_THAT(Contradictions(Service(), "t", true), IsEmpty());
  // Only the root has reserved names.
  EXPECT_THAT(Contradictions(SchemaForTest({Row("count", Optional)}), "t", false), IsEmpty());
  EXPECT_THAT(Contradictions(SchemaForTest({Row("count_a", Optional), Row("token_file", Optional)}),
                             "t", true),
              IsEmpty());
}

TEST(Contradictions, AreFoundInStrictObjects) {
  const ObjectSchema sound = With(Row("a", Optional, Type::Dynamic()), [](AttributeSchema& a) {
    a.shape = std::make_shared<ObjectSchema>(SchemaForTest({Row("b", Optional)}));
  });
  EXPECT_THAT(Contradictions(sound, "provider", true), IsEmpty());
  const ObjectSchema twice = With(Row("a", Optional, Type::Dynamic()), [](AttributeSchema& a) {
    a.shape =
        std::make_shared<ObjectSchema>(SchemaForTest({Row("b", Optional), Row("b", Optional)}));
  });
  EXPECT_THAT(Contradictions(twice, "provider", true), ElementsAre("provider.a.b: defined twice"));
}

TEST(AsComputed, ReachesTheInnermost) {
  const AttributeSchema computed =
      AsComputed(Inner(Required, Nesting::kList,
                       Inner(Optional, Nesting::kMap, Row("a", Optional).WriteOnly()))
                     .attribute);
  EXPECT_THAT(Contradictions(SchemaForTest({TestRow{computed}}), "t", true), IsEmpty());
  const AttributeSchema& innermost = computed.nested->attributes[0].nested->attributes[0];
  EXPECT_EQ(innermost.mode, Mode::kComputed);
  EXPECT_FALSE(innermost.write_only);
}

}  // namespace
}  // namespace charon
