#include "provider/clients/kubernetes/utf8.h"

namespace charon::kubernetes::internal {

std::size_t SequenceLength(absl::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return 0;
  for (std::size_t i = at + 1; i < at + length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(at + 1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return length;
}

std::string Excerpt(absl::string_view text, std::size_t most) {
  std::string excerpt;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = SequenceLength(text, at);
    if (excerpt.size() + (length == 0 ? 1 : length) > most) return excerpt.append("...");
    if (length == 0) {
      excerpt.push_back('?');
      ++at;
    } else {
      excerpt.append(text.data() + at, length);
      at += length;
    }
  }
  return excerpt;
}

}  // namespace charon::kubernetes::internal
