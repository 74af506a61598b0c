// Provider functions: pure, typed, `provider::charon::name(...)` in HCL.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/schema/field.h"
#include "provider/value/attr.h"
#include "provider/value/type.h"
#include "provider/value/value.h"

namespace charon::sdk {

struct Parameter {
  std::string name;
  std::string description;
  Type type = Type::Dynamic();
  bool allow_null = false;
  bool allow_unknown = false;
};

// The status with the index of the argument at fault, counted from 0, variadic ones included.
absl::Status AtArgument(std::size_t index, absl::Status status);
std::optional<std::int64_t> ArgumentOf(const absl::Status& status);

// An argument that may be of any type as an object of `schema`, converted, checked, and without
// keys that `schema` does not have. Errors are at argument `index`, with the path inside it.
// REQUIRES: `schema` has no dynamic type inside.
absl::StatusOr<Value> ObjectArgument(std::size_t index, const Value& argument,
                                     const ObjectSchema& schema);
template <Described M>
absl::StatusOr<M> ObjectArgument(std::size_t index, const Value& argument) {
  CHARON_ASSIGN_OR_RETURN(const Value object,
                          ObjectArgument(index, argument, M::Describe().schema()));
  absl::StatusOr<M> model = M::Describe().Decode(object);
  if (!model.ok()) return AtArgument(index, model.status());
  return model;
}

struct FunctionDoc {
  std::string name;
  std::string summary;      // one line
  std::string description;  // Markdown
};

// Safe for concurrent use.
class AnyFunction {
 public:
  virtual ~AnyFunction() = default;

  const FunctionDoc& doc() const { return doc_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  const std::optional<Parameter>& variadic() const { return variadic_; }
  const Type& returns() const { return returns_; }

  // REQUIRES: `arguments` has one value of each parameter's type, then any number of the
  // variadic's.
  virtual absl::StatusOr<Value> Call(const std::vector<Value>& arguments) const = 0;

 protected:
  FunctionDoc doc_;
  std::vector<Parameter> parameters_;
  std::optional<Parameter> variadic_;
  Type returns_ = Type::Dynamic();
};

// The last parameter of a function that takes any number of them.
template <typename T>
struct Variadic {
  std::vector<T> values;
};

namespace function_internal {

// T: known. std::optional<T>: may be null. Attr<T>: may be null or unknown.
template <typename T>
struct Argument {
  using Inner = T;
  static constexpr bool kNull = false, kUnknown = false, kVariadic = false;
  static absl::StatusOr<T> Decode(const Value& value) { return Codec<T>::Decode(value); }
};
template <typename T>
struct Argument<std::optional<T>> {
  using Inner = T;
  static constexpr bool kNull = true, kUnknown = false, kVariadic = false;
  static absl::StatusOr<std::optional<T>> Decode(const Value& value) {
    if (value.IsNull()) return std::optional<T>();
    CHARON_ASSIGN_OR_RETURN(T inner, Codec<T>::Decode(value));
    return std::optional<T>(std::move(inner));
  }
};
template <typename T>
struct Argument<Attr<T>> {
  using Inner = T;
  static constexpr bool kNull = true, kUnknown = true, kVariadic = false;
  static absl::StatusOr<Attr<T>> Decode(const Value& value) {
    Attr<T> attr;
    CHARON_RETURN_IF_ERROR(DecodeAttr(value, attr));
    return attr;
  }
};
template <typename T>
struct Argument<Variadic<T>> {
  using Inner = typename Argument<T>::Inner;
  static constexpr bool kNull = Argument<T>::kNull, kUnknown = Argument<T>::kUnknown,
                        kVariadic = true;
};

template <typename... Args>
constexpr bool IsVariadicLast() {
  const bool variadic[] = {Argument<Args>::kVariadic...};
  for (std::size_t i = 0; i + 1 < sizeof...(Args); ++i) {
    if (variadic[i]) return false;
  }
  return true;
}

template <typename R, typename... Args>
class Typed final : public AnyFunction {
  static_assert(IsVariadicLast<Args...>(), "only the last parameter can be variadic");

 public:
  using Body = std::function<absl::StatusOr<R>(const Args&...)>;

  Typed(FunctionDoc doc, std::vector<std::pair<std::string, std::string>> names, Body body)
      : body_(std::move(body)) {
    doc_ = std::move(doc);
    returns_ = Codec<R>::type();
    // A list of another length is a mistake that Registry::Contradictions() reports by the empty
    // name.
    const bool all_named = names.size() == sizeof...(Args);
    names.resize(sizeof...(Args));
    if (!all_named) names.back().first.clear();
    std::size_t i = 0;
    (Declare<Args>(names[i++]), ...);
  }

  absl::StatusOr<Value> Call(const std::vector<Value>& arguments) const override {
    return CallWith(arguments, std::index_sequence_for<Args...>());
  }

 private:
  template <typename A>
  void Declare(const std::pair<std::string, std::string>& name) {
    Parameter parameter{name.first, name.second, Codec<typename Argument<A>::Inner>::type(),
                        Argument<A>::kNull, Argument<A>::kUnknown};
    if constexpr (Argument<A>::kVariadic) {
      variadic_ = std::move(parameter);
    } else {
      parameters_.push_back(std::move(parameter));
    }
  }

  template <typename A>
  static absl::Status DecodeOne(const std::vector<Value>& arguments, std::size_t index, A& out) {
    absl::StatusOr<A> decoded = Argument<A>::Decode(arguments[index]);
    if (!decoded.ok()) return AtArgument(index, decoded.status());
    out = *std::move(decoded);
    return absl::OkStatus();
  }
  template <typename T>
  static absl::Status DecodeOne(const std::vector<Value>& arguments, std::size_t index,
                                Variadic<T>& out) {
    for (std::size_t i = index; i < arguments.size(); ++i) {
      T value;
      CHARON_RETURN_IF_ERROR(DecodeOne(arguments, i, value));
      out.values.push_back(std::move(value));
    }
    return absl::OkStatus();
  }

  template <std::size_t... I>
  absl::StatusOr<Value> CallWith(const std::vector<Value>& arguments,
                                 std::index_sequence<I...>) const {
    std::tuple<Args...> decoded;
    absl::Status status;
    (void)((status = DecodeOne(arguments, I, std::get<I>(decoded)), status.ok()) && ...);
    CHARON_RETURN_IF_ERROR(status);
    CHARON_ASSIGN_OR_RETURN(R result, std::apply(body_, decoded));
    return Codec<R>::Encode(result);
  }

  Body body_;
};

template <typename R, typename... Args>
std::unique_ptr<AnyFunction> Make(FunctionDoc doc,
                                  std::vector<std::pair<std::string, std::string>> names,
                                  absl::StatusOr<R> (*body)(const Args&...)) {
  static_assert(sizeof...(Args) > 0);
  return std::make_unique<Typed<R, Args...>>(std::move(doc), std::move(names), body);
}

}  // namespace function_internal

// NewFunction({"dns_label", "summary", "description"}, {{"text", "What to shorten."}}, DnsLabel)
// from absl::StatusOr<R> DnsLabel(const std::string& text): types, nullability and variadics come
// from its signature.
template <typename R, typename... Args>
std::unique_ptr<AnyFunction> NewFunction(
    FunctionDoc doc, std::vector<std::pair<std::string, std::string>> parameters,
    absl::StatusOr<R> (*body)(const Args&...)) {
  return function_internal::Make<R, Args...>(std::move(doc), std::move(parameters), body);
}

}  // namespace charon::sdk
