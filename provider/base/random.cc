#include "provider/base/random.h"

#include <sys/random.h>

#include <cerrno>

#include "provider/base/status.h"

namespace charon {

absl::StatusOr<std::string> RandomBytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::getrandom(bytes.data() + filled, size - filled, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return absl::UnavailableError("the kernel gives no random numbers");
    }
    filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

absl::StatusOr<std::string> RandomText(std::size_t length, absl::string_view alphabet) {
  // Bytes past the last whole multiple of the alphabet would favour its first characters.
  const std::size_t limit = 256 - 256 % alphabet.size();
  std::string text;
  text.reserve(length);
  while (text.size() < length) {
    CHARON_ASSIGN_OR_RETURN(const std::string bytes, RandomBytes(length - text.size() + 16));
    for (const char c : bytes) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < limit && text.size() < length) text.push_back(alphabet[byte % alphabet.size()]);
    }
  }
  return text;
}

}  // namespace charon
