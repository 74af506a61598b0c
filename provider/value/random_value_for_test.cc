#include "provider/value/random_value_for_test.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace charon {

Type RandomForTest::AnyType(int depth) {
  switch (Below(depth > 0 ? 9 : 4)) {
    case 0:
      return Type::Dynamic();
    case 1:
      return Type::Number();
    case 2:
      return Type::Bool();
    case 3:
      return Type::String();
    case 4:
      return Type::List(AnyElementType(depth - 1));
    case 5:
      return Type::Set(AnyElementType(depth - 1));
    case 6:
      return Type::Map(AnyElementType(depth - 1));
    case 7: {
      std::vector<Type> elements;
      for (std::size_t i = Below(5); i > 0; --i) elements.push_back(AnyType(depth - 1));
      return Type::Tuple(std::move(elements));
    }
    default: {
      std::map<std::string, Type> attributes;
      for (std::size_t i = Below(6); i > 0; --i) {
        attributes.emplace(absl::StrCat(Below(2) ? "name_" : "\"é\n\"", i), AnyType(depth - 1));
      }
      return Type::Object(std::move(attributes));
    }
  }
}

Type RandomForTest::AnyElementType(int depth) {
  Type type = AnyType(depth);
  return type.HasDynamic() ? Type::String() : type;
}

Number RandomForTest::AnyNumber() {
  switch (Below(4)) {
    case 0:
      return Number(static_cast<int>(Below(300)) - 150);
    case 1:
      return Number(static_cast<std::int64_t>(engine_() >> Below(64)));
    case 2:
      return Number::FromUint64(engine_());
    default: {
      std::string text = Below(2) ? "-" : "";
      for (std::size_t i = 1 + Below(60); i > 0; --i) absl::StrAppend(&text, Below(10));
      absl::StrAppend(&text, "e", static_cast<int>(Below(1200)) - 600);
      return Number::Parse(text).value();
    }
  }
}

std::string RandomForTest::AnyText() {
  // Each in normal form C, also one after the other.
  static constexpr const char* kPieces[] = {"a",    "\"", "\\", "\n", "\x01",
                                            "\x7f", "ü",  "語", "😀",  "/"};
  std::string text;
  for (std::size_t i = Below(Below(20) == 0 ? 400 : 12); i > 0; --i) text += kPieces[Below(10)];
  if (Below(20) == 0) text.push_back('\0');
  return text;
}

Value RandomForTest::AnyUnknown(const Type& type) {
  Refinements refinements;
  if (type.kind() == Type::Kind::kDynamic || Below(2) == 0) return Value::Unknown();
  if (Below(2) == 0) refinements.null = false;
  if (type.kind() == Type::Kind::kString && Below(2) == 0) refinements.string_prefix = "pre-ü";
  if (type.kind() == Type::Kind::kNumber && Below(2) == 0) {
    refinements.lower = Refinements::Bound{.value = AnyNumber(), .inclusive = Below(2) == 0};
  } else if (type.kind() == Type::Kind::kNumber) {
    refinements.upper = Refinements::Bound{.value = AnyNumber(), .inclusive = Below(2) == 0};
  }
  if (type.IsCollection()) {
    if (Below(2) == 0) refinements.min_length = static_cast<std::int64_t>(Below(300));
    if (Below(2) == 0) refinements.max_length = static_cast<std::int64_t>(300 + Below(70'000));
  }
  return Value::Unknown(std::move(refinements));
}

Value RandomForTest::AnyValue(const Type& type, bool unknowns) {
  if (Below(12) == 0) return Value::Null();
  if (unknowns && Below(12) == 0) return AnyUnknown(type);
  switch (type.kind()) {
    case Type::Kind::kDynamic: {
      Type own = AnyType(2);
      if (own.kind() == Type::Kind::kDynamic) own = Type::String();
      Value inner = AnyValue(own, unknowns);
      return Value::Dynamic(std::move(own), std::move(inner));
    }
    case Type::Kind::kString:
      return Value::String(AnyText());
    case Type::Kind::kNumber:
      return Value::Of(AnyNumber());
    case Type::Kind::kBool:
      return Value::Bool(Below(2) == 0);
    case Type::Kind::kList:
    case Type::Kind::kSet: {
      Value::Sequence elements;
      for (std::size_t i = Below(Below(10) == 0 ? 40 : 4); i > 0; --i) {
        elements.push_back(AnyValue(type.element(), unknowns));
      }
      return type.kind() == Type::Kind::kSet ? Value::Set(std::move(elements))
                                             : Value::Of(std::move(elements));
    }
    case Type::Kind::kTuple: {
      Value::Sequence elements;
      for (const Type& element : type.elements()) elements.push_back(AnyValue(element, unknowns));
      return Value::Of(std::move(elements));
    }
    case Type::Kind::kMap: {
      Value::Mapping entries;
      for (std::size_t i = Below(Below(10) == 0 ? 40 : 4); i > 0; --i) {
        entries.emplace(AnyText(), AnyValue(type.element(), unknowns));
      }
      return Value::Of(std::move(entries));
    }
    case Type::Kind::kObject: {
      Value::Mapping entries;
      for (const auto& [name, attribute] : type.attributes()) {
        entries.emplace(name, AnyValue(attribute, unknowns));
      }
      return Value::Of(std::move(entries));
    }
  }
  return Value::Null();
}

}  // namespace charon
