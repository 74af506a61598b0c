#include "provider/clients/kubernetes/secret_digest.h"

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "openssl/evp.h"
#include "openssl/hmac.h"

namespace charon::kubernetes {

std::string SecretDigest(const Json& secret) {
  const std::string key = Text(secret, "metadata.uid");
  if (key.empty()) return "";
  const Json& data = Field(secret, "data");
  const std::string text = data.is_object() ? data.dump() : "{}";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest.data()), 8));
}

}  // namespace charon::kubernetes
