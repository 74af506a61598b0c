#include "provider/server/schema_proto.h"

#include <set>
#include <string>
#include <vector>

namespace charon::server {
namespace {

tfplugin6::Schema::Object::NestingMode ToProto(Nesting nesting) {
  switch (nesting) {
    case Nesting::kSingle:
      return tfplugin6::Schema::Object::SINGLE;
    case Nesting::kList:
      return tfplugin6::Schema::Object::LIST;
    case Nesting::kSet:
      return tfplugin6::Schema::Object::SET;
    case Nesting::kMap:
      return tfplugin6::Schema::Object::MAP;
    case Nesting::kNone:
      break;
  }
  return tfplugin6::Schema::Object::INVALID;
}

// What has been said in one resource. A text that occurs again (each container has probes) is not
// repeated: that would be a third of the reply, which Terraform reads at every start. The
// documentation has every text in its place.
using Said = std::set<std::string>;

// Inside nested objects the reply has the first sentence; the documentation has the rest.
std::string FirstSentence(const std::string& text) { return text.substr(0, text.find(". ")); }

void AttributeToProto(const AttributeSchema& attribute, bool nested, Said& said,
                      tfplugin6::Schema::Attribute* out) {
  out->set_name(attribute.name);
  if (!attribute.description.empty()) {
    const bool again = !said.insert(attribute.description).second && nested;
    out->set_description(again    ? "See above."
                         : nested ? FirstSentence(attribute.description)
                                  : attribute.description);
    if (!again) out->set_description_kind(tfplugin6::MARKDOWN);
  }
  if (attribute.nested != nullptr) {
    tfplugin6::Schema::Object* object = out->mutable_nested_type();
    object->set_nesting(ToProto(attribute.nesting));
    for (const AttributeSchema& inner : attribute.nested->attributes) {
      AttributeToProto(inner, /*nested=*/true, said, object->add_attributes());
    }
  } else {
    out->set_type(attribute.type.ToJson());
  }
  out->set_required(attribute.mode == Mode::kRequired);
  out->set_optional(attribute.mode == Mode::kOptional || attribute.mode == Mode::kOptionalComputed);
  out->set_computed(attribute.computed());
  out->set_sensitive(attribute.sensitive);
  out->set_write_only(attribute.write_only);
  if (!attribute.deprecation.empty()) {
    out->set_deprecated(true);
    out->set_deprecation_message(attribute.deprecation);
  }
}

void ParameterToProto(const sdk::Parameter& parameter, tfplugin6::Function::Parameter* out) {
  out->set_name(parameter.name);
  out->set_type(parameter.type.ToJson());
  out->set_allow_null_value(parameter.allow_null);
  out->set_allow_unknown_values(parameter.allow_unknown);
  out->set_description(parameter.description);
  out->set_description_kind(tfplugin6::MARKDOWN);
}

}  // namespace

void ToProto(const ObjectSchema& schema, std::int64_t version, tfplugin6::Schema* out) {
  out->set_version(version);
  // Set even where nothing is in it: Terraform crashes on a schema without a block.
  tfplugin6::Schema::Block* block = out->mutable_block();
  block->set_description(schema.description);
  block->set_description_kind(tfplugin6::MARKDOWN);
  if (!schema.deprecation.empty()) {
    block->set_deprecated(true);
    block->set_deprecation_message(schema.deprecation);
  }
  Said said;
  for (const AttributeSchema& attribute : schema.attributes) {
    AttributeToProto(attribute, /*nested=*/false, said, block->add_attributes());
  }
}

void ToProto(const sdk::AnyFunction& function, tfplugin6::Function* out) {
  for (const sdk::Parameter& parameter : function.parameters())
    ParameterToProto(parameter, out->add_parameters());
  if (function.variadic())
    ParameterToProto(*function.variadic(), out->mutable_variadic_parameter());
  out->mutable_return_()->set_type(function.returns().ToJson());
  out->set_summary(function.doc().summary);
  out->set_description(function.doc().description);
  out->set_description_kind(tfplugin6::MARKDOWN);
}

void IdentityToProto(const ObjectSchema& schema, tfplugin6::ResourceIdentitySchema* out) {
  for (const AttributeSchema& attribute : schema.attributes) {
    auto* added = out->add_identity_attributes();
    added->set_name(attribute.name);
    added->set_type(attribute.type.ToJson());
    added->set_required_for_import(attribute.mode == Mode::kRequired);
    added->set_optional_for_import(attribute.mode != Mode::kRequired);
    added->set_description(attribute.description);
  }
}

}  // namespace charon::server
