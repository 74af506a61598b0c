// A fingerprint of a Secret's values that gives nothing away.
#pragma once

#include <string>

#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

// HMAC-SHA-256 of the Secret's data, keyed with its uid, as 16 hexadecimal digits. The uid is
// random and only the cluster knows it, so that the digest may stand in state: without it no value
// can be guessed, and a Secret that was made anew has another digest. "" if `secret` has no uid.
std::string SecretDigest(const Json& secret);

}  // namespace charon::kubernetes
