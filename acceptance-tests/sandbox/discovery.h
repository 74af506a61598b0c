// What the server says about itself: versions, groups, resources, OpenAPI.

#ifndef ACCEPTANCE_TESTS_SANDBOX_DISCOVERY_H_
#define ACCEPTANCE_TESTS_SANDBOX_DISCOVERY_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "json.h"
#include "kinds.h"

namespace charon::sandbox {

// The Kubernetes version the sandbox plays.
inline constexpr char kKubernetesVersion[] = "v1.36.3";

Json VersionInfo();
Json ApiVersions();                      // /api
Json GroupList(const KindTable& kinds);  // /apis
std::optional<Json> GroupInfo(const KindTable& kinds, absl::string_view group);
std::optional<Json> ResourceList(const KindTable& kinds, absl::string_view group,
                                 absl::string_view version);
// The aggregated form of /api (core) or /apis.
Json AggregatedDiscovery(const KindTable& kinds, bool core, absl::string_view version);

// /openapi/v2, in JSON or protobuf, without definitions. kubectl asks for it before it sends a List
// and checks what is defined; here all is left to the server.
std::string OpenApiV2(bool protobuf);
// /openapi/v3 and the document of one group version.
Json OpenApiIndex(const KindTable& kinds);
std::optional<Json> OpenApiDocument(const KindTable& kinds, absl::string_view group,
                                    absl::string_view version);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_DISCOVERY_H_
