// Values, schemas and diagnostics on their way to and from protobuf.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/server/calls.h"
#include "provider/server/diagnostics.h"
#include "provider/server/dynamic_value.h"
#include "provider/server/schema_proto.h"
#include "provider/server/tiny_provider_for_test.h"

namespace charon::server {
namespace {

using ::testing::HasSubstr;

TEST(ToUtf8, KeepsWhatIsUtf8) {
  for (const char* text :
       {"", "plain", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(ToUtf8(text), text);
  }
}

TEST(ToUtf8, ReplacesWhatIsNot) {
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(ToUtf8("a\xff"
                   "b"),
            "a" + bad + "b");
  EXPECT_EQ(ToUtf8("\xc0\xaf"), bad + bad) << "overlong";
  EXPECT_EQ(ToUtf8("\xe0\x9f\xbf"), bad + bad + bad) << "overlong";
  EXPECT_EQ(ToUtf8("\xed\xa0\x80"), bad + bad + bad) << "surrogate";
  EXPECT_EQ(ToUtf8("\xf4\x90\x80\x80"), bad + bad + bad + bad) << "beyond Unicode";
  EXPECT_EQ(ToUtf8("x\xe2\x82"), "x" + bad + bad) << "cut off";
}

TEST(DiagnosticsToProto, CarriesSeverityTextAndRootAttribute) {
  sdk::Diagnostics diagnostics;
  diagnostics.Error("Wrong", "Really \xff.", Path("wait").Attribute("fields").Key("a.b").Index(2));
  diagnostics.Warning("Old", "Use the new one.");
  ProtoDiagnostics out;
  ToProto(diagnostics, &out);
  ASSERT_EQ(out.size(), 2);
  EXPECT_EQ(out[0].severity(), tfplugin6::Diagnostic::ERROR);
  EXPECT_EQ(out[0].summary(), "Wrong");
  EXPECT_EQ(out[0].detail(), "Really \xef\xbf\xbd.");
  ASSERT_EQ(out[0].attribute().steps_size(), 1);
  EXPECT_EQ(out[0].attribute().steps(0).attribute_name(), "wait");
  EXPECT_EQ(out[1].severity(), tfplugin6::Diagnostic::WARNING);
  EXPECT_FALSE(out[1].has_attribute());
}

TEST(DynamicValue, ThreeFormsOfNull) {
  tfplugin6::DynamicValue message;
  EXPECT_TRUE(FromProto("it", message, Type::String())->IsNull());
  message.set_msgpack("\xc0");
  EXPECT_TRUE(FromProto("it", message, Type::String())->IsNull());
  message.clear_msgpack();
  message.set_json("null");
  EXPECT_TRUE(FromProto("it", message, Type::String())->IsNull());
}

TEST(DynamicValue, PrefersMsgpackToJson) {
  tfplugin6::DynamicValue message;
  message.set_json("\"json\"");
  EXPECT_EQ(FromProto("it", message, Type::String())->string(), "json");
  message.set_msgpack(
      "\xa3"
      "abc");
  EXPECT_EQ(FromProto("it", message, Type::String())->string(), "abc");
}

TEST(DynamicValue, AnswersInMsgpackAlsoForNull) {
  tfplugin6::DynamicValue message;
  ASSERT_TRUE(ToProto("it", Value::Null(), Type::String(), &message).ok());
  EXPECT_EQ(message.msgpack(), "\xc0");
  ASSERT_TRUE(ToProto("it", Value::Unknown(), Type::String(), &message).ok());
  EXPECT_EQ(FromProto("it", message, Type::String())->kind(), Value::Kind::kUnknown);
}

TEST(DynamicValue, ErrorsNameTheValueAndItsPath) {
  tfplugin6::DynamicValue message;
  message.set_msgpack(
      "\x81\xa1"
      "a\x01");  // {"a": 1}
  const auto wrong = FromProto("the configuration", message, Type::Object({{"a", Type::Bool()}}));
  EXPECT_TRUE(absl::IsInvalidArgument(wrong.status()));
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("the configuration"));
  EXPECT_EQ(PathOf(wrong.status()), Path("a"));

  const absl::Status ours = ToProto("the new state", Value::Bool(true), Type::String(), &message);
  EXPECT_TRUE(absl::IsInternal(ours)) << ours;
  EXPECT_THAT(std::string(ours.message()), HasSubstr("the new state"));
}

// ---- Schemas ----

class Schemas : public ::testing::Test {
 protected:
  Schemas() : registry_(MakeTinyRegistry()) {
    const CallScope scope{*registry_, call_, diagnostics_};
    EXPECT_TRUE(Handle(scope, tfplugin6::GetProviderSchema::Request(), &response_).ok());
  }
  static const tfplugin6::Schema::Attribute& Attribute(const tfplugin6::Schema& schema,
                                                       const std::string& name) {
    for (const auto& attribute : schema.block().attributes()) {
      if (attribute.name() == name) return attribute;
    }
    ADD_FAILURE() << "no attribute " << name;
    return tfplugin6::Schema::Attribute::default_instance();
  }

  const std::unique_ptr<sdk::Registry> registry_;
  const Call call_;
  sdk::Diagnostics diagnostics_;
  tfplugin6::GetProviderSchema::Response response_;
};

TEST_F(Schemas, EverySchemaHasABlock) {
  EXPECT_TRUE(response_.provider().has_block());
  for (const auto& [type, schema] : response_.resource_schemas()) EXPECT_TRUE(schema.has_block());
  for (const auto& [type, schema] : response_.data_source_schemas())
    EXPECT_TRUE(schema.has_block());
  for (const auto& [type, action] : response_.action_schemas()) {
    EXPECT_TRUE(action.schema().has_block());
  }
  EXPECT_FALSE(response_.has_provider_meta());
  for (const auto& [name, function] : response_.functions()) EXPECT_TRUE(function.has_return_());
}

TEST_F(Schemas, OffersEachKind) {
  EXPECT_EQ(response_.resource_schemas().count("tiny_thing"), 1u);
  EXPECT_EQ(response_.data_source_schemas().count("tiny_lookup"), 1u);
  EXPECT_EQ(response_.ephemeral_resource_schemas().count("tiny_token"), 1u);
  EXPECT_EQ(response_.list_resource_schemas().count("tiny_thing"), 1u);
  EXPECT_EQ(response_.action_schemas().count("tiny_poke"), 1u);
  EXPECT_EQ(response_.functions().count("shout"), 1u);
  EXPECT_EQ(response_.state_store_schemas_size(), 0);
}

TEST_F(Schemas, AttributesSayWhoSetsThem) {
  const tfplugin6::Schema& thing = response_.resource_schemas().at("tiny_thing");
  EXPECT_EQ(thing.version(), 3);
  const auto& id = Attribute(thing, "id");
  EXPECT_TRUE(id.computed() && !id.optional() && !id.required());
  EXPECT_EQ(id.type(), "\"string\"");
  EXPECT_EQ(id.description_kind(), tfplugin6::MARKDOWN);
  const auto& name = Attribute(thing, "name");
  EXPECT_TRUE(name.required() && !name.optional() && !name.computed());
  const auto& secret = Attribute(thing, "secret");
  // There is never a value of it to hide: the mark would only take room in each state.
  EXPECT_TRUE(secret.write_only() && secret.optional() && !secret.sensitive() &&
              !secret.computed());
  const auto& sizes = Attribute(thing, "sizes");
  EXPECT_EQ(sizes.type(), "[\"map\",\"number\"]");
  EXPECT_TRUE(sizes.deprecated());
  EXPECT_EQ(sizes.deprecation_message(), "Not used any more.");
  // Cores from 1.15 refuse the message without the flag.
  EXPECT_TRUE(name.deprecation_message().empty());
}

TEST_F(Schemas, CapabilitiesAreAnnouncedWhereTerraformLooks) {
  const auto& capabilities = response_.server_capabilities();
  EXPECT_TRUE(capabilities.plan_destroy());
  EXPECT_TRUE(capabilities.get_provider_schema_optional());
  EXPECT_TRUE(capabilities.move_resource_state());
  EXPECT_TRUE(capabilities.generate_resource_config());
}

TEST_F(Schemas, IdentityPartsAreRequiredOrOptional) {
  tfplugin6::GetResourceIdentitySchemas::Response response;
  ASSERT_TRUE(Handle({*registry_, call_, diagnostics_},
                     tfplugin6::GetResourceIdentitySchemas::Request(), &response)
                  .ok());
  const auto& identity = response.identity_schemas().at("tiny_thing");
  ASSERT_EQ(identity.identity_attributes_size(), 2);
  EXPECT_TRUE(identity.identity_attributes(0).required_for_import());
  EXPECT_FALSE(identity.identity_attributes(0).optional_for_import());
  EXPECT_FALSE(identity.identity_attributes(1).required_for_import());
  EXPECT_TRUE(identity.identity_attributes(1).optional_for_import());
}

struct Nested {
  Attr<std::string> text;
  static const ObjectSpec<Nested>& Describe() {
    static const auto& spec =
        *new ObjectSpec<Nested>("Nested.", {Field(&Nested::text, "text", Required, "Text.")});
    return spec;
  }
};
struct Outer {
  Attr<Nested> one;
  Attr<std::vector<Nested>> list;
  Attr<std::map<std::string, Nested>> map;
  static const ObjectSpec<Outer>& Describe() {
    static const auto& spec =
        *new ObjectSpec<Outer>("Outer.", {Field(&Outer::one, "one", Optional, "One."),
                                          Field(&Outer::list, "list", Optional, "List."),
                                          Field(&Outer::map, "map", Optional, "Map.")});
    return spec;
  }
};

TEST(NestedAttributes, HaveANestedTypeAndNoType) {
  tfplugin6::Schema schema;
  ToProto(Outer::Describe().schema(), 0, &schema);
  ASSERT_EQ(schema.block().attributes_size(), 3);
  EXPECT_EQ(schema.block().attributes(0).nested_type().nesting(),
            tfplugin6::Schema::Object::SINGLE);
  EXPECT_EQ(schema.block().attributes(1).nested_type().nesting(), tfplugin6::Schema::Object::LIST);
  EXPECT_EQ(schema.block().attributes(2).nested_type().nesting(), tfplugin6::Schema::Object::MAP);
  for (const auto& attribute : schema.block().attributes()) {
    EXPECT_TRUE(attribute.type().empty());
    ASSERT_EQ(attribute.nested_type().attributes_size(), 1);
    EXPECT_EQ(attribute.nested_type().attributes(0).name(), "text");
    EXPECT_TRUE(attribute.nested_type().attributes(0).required());
  }
}

}  // namespace
}  // namespace charon::server
