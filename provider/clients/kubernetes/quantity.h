// Kubernetes quantities: "100m", "1.5Gi", "2e3" (apimachinery, pkg/api/resource).
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon::kubernetes {

// An exact decimal amount (down to nano) with the suffix family it was written in.
class Quantity {
 public:
  enum class Format { kDecimalSI, kBinarySI, kDecimalExponent };

  Quantity() = default;
  // InvalidArgument, showing what is accepted, for anything else ("1 Gb", "1GB", ""). Finer than nano
  // rounds up, as the server does; larger than 2^63-1 * 10^18 is refused.
  static absl::StatusOr<Quantity> Parse(absl::string_view text);
  static Quantity FromNano(__int128 nano, Format format);

  __int128 nano() const { return nano_; }
  Format format() const { return format_; }
  // Rounded up to whole units / thousandths.
  std::int64_t Value() const;
  std::int64_t MilliValue() const;
  double AsDouble() const;

  // The server's canonical form: no fraction, largest suffix that loses nothing ("1000m" is "1",
  // "0.5" is "500m", "1024Mi" is "1Gi").
  std::string ToString() const;

  Quantity operator+(const Quantity& other) const;  // keeps this one's format
  Quantity operator-(const Quantity& other) const;
  friend bool operator==(const Quantity& a, const Quantity& b) { return a.nano_ == b.nano_; }
  friend auto operator<=>(const Quantity& a, const Quantity& b) { return a.nano_ <=> b.nano_; }

 private:
  __int128 nano_ = 0;
  Format format_ = Format::kDecimalSI;
};

}  // namespace charon::kubernetes
