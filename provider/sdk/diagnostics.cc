#include "provider/sdk/diagnostics.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "provider/base/redact.h"
#include "provider/base/several.h"
#include "provider/base/status.h"

namespace charon::sdk {
namespace {

Diagnostic FromStatus(Diagnostic::Severity severity, absl::string_view summary,
                      const absl::Status& status) {
  std::string detail(status.message());
  if (!detail.empty()) {
    if (detail[0] >= 'a' && detail[0] <= 'z') {
      // Chains of causes start in lower case; a diagnostic is a sentence. A name in front stays as
      // it is.
      const std::size_t word = detail.find_first_of(" /.:_-");
      if (word != std::string::npos && detail[word] == ' ')
        detail[0] = static_cast<char>(detail[0] - 'a' + 'A');
    }
    if (detail.back() != '.' && detail.back() != '\n' && detail.back() != '?') detail += '.';
  }
  // Terraform points at the root attribute only.
  const Path path = PathOf(status).value_or(Path());
  if (path.steps().size() > 1) detail = absl::StrCat(path.ToString(), ": ", detail);
  if (const std::optional<std::string> remedy = RemedyOf(status))
    absl::StrAppend(&detail, "\n\n", *remedy);
  return {severity, std::string(summary), Redact(detail), path};
}

}  // namespace

void Diagnostics::Error(absl::string_view summary, absl::string_view detail, Path path) {
  list_.push_back(
      {Diagnostic::Severity::kError, std::string(summary), Redact(detail), std::move(path)});
}

void Diagnostics::Warning(absl::string_view summary, absl::string_view detail, Path path) {
  list_.push_back(
      {Diagnostic::Severity::kWarning, std::string(summary), Redact(detail), std::move(path)});
}

void Diagnostics::Error(absl::string_view summary, const absl::Status& status) {
  if (status.ok()) return;
  for (const absl::Status& one : EachOf(status))
    list_.push_back(FromStatus(Diagnostic::Severity::kError, summary, one));
}

void Diagnostics::Warning(absl::string_view summary, const absl::Status& status) {
  if (status.ok()) return;
  for (const absl::Status& one : EachOf(status))
    list_.push_back(FromStatus(Diagnostic::Severity::kWarning, summary, one));
}

void Diagnostics::Append(Diagnostics other) {
  list_.insert(list_.end(), std::make_move_iterator(other.list_.begin()),
               std::make_move_iterator(other.list_.end()));
}

bool Diagnostics::HasError() const {
  return std::any_of(list_.begin(), list_.end(), [](const Diagnostic& d) {
    return d.severity == Diagnostic::Severity::kError;
  });
}

}  // namespace charon::sdk
