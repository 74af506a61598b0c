// The provider functions: pure, documented where they are listed (all.cc).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "provider/schema/field.h"
#include "provider/sdk/function.h"
#include "provider/value/number.h"
#include "provider/value/value.h"

namespace charon::functions {

// InvalidArgument for what is no single JSON or YAML document.
absl::StatusOr<Value> ManifestDecode(const std::string& manifest);
absl::StatusOr<Value> ManifestDecodeMulti(const std::string& manifests);
absl::StatusOr<std::string> ManifestEncode(const Value& manifest);

// InvalidArgument for what is no quantity.
absl::StatusOr<Number> QuantityParse(const std::string& quantity);
// InvalidArgument for a family that is neither, and for what Kubernetes would read as another
// amount: finer than nano, from 1e29 on, binary ones beyond 2^63-1.
absl::StatusOr<std::string> QuantityFormat(const Number& number, const std::string& family);
absl::StatusOr<std::string> QuantitySum(
    const sdk::Variadic<std::optional<std::string>>& quantities);

// InvalidArgument for empty text.
absl::StatusOr<std::string> DnsLabel(const std::string& text);

struct Tier {
  Attr<std::string> name, short_name, priority_class, preemption_policy;
  Attr<std::int64_t> priority;
  Attr<std::map<std::string, std::map<std::string, std::string>>> limit_range;
  Attr<std::map<std::string, std::string>> resource_quota;
  static const ObjectSpec<Tier>& Describe();
};
// NotFound, listing the tiers, for another name.
absl::StatusOr<Tier> TierOf(const std::string& tier);

}  // namespace charon::functions
