// What names, labels and keys may look like, in the server's own words.

#ifndef ACCEPTANCE_TESTS_SANDBOX_NAMES_H_
#define ACCEPTANCE_TESTS_SANDBOX_NAMES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "json.h"

namespace charon::sandbox {

// Each returns what is wrong, or "".
std::string DnsLabelError(absl::string_view name);      // a Namespace's name
std::string DnsSubdomainError(absl::string_view name);  // most names
std::string Dns1035LabelError(absl::string_view name);  // a Service's name
std::string PathSegmentError(absl::string_view name);   // RBAC objects' names
std::string PortNameError(absl::string_view name);
std::string QualifiedNameError(absl::string_view name);  // keys of labels and annotations
std::string LabelValueError(absl::string_view value);
std::string ConfigKeyError(absl::string_view key);  // keys of a ConfigMap or Secret
std::string EnvNameError(absl::string_view name);
bool IsIp(absl::string_view text);
bool IsCidr(absl::string_view text);
// Both must be CIDRs of one family.
bool IsStrictSubset(absl::string_view inner, absl::string_view outer);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_NAMES_H_
