#include "provider/base/core_program.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace charon {
namespace {

// The beginning of a file about the parent process; "" if it cannot be had.
template <std::size_t n>
absl::string_view ReadOfParent(absl::string_view name, std::array<char, n>& text) {
  const int file = open(absl::StrCat("/proc/", getppid(), "/", name).c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t size = file < 0 ? -1 : read(file, text.data(), text.size());
  if (file >= 0) close(file);
  return {text.data(), size < 0 ? 0 : static_cast<std::size_t>(size)};
}

CoreProgram ParentProgram() {
  std::array<char, 16> name{};
  std::array<char, 4096> arguments{};
  return ProgramOf(ReadOfParent("comm", name), ReadOfParent("cmdline", arguments));
}

std::atomic<CoreProgram>& Asking() {
  static std::atomic<CoreProgram> program(ParentProgram());
  return program;
}

}  // namespace

CoreProgram ProgramOf(absl::string_view name, absl::string_view arguments) {
  if (!absl::StartsWith(name, "tofu")) return CoreProgram::kTerraform;
  bool first = true;  // the program itself
  for (absl::string_view argument : absl::StrSplit(arguments, '\0')) {
    // Options before the command: -chdir=DIR.
    if (!std::exchange(first, false) && !absl::StartsWith(argument, "-"))
      return argument == "plan" ? CoreProgram::kOpenTofuPlan : CoreProgram::kOpenTofu;
  }
  return CoreProgram::kOpenTofu;
}

CoreProgram AskingProgram() { return Asking(); }

void SetAskingProgramForTest(CoreProgram program) { Asking() = program; }

}  // namespace charon
