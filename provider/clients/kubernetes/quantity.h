// Kubernetes quantities: "100m", "1.5Gi", "2e3" (apimachinery 0.36, pkg/api/resource).
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

// An exact decimal amount (down to nano) with the suffix family it was written in. A value.
class Quantity {
 public:
  enum class Format { kDecimalSI, kBinarySI, kDecimalExponent };

  Quantity() = default;
  // InvalidArgument, showing what is accepted, for anything else ("1 Gb", "1GB", ""). As the server
  // does it: finer than nano rounds away from zero, binary amounts above 2^63-1 are that. From
  // 10^29 on it is refused (the server has no such limit, and nothing that large).
  static absl::StatusOr<Quantity> Parse(absl::string_view text);
  // Amounts of 10^29 units and more become the largest below.
  static Quantity FromNano(absl::int128 nano, Format format);

  absl::int128 nano() const { return nano_; }
  Format format() const { return format_; }
  // Rounded away from zero to whole units / thousandths; the nearest std::int64_t if it is none.
  std::int64_t Value() const;
  std::int64_t MilliValue() const;
  double AsDouble() const;

  // The server's canonical form: no fraction, largest suffix that loses nothing ("1000m" is "1",
  // "0.5" is "500m", "1024Mi" is "1Gi"). A binary amount below 1024 or with a fraction is written
  // as a decimal one.
  std::string ToString() const;

  // Keeps this one's format, unless this one is zero: then the other's.
  Quantity operator+(const Quantity& other) const;
  Quantity operator-(const Quantity& other) const;
  // By amount: the format does not count.
  friend bool operator==(const Quantity& a, const Quantity& b) { return a.nano_ == b.nano_; }
  friend std::strong_ordering operator<=>(const Quantity& a, const Quantity& b) {
    return a.nano_ < b.nano_   ? std::strong_ordering::less
           : a.nano_ > b.nano_ ? std::strong_ordering::greater
                               : std::strong_ordering::equal;
  }

 private:
  absl::int128 nano_ = 0;
  Format format_ = Format::kDecimalSI;
};

// The quantities of an object such as a quota's `hard`, by resource. Other clients may have written
// numbers; what is no quantity is left out.
std::map<std::string, Quantity> QuantitiesOf(const Json& object);

// InvalidArgument, naming the field, for the first quantity of an object of a built-in kind that is
// none. The API server does not say which field it means when an apply has a wrong one. OK for
// other kinds.
absl::Status CheckQuantities(const Json& object);

}  // namespace charon::kubernetes
