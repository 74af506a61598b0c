// Whatever arrives as HuJSON either is refused with a place, or has a normal form that reads back
// as the same, and is judged as a policy of each generation.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "provider/clients/headscale/policy/hujson.h"
#include "provider/clients/headscale/policy/policy.h"
#include "provider/clients/headscale/policy/reach.h"
#include "provider/testing/fuzz.h"

namespace charon::headscale::policy {
namespace {

void Check(absl::string_view text) {
  const absl::StatusOr<HuJson> document = ParseHuJson(text);
  if (!document.ok()) {
    Require(document.status().code() == absl::StatusCode::kInvalidArgument);
    Require(absl::StrContains(document.status().message(), "line "));
    return;
  }
  CheckNoDuplicates(*document).IgnoreError();
  for (int minor = kOldestPolicy; minor <= kNewestPolicy; ++minor) {
    const Policy policy = ReadPolicy(*document, minor);
    for (const Finding& finding : policy.findings)
      Require(!finding.message.empty() && !finding.remedy.empty());
  }
  RefusedByAll(*document).IgnoreError();
  if (text.size() < 1000) {
    // Who gains everything loses it on the way back; nobody gains anything from the same.
    const Policy policy = ReadPolicy(*document, kNewestPolicy);
    const Policy none = NoPolicy(kNewestPolicy);
    Require(Compare(none, policy).losses == Compare(policy, none).gains);
    Require(Compare(policy, policy).empty());
    Ask(policy, "*", "*").status().IgnoreError();
  }
  const std::string normal = NormalHuJson(*document);
  const absl::StatusOr<HuJson> again = ParseHuJson(normal);
  Require(again.ok() && SameHuJson(*document, *again) && NormalHuJson(*again) == normal);
  Require(CheckNoDuplicates(*again).ok());
  Require(SameHuJsonText(text, normal) && SameHuJsonText(ForServer(text), normal));
}

}  // namespace
}  // namespace charon::headscale::policy

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  charon::headscale::policy::Check(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
