// Whatever arrives as HuJSON either is refused with a place, or has a normal form that reads back as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "provider/clients/headscale/policy/hujson.h"

namespace charon::headscale {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void Check(absl::string_view text) {
  const absl::StatusOr<HuJson> document = ParseHuJson(text);
  if (!document.ok()) {
    Require(document.status().code() == absl::StatusCode::kInvalidArgument);
    Require(absl::StrContains(document.status().message(), "line "));
    return;
  }
  CheckNoDuplicates(*document).IgnoreError();
  const std::string normal = NormalHuJson(*document);
  const absl::StatusOr<HuJson> again = ParseHuJson(normal);
  Require(again.ok() && SameHuJson(*document, *again) && NormalHuJson(*again) == normal);
  Require(CheckNoDuplicates(*again).ok());
  Require(SameHuJsonText(text, normal) && SameHuJsonText(ForServer(text), normal));
}

}  // namespace
}  // namespace charon::headscale

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  charon::headscale::Check(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
