// Any text may be given as a kubeconfig: it must be read or refused, in bounded time and memory.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "provider/clients/kubernetes/kubeconfig.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const charon::kubernetes::Environment environment = {
      .variable = [](const std::string&) { return std::optional<std::string>(); },
      .read_file = [&](const std::string& path) -> absl::StatusOr<std::string> {
        if (path == "/config") return text;
        return absl::NotFoundError(path);
      }};
  const auto connection = charon::kubernetes::Resolve({.config_path = "/config"}, environment);
  // An error without words helps nobody.
  if (!connection.ok() && connection.status().message().empty()) __builtin_trap();
  return 0;
}
