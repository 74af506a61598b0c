#include "provider/operations/generate_value.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "provider/base/random.h"
#include "provider/base/status.h"

namespace charon::operations {
namespace {

constexpr absl::string_view kAlphanumeric =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr absl::string_view kPassword =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~!*";

}  // namespace

absl::StatusOr<std::string> GenerateValue(absl::string_view kind, std::int64_t length) {
  const auto size = static_cast<std::size_t>(length);
  if (kind == "alphanumeric") return RandomText(size, kAlphanumeric);
  if (kind == "password") return RandomText(size, kPassword);
  if (kind == "hex") return RandomText(size, "0123456789abcdef");
  if (kind == "base64") {
    CHARON_ASSIGN_OR_RETURN(const std::string bytes, RandomBytes(size));
    return absl::Base64Escape(bytes);
  }
  if (kind == "uuid") {
    CHARON_ASSIGN_OR_RETURN(std::string bytes, RandomBytes(16));
    bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);  // version 4
    bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);  // variant of RFC 9562
    const std::string hex = absl::BytesToHexString(bytes);
    return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                        hex.substr(16, 4), "-", hex.substr(20));
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", kind, "\" is no kind of generated value"));
}

}  // namespace charon::operations
