// One attribute of a typed model: known, null or unknown.
#pragma once

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

namespace charon {

// Null unless assigned. A plain value type.
template <typename T>
class Attr {
 public:
  using ValueType = T;

  Attr() = default;
  Attr(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  // From what T converts from: Attr<std::string> text = "literal".
  template <typename U>
  requires(!std::same_as<std::remove_cvref_t<U>, Attr> &&
           !std::same_as<std::remove_cvref_t<U>, T> && std::convertible_to<U, T>) Attr(U&& value)
      : value_(T(std::forward<U>(value))) {}                  // NOLINT(google-explicit-constructor)
  Attr(std::optional<T> value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  static Attr Null() { return Attr(); }
  static Attr Unknown() {
    Attr attr;
    attr.unknown_ = true;
    return attr;
  }

  bool IsNull() const { return !unknown_ && !value_.has_value(); }
  bool IsUnknown() const { return unknown_; }
  bool IsKnown() const { return value_.has_value(); }

  // REQUIRES: IsKnown().
  const T& value() const { return *value_; }
  T& value() { return *value_; }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return &*value_; }

  T value_or(T fallback) const { return value_.value_or(std::move(fallback)); }
  const std::optional<T>& optional() const { return value_; }

  friend bool operator==(const Attr&, const Attr&) = default;

 private:
  bool unknown_ = false;
  std::optional<T> value_;
};

}  // namespace charon
