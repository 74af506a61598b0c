#include "provider/base/core_program.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace charon {
namespace {

CoreProgram ParentProgram() {
  const int file = open(absl::StrCat("/proc/", getppid(), "/comm").c_str(), O_RDONLY | O_CLOEXEC);
  std::array<char, 16> name{};
  const ssize_t size = file < 0 ? -1 : read(file, name.data(), name.size());
  if (file >= 0) close(file);
  const absl::string_view text(name.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  return absl::StartsWith(text, "tofu") ? CoreProgram::kOpenTofu : CoreProgram::kTerraform;
}

std::atomic<CoreProgram>& Asking() {
  static std::atomic<CoreProgram> program(ParentProgram());
  return program;
}

}  // namespace

CoreProgram AskingProgram() { return Asking(); }

void SetAskingProgramForTest(CoreProgram program) { Asking() = program; }

}  // namespace charon
