// The pieces of validation, by area. Paths are Go's: "spec.template.spec.containers[0].image".

#ifndef ACCEPTANCE_TESTS_SANDBOX_VALIDATION_PARTS_H_
#define ACCEPTANCE_TESTS_SANDBOX_VALIDATION_PARTS_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "json.h"
#include "kinds.h"
#include "status.h"

namespace charon::sandbox {

// ---- shared ----
inline constexpr char kNotAnIp[] = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
inline constexpr char kNotACidr[] =
    "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
// "spec.limits[0]".
inline std::string At(const std::string& path, std::size_t index) {
  return absl::StrCat(path, "[", index, "]");
}
void CheckNonNegative(const Json& parent, const char* field, const std::string& path,
                      FieldErrors& errors);
void CheckOneOf(const Json& parent, const char* field, const std::string& path,
                const std::vector<std::string>& allowed, FieldErrors& errors);
void CheckSubdomain(const Json& parent, const char* field, const std::string& path,
                    FieldErrors& errors);
void CheckLabels(const Json& labels, const std::string& path, FieldErrors& errors);
void CheckSelector(const Json& selector, const std::string& path, FieldErrors& errors);
// A count or a percentage.
void CheckIntOrPercent(const Json& parent, const char* field, const std::string& path,
                       FieldErrors& errors);
void CheckPort(const Json& port, const std::string& path, FieldErrors& errors);

// A struct of the server's own as it prints one: "{"Required":{"NodeSelectorTerms":null}}". `shape`
// names its members in their order, and theirs: "Required(NodeSelectorTerms(Key Operator))"; what
// is missing is null, and of a list each element has the shape.
std::string InGo(const Json* value, absl::string_view shape);

// ---- pods ----
void ValidatePodSpec(const Json& spec, const std::string& path, FieldErrors& errors);

// ---- workloads, and what may not change about them ----
void ValidateWorkload(const Resource& resource, const Json& object, FieldErrors& errors);
void ValidateWorkloadUpdate(const Resource& resource, const Json& object, const Json& live,
                            FieldErrors& errors);

// ---- everything else ----
void ValidateService(const Json& object, FieldErrors& errors);
void ValidatePlatform(const Resource& resource, const Json& object, FieldErrors& errors);
void ValidatePlatformUpdate(const Resource& resource, const Json& object, const Json& live,
                            FieldErrors& errors);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_VALIDATION_PARTS_H_
