// Whatever arrives as YAML either is refused or is a value that is written and read back the same.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/plain_json.h"
#include "provider/clients/kubernetes/yaml.h"
#include "provider/clients/kubernetes/yaml_plain.h"
#include "provider/testing/fuzz.h"

namespace {

using charon::Require;
using charon::kubernetes::EmitYaml;
using charon::kubernetes::Json;
using charon::kubernetes::ParseYamlDocuments;
using charon::kubernetes::internal::ReadFullYaml;
using charon::kubernetes::internal::ReadPlainJson;
using charon::kubernetes::internal::ReadPlainYaml;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  // The short ways must lead where the long ones do.
  if (const std::optional<Json> plain = ReadPlainJson(text)) {
    Require(Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false) == *plain);
  }
  const absl::StatusOr<std::vector<Json>> documents = ParseYamlDocuments(text);
  if (!documents.ok()) {
    Require(documents.status().code() == absl::StatusCode::kInvalidArgument);
    Require(!documents.status().message().empty());
    return 0;
  }
  if (const std::optional<Json> plain = ReadPlainYaml(text)) {
    const absl::StatusOr<std::vector<Json>> full = ReadFullYaml(text);
    Require(full.ok() && full->size() == 1 && (*full)[0].dump() == plain->dump());
  }
  for (const Json& document : *documents) {
    const absl::StatusOr<std::vector<Json>> again = ParseYamlDocuments(EmitYaml(document));
    Require(again.ok());
    Require(again->empty() ? document.is_null() : again->size() == 1 && (*again)[0] == document);
  }
  return 0;
}
