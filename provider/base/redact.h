// Secrets must not reach a log or a message.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace charon {

inline constexpr absl::string_view kRedacted = "(redacted)";

// Marks what contains it as something with secrets in it, such as an object of which values are
// write-only: no process logs a body with it, also one that does not know the values.
inline constexpr char kSecretsInside[] = "charon.internal/write-only";

// Registers a value that no log line and no diagnostic may contain from now on (a token, a
// password, a key). Values shorter than six bytes are not registered: replacing them would
// hide half of every line. Thread-safe.
void RegisterSecret(absl::string_view secret);

// `text` with every registered secret, in plain, base64 and URL-escaped form, and everything that
// follows "Authorization:", "Bearer " or a PEM private key header replaced by kRedacted.
std::string Redact(absl::string_view text);

}  // namespace charon
