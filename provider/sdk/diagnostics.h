// What Terraform shows the user: errors and warnings with the attribute they are about.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "provider/base/call.h"
#include "provider/base/path.h"

namespace charon::sdk {

struct Diagnostic {
  enum class Severity { kError, kWarning };
  Severity severity = Severity::kError;
  std::string summary;  // one line, no full stop
  std::string detail;   // what happened, then the remedy
  Path path;            // empty: the whole object
};

class Diagnostics final : public Listener {
 public:
  void Error(absl::string_view summary, absl::string_view detail, Path path = {});
  void Warning(absl::string_view summary, absl::string_view detail, Path path = {});
  // The status' message, remedy and path as one error. OK adds nothing.
  void Error(absl::string_view summary, const absl::Status& status);
  void Warning(absl::string_view summary, const absl::Status& status);
  void Warn(absl::string_view summary, absl::string_view detail) override {
    Warning(summary, detail);
  }
  void Append(Diagnostics other);

  bool HasError() const;
  const std::vector<Diagnostic>& list() const { return list_; }

 private:
  std::vector<Diagnostic> list_;
};

}  // namespace charon::sdk
