// Which program talks to the provider, where its calls do not tell.
#pragma once

namespace charon {

enum class CoreProgram { kTerraform, kOpenTofu };

// By the name of the parent process (Linux, proc(5)): "tofu" is OpenTofu, anything else counts as
// Terraform. The version that OpenTofu says is one of Terraform's, and its capabilities are the
// same (opentofu v1.12, version/version.go, internal/plugin6/grpc_provider.go).
CoreProgram AskingProgram();

// Until the process ends.
void SetAskingProgramForTest(CoreProgram program);

}  // namespace charon
