#include "provider/value/text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "provider/value/msgpack.h"

namespace charon {
namespace {

constexpr auto kCompose = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);

// Bytes of `text` before the first one that is not ASCII.
std::size_t AsciiPrefix(absl::string_view text) {
  std::size_t i = 0;
  for (; i + sizeof(std::uint64_t) <= text.size(); i += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, sizeof word);
    if ((word & 0x8080808080808080u) != 0) break;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i;
}

// The first code point, or a negative number if the bytes are not UTF-8; `size` is its length.
std::int32_t FirstCodePoint(absl::string_view text, std::size_t& size) {
  utf8proc_int32_t code_point = -1;
  const utf8proc_ssize_t length =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  if (length <= 0) return -1;
  size = static_cast<std::size_t>(length);
  return code_point;
}

// True if composition can neither change this code point nor join it with one before it. Not all
// such code points are found; below U+0300 all are (Unicode Standard Annex 15, section 9).
bool IsInert(std::int32_t code_point) {
  if (code_point < 0x300) return true;
  // Hangul syllables are composed by computation, so the tables do not know their parts.
  if (code_point >= 0x1100 && code_point <= 0x11ff) return false;
  constexpr std::uint16_t kNone = std::numeric_limits<std::uint16_t>::max();
  const utf8proc_property_t* property = utf8proc_get_property(code_point);
  return property->combining_class == 0 && property->decomp_seqindex == kNone &&
         property->comb_index == kNone;
}

enum class Form { kInvalid, kNormal, kPerhapsNot };

Form FormOf(absl::string_view text) {
  Form form = Form::kNormal;
  text.remove_prefix(AsciiPrefix(text));
  while (!text.empty()) {
    std::size_t size = 0;
    const std::int32_t code_point = FirstCodePoint(text, size);
    if (code_point < 0) return Form::kInvalid;
    if (!IsInert(code_point)) form = Form::kPerhapsNot;
    text.remove_prefix(size);
    text.remove_prefix(AsciiPrefix(text));
  }
  return form;
}

// Sorts each run of combining marks by class. utf8proc does it too, by swapping neighbours: a
// megabyte of marks would take it minutes. Sorted by us first, it finds nothing to swap.
void SortMarks(std::vector<utf8proc_int32_t>& code_points) {
  const auto mark_class = [](utf8proc_int32_t code_point) {
    return utf8proc_get_property(code_point)->combining_class;
  };
  for (auto it = code_points.begin(); it != code_points.end();) {
    if (mark_class(*it) == 0) {
      ++it;
      continue;
    }
    const auto end =
        std::find_if(it, code_points.end(), [&](utf8proc_int32_t c) { return mark_class(c) == 0; });
    std::stable_sort(it, end, [&](utf8proc_int32_t a, utf8proc_int32_t b) {
      return mark_class(a) < mark_class(b);
    });
    it = end;
  }
}

// REQUIRES: `text` is UTF-8.
void AppendComposed(absl::string_view text, std::string& out) {
  // No code point has more than four parts (Unicode Standard Annex 15, section 12.2).
  constexpr std::size_t kMaxDecomposition = 4;
  std::vector<utf8proc_int32_t> code_points;
  code_points.reserve(text.size());
  while (!text.empty()) {
    std::size_t size = 0;
    const std::int32_t code_point = FirstCodePoint(text, size);
    text.remove_prefix(size);
    utf8proc_int32_t parts[kMaxDecomposition];
    int boundary = 0;
    const utf8proc_ssize_t count = utf8proc_decompose_char(
        code_point, parts, kMaxDecomposition,
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), &boundary);
    code_points.insert(code_points.end(), parts, parts + std::max<utf8proc_ssize_t>(count, 0));
  }
  SortMarks(code_points);
  const utf8proc_ssize_t length = utf8proc_normalize_utf32(
      code_points.data(), static_cast<utf8proc_ssize_t>(code_points.size()), kCompose);
  for (utf8proc_ssize_t i = 0; i < length; ++i) {
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t size =
        utf8proc_encode_char(code_points[static_cast<std::size_t>(i)], bytes);
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  text.remove_prefix(AsciiPrefix(text));
  while (!text.empty()) {
    std::size_t size = 0;
    if (FirstCodePoint(text, size) < 0) return false;
    text.remove_prefix(size);
    text.remove_prefix(AsciiPrefix(text));
  }
  return true;
}

bool AppendNfc(absl::string_view text, std::string& out) {
  switch (FormOf(text)) {
    case Form::kInvalid:
      return false;
    case Form::kNormal:
      out.append(text.data(), text.size());
      return true;
    case Form::kPerhapsNot:
      AppendComposed(text, out);
      return true;
  }
  return false;
}

void AppendJsonString(absl::string_view text, std::string& json) {
  constexpr char kHex[] = "0123456789abcdef";
  json += '"';
  std::size_t done = 0;  // What needs no escape is appended in one piece.
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    json.append(text.data() + done, i - done);
    done = i + 1;
    json += '\\';
    switch (c) {
      case '"':
        json += '"';
        break;
      case '\\':
        json += '\\';
        break;
      case '\n':
        json += 'n';
        break;
      case '\r':
        json += 'r';
        break;
      case '\t':
        json += 't';
        break;
      default:
        json += "u00";
        json += kHex[c >> 4];
        json += kHex[c & 0xf];
    }
  }
  json.append(text.data() + done, text.size() - done);
  json += '"';
}

absl::StatusOr<std::string> NormalizeNfc(absl::string_view text) {
  std::string normal;
  if (!AppendNfc(text, normal)) return absl::InvalidArgumentError("the text is not valid UTF-8");
  return normal;
}

}  // namespace charon
