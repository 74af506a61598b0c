// What the tests and fuzzers of both codecs have in common.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "provider/base/path.h"
#include "provider/base/status.h"
#include "provider/value/number.h"
#include "provider/value/type.h"
#include "provider/value/value.h"

namespace charon {

inline std::string Repeat(absl::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) absl::StrAppend(&all, text);
  return all;
}

// list(list(... type)), so many levels of it.
inline Type ListsOf(int levels, Type type) {
  for (int i = 0; i < levels; ++i) type = Type::List(std::move(type));
  return type;
}

inline Value Str(std::string text) { return Value::String(std::move(text)); }
inline Value Num(absl::string_view text) { return Value::Of(Number::Parse(text).value()); }

// What was returned, or the error as text, so that a failure shows it.
inline std::string Got(const absl::StatusOr<std::string>& text) {
  return text.ok() ? *text : text.status().ToString();
}

inline std::string PathText(const absl::Status& status) {
  return PathOf(status).value_or(Path()).ToString();
}

// Types as which any bytes may be read.
inline const std::vector<Type>& FuzzedTypes() {
  static const auto& types = *new std::vector<Type>{
      Type::Dynamic(),
      Type::String(),
      Type::Number(),
      Type::Bool(),
      Type::List(Type::Dynamic()),
      Type::Set(Type::List(Type::Number())),
      Type::Set(Type::Object({{"a", Type::String()}, {"b", Type::Number()}})),
      Type::Map(Type::Map(Type::String())),
      Type::Tuple({Type::Number(), Type::Dynamic(), Type::Set(Type::String())}),
      Type::Object({{"a", Type::Dynamic()},
                    {"b", Type::Map(Type::Bool())},
                    {"c", Type::List(Type::Object({{"d", Type::Number()}}))}}),
  };
  return types;
}

}  // namespace charon
