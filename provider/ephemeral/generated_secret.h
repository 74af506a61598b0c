// Ephemeral charon_generated_secret: a fresh random value that nothing stores.
#pragma once

#include <cstdint>
#include <string>

#include "provider/schema/field.h"
#include "provider/sdk/ephemeral.h"

namespace charon::ephemeral {

struct GeneratedSecretModel {
  Attr<std::string> kind, value;
  Attr<std::int64_t> length;
  static const ObjectSpec<GeneratedSecretModel>& Describe();
};

class GeneratedSecret final : public sdk::Ephemeral<GeneratedSecretModel> {
 public:
  const sdk::ResourceInfo& info() const override;
  absl::StatusOr<sdk::Opened<GeneratedSecretModel>> Open(
      const sdk::Context& context, const GeneratedSecretModel& config) override;
};

}  // namespace charon::ephemeral
