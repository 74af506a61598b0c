// Schemas without C++ structs, for tests of what reads schemas:
//
//   const ObjectSchema schema = SchemaForTest({
//       Row("id", Computed).KeepPrior(),
//       Row("ports", Optional, Nesting::kList, {Row("number", Required, Type::Number())}),
//   });
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "provider/schema/schema.h"
#include "provider/testing/values.h"

namespace charon {

struct TestRow;

ObjectSchema SchemaForTest(std::vector<TestRow> rows);

struct TestRow {
  AttributeSchema attribute;

  TestRow&& Default(absl::string_view json) && {
    attribute.default_value = ValueForTest(attribute.type, json);
    attribute.mode = Mode::kOptionalComputed;
    return std::move(*this);
  }
  TestRow&& ForceNew() && {
    attribute.force_new = true;
    return std::move(*this);
  }
  TestRow&& KeepPrior() && {
    attribute.keep_prior = true;
    return std::move(*this);
  }
  TestRow&& WriteOnly() && {
    attribute.write_only = true;
    return std::move(*this);
  }
  TestRow&& Same(std::function<bool(const Value&, const Value&)> same) && {
    attribute.same = std::move(same);
    return std::move(*this);
  }
  TestRow&& Check(charon::Check check) && {
    attribute.checks.push_back(std::move(check));
    return std::move(*this);
  }
};

inline TestRow Row(absl::string_view name, Mode mode, Type type = Type::String()) {
  TestRow row;
  row.attribute.name = std::string(name);
  row.attribute.mode = mode;
  row.attribute.type = std::move(type);
  row.attribute.description = "An attribute of a test.";
  return row;
}

inline TestRow Row(absl::string_view name, Mode mode, Nesting nesting, std::vector<TestRow> rows) {
  auto nested = std::make_shared<ObjectSchema>(SchemaForTest(std::move(rows)));
  TestRow row = Row(name, mode, nested->type());
  if (nesting == Nesting::kList) row.attribute.type = Type::List(nested->type());
  if (nesting == Nesting::kSet) row.attribute.type = Type::Set(nested->type());
  if (nesting == Nesting::kMap) row.attribute.type = Type::Map(nested->type());
  row.attribute.nesting = nesting;
  row.attribute.nested = std::move(nested);
  return row;
}

inline ObjectSchema SchemaForTest(std::vector<TestRow> rows) {
  ObjectSchema schema;
  schema.description = "An object of a test.";
  for (TestRow& row : rows) schema.attributes.push_back(std::move(row.attribute));
  schema.type();
  return schema;
}

}  // namespace charon
