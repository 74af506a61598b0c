#include "provider/base/core_program.h"

#include <string>

#include "gtest/gtest.h"

namespace charon {
namespace {

CoreProgram Tofu(const std::string& arguments) { return ProgramOf("tofu\n", arguments); }

TEST(CoreProgram, IsToldByNameAndCommand) {
  using namespace std::string_literals;
  EXPECT_EQ(ProgramOf("terraform\n", "terraform\0plan\0"s), CoreProgram::kTerraform);
  EXPECT_EQ(ProgramOf("", ""), CoreProgram::kTerraform);
  EXPECT_EQ(Tofu("/usr/bin/tofu\0plan\0-refresh=false\0"s), CoreProgram::kOpenTofuPlan);
  EXPECT_EQ(Tofu("tofu\0-chdir=plan\0plan\0"s), CoreProgram::kOpenTofuPlan);
  EXPECT_EQ(Tofu("tofu\0apply\0plan\0"s), CoreProgram::kOpenTofu);
  EXPECT_EQ(Tofu("plan\0apply\0"s), CoreProgram::kOpenTofu);
  EXPECT_EQ(Tofu("tofu\0"s), CoreProgram::kOpenTofu);
  EXPECT_EQ(Tofu(""), CoreProgram::kOpenTofu);
}

}  // namespace
}  // namespace charon
