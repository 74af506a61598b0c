#include "provider/provider.h"

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace charon {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

TEST(WholeRegistry, ContradictsItselfNowhere) {
  const std::unique_ptr<sdk::Registry> registry = NewRegistry();
  // Of nothing there is nothing to tell.
  EXPECT_THAT(registry->provider().schema().attributes, Not(IsEmpty()));
  EXPECT_THAT(registry->resources(), Not(IsEmpty()));
  EXPECT_THAT(registry->data_sources(), Not(IsEmpty()));
  EXPECT_THAT(registry->ephemerals(), Not(IsEmpty()));
  EXPECT_THAT(registry->lists(), Not(IsEmpty()));
  EXPECT_THAT(registry->actions(), Not(IsEmpty()));
  EXPECT_THAT(registry->functions(), Not(IsEmpty()));
  EXPECT_THAT(registry->Contradictions(), IsEmpty());
}

}  // namespace
}  // namespace charon
