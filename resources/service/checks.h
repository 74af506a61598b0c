// Rules for the values of a service that Kubernetes states once and for all: what breaks them would
// be refused in the middle of an apply.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "provider/schema/checks.h"

namespace charon::service {

inline absl::Status Invalid(absl::string_view message) {
  return absl::InvalidArgumentError(message);
}

// The name of a port, or a number from 1 to 65535.
Check PortText();
// A network in CIDR notation; `or_local`: or `local`.
Check Network(bool or_local = false);
Check IpText();
// A name of an environment variable: printable ASCII without "=" (Kubernetes 1.34 and later;
// before, letters, digits and "-._" that do not begin with a digit).
Check EnvName();
// A key of a Secret or ConfigMap: 1 to 253 of letters, digits and "-._", neither "." nor beginning
// with "..".
Check DataKey();
// `secret/key`, of an environment variable.
Check SecretReference();
// With its padding and without spaces (Go's encoding/base64, StdEncoding).
bool IsBase64(absl::string_view text);
// Five fields, or a word such as `@daily`; what the fields say is left to the server.
Check CronSchedule();
// What the downward API offers as an environment variable: a field of the pod, or a resource of the
// container.
Check PodField();
// Of a list or set; `otherwise` says what to do instead, as a sentence.
Check NotEmpty(std::string otherwise);

}  // namespace charon::service
