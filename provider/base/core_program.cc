#include "provider/base/core_program.h"

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace charon {
namespace {

CoreProgram ParentProgram() {
  std::ifstream file(absl::StrCat("/proc/", getppid(), "/comm"));
  std::string name;
  std::getline(file, name);
  return absl::StartsWith(name, "tofu") ? CoreProgram::kOpenTofu : CoreProgram::kTerraform;
}

std::atomic<CoreProgram>& Asking() {
  static std::atomic<CoreProgram> program(ParentProgram());
  return program;
}

}  // namespace

CoreProgram AskingProgram() { return Asking(); }

void SetAskingProgramForTest(CoreProgram program) { Asking() = program; }

}  // namespace charon
