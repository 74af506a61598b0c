#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "provider/clients/kubernetes/kubeconfig.h"

namespace charon::kubernetes {

Environment Environment::Real() {
  return {
      .variable = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return std::string(value);
      },
      .read_file = [](const std::string& path) -> absl::StatusOr<std::string> {
        std::FILE* file = std::fopen(path.c_str(), "rbe");
        std::string text;
        int error = errno;
        if (file != nullptr) {
          char buffer[16384];
          std::size_t size = 0;
          while ((size = std::fread(buffer, 1, sizeof(buffer), file)) > 0)
            text.append(buffer, size);
          error = std::ferror(file) != 0 ? errno : 0;
          std::fclose(file);
          if (error == 0) return text;
        }
        const std::string message = absl::StrCat(path, ": ", std::strerror(error));
        if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
        if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
        return absl::InvalidArgumentError(message);
      },
  };
}

}  // namespace charon::kubernetes
