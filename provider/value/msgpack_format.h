// Constants of the msgpack form that reading and writing share.
#pragma once

#include <cstdint>

namespace charon {

// The extension of an unknown value of which something is known.
inline constexpr std::int8_t kRefinedCode = 12;

// Keys of the map inside of it, as go-cty 1.13 defines them (cty/msgpack/unknown.go).
enum Refinement : unsigned {
  kNullness = 1,
  kStringPrefix = 2,
  kLowerBound = 3,
  kUpperBound = 4,
  kMinLength = 5,
  kMaxLength = 6,
};

}  // namespace charon
