#include "provider/ephemeral/generated_secret.h"

#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/operations/generate_value.h"
#include "provider/schema/checks.h"

namespace charon::ephemeral {

const ObjectSpec<GeneratedSecretModel>& GeneratedSecretModel::Describe() {
  using M = GeneratedSecretModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A random value, new in each plan and each apply and stored nowhere: for write-only "
      "attributes. Where a value must "
      "stay, let `charon_secret` make it up (`generate`).",
      {
          Field(&M::kind, "kind", Optional,
                "`alphanumeric` (default), `password` (also `-_.~!*`), `hex`, `base64` (of "
                "`length` random bytes) or `uuid`.")
              .Check(OneOf({"alphanumeric", "password", "hex", "base64", "uuid"})),
          Field(&M::length, "length", Optional,
                "Number of characters (bytes for `base64`); 32 by default.")
              .Check(Between(8, 4096)),
          Field(&M::value, "value", Computed, "The value that was made up.").Sensitive(),
      },
      {NotWith("length", "kind", "uuid")});
  return spec;
}

const sdk::ResourceInfo& GeneratedSecret::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_generated_secret",
                                                   .noun = "generated secret",
                                                   .subcategory = "Kubernetes",
                                                   .needs = {}};
  return info;
}

absl::StatusOr<sdk::Opened<GeneratedSecretModel>> GeneratedSecret::Open(
    const sdk::Context&, const GeneratedSecretModel& config) {
  GeneratedSecretModel result = config;
  CHARON_ASSIGN_OR_RETURN(
      result.value,
      operations::GenerateValue(config.kind.value_or("alphanumeric"), config.length.value_or(32)));
  RegisterSecret(*result.value);
  return sdk::Opened<GeneratedSecretModel>{result, std::nullopt};
}

}  // namespace charon::ephemeral
