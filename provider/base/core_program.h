// Which program talks to the provider, where its calls do not tell.
#pragma once

#include "absl/strings/string_view.h"

namespace charon {

// kOpenTofuPlan: `tofu plan`, which applies nothing.
enum class CoreProgram { kTerraform, kOpenTofu, kOpenTofuPlan };

// By the name and the arguments of the parent process (Linux, proc(5)): "tofu" is OpenTofu,
// anything else counts as Terraform. The version that OpenTofu says is one of Terraform's, and its
// capabilities are the same (opentofu v1.12, version/version.go,
// internal/plugin6/grpc_provider.go).
CoreProgram AskingProgram();

// Of a process with this name (comm) and these arguments (cmdline: each ends with a NUL).
CoreProgram ProgramOf(absl::string_view name, absl::string_view arguments);

// Until the process ends.
void SetAskingProgramForTest(CoreProgram program);

}  // namespace charon
