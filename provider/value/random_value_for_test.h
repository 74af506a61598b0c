// Random types and values of them, for tests of what must hold for every value. The same seed gives
// the same ones on every platform.
#pragma once

#include <cstdint>
#include <random>

#include "provider/value/type.h"
#include "provider/value/value.h"

namespace charon {

class RandomForTest {
 public:
  explicit RandomForTest(std::uint64_t seed) : engine_(seed) {}

  // From 0 up to `limit`, exclusive.
  std::size_t Below(std::size_t limit) { return engine_() % limit; }

  // Of at most `depth` levels.
  Type AnyType(int depth);
  Number AnyNumber();
  std::string AnyText();
  // A value of `type`, null and, if `unknowns`, unknown parts included.
  Value AnyValue(const Type& type, bool unknowns);

 private:
  // Not dynamic: what stands in a collection would have to be of one type.
  Type AnyElementType(int depth);
  Value AnyUnknown(const Type& type);

  std::mt19937_64 engine_;
};

}  // namespace charon
