#include "provider/clients/dns/name.h"

#include <utf8proc.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"

namespace charon::dns {
namespace {

absl::Status Bad(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not a domain name: ", why));
}

// RFC 3492, sections 5 and 6.
std::string Punycode(const std::vector<std::int32_t>& points) {
  constexpr std::int64_t kBase = 36, kMin = 1, kMax = 26, kSkew = 38, kDamp = 700;
  const auto digit = [](std::int64_t d) {
    return static_cast<char>(d < 26 ? 'a' + d : '0' + (d - 26));
  };
  std::string out;
  for (const std::int32_t point : points) {
    if (point < 0x80) out.push_back(static_cast<char>(point));
  }
  const auto basic = static_cast<std::int64_t>(out.size());
  std::int64_t handled = basic, n = 0x80, delta = 0, bias = 72;
  if (basic > 0) out.push_back('-');
  while (handled < static_cast<std::int64_t>(points.size())) {
    std::int64_t next = INT64_MAX;
    for (const std::int32_t point : points) {
      if (point >= n && point < next) next = point;
    }
    delta += (next - n) * (handled + 1);
    n = next;
    for (const std::int32_t point : points) {
      if (point < n) ++delta;
      if (point != n) continue;
      std::int64_t q = delta;
      for (std::int64_t k = kBase;; k += kBase) {
        const std::int64_t t = k <= bias ? kMin : k >= bias + kMax ? kMax : k - bias;
        if (q < t) break;
        out.push_back(digit(t + (q - t) % (kBase - t)));
        q = (q - t) / (kBase - t);
      }
      out.push_back(digit(q));
      std::int64_t step = handled == basic ? delta / kDamp : delta / 2;
      step += step / (handled + 1);
      std::int64_t k = 0;
      for (; step > (kBase - kMin) * kMax / 2; k += kBase) step /= kBase - kMin;
      bias = k + (kBase - kMin + 1) * step / (step + kSkew);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++n;
  }
  return out;
}

// A label with letters beyond ASCII, as its A-label.
absl::StatusOr<std::string> ToAscii(absl::string_view whole, const std::string& label) {
  utf8proc_uint8_t* folded =
      utf8proc_NFKC_Casefold(reinterpret_cast<const utf8proc_uint8_t*>(label.c_str()));
  if (folded == nullptr) return Bad(whole, "it is not UTF-8");
  const std::string text(reinterpret_cast<char*>(folded));
  std::free(folded);
  std::vector<std::int32_t> points;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  bool ascii = true;
  while (left > 0) {
    utf8proc_int32_t point = 0;
    const utf8proc_ssize_t used = utf8proc_iterate(bytes, left, &point);
    if (used <= 0) return Bad(whole, "it is not UTF-8");
    points.push_back(point);
    ascii = ascii && point < 0x80;
    bytes += used;
    left -= used;
  }
  // Compatible forms of nothing, of a dot and of a blank (U+00AD, U+FF0E, U+00A0) would make
  // another name of it.
  if (points.empty()) return Bad(whole, "it has a label without a visible character");
  for (const std::int32_t point : points) {
    if (point <= ' ' || point == '.' || point == 0x7f)
      return Bad(whole, "it has a character that stands for a dot or a blank");
  }
  // Each takes a byte at least, and the code below much more time.
  if (points.size() > 63)
    return Bad(whole, absl::StrCat("a label of it has ", points.size(),
                                   " characters, and at most 63 bytes fit"));
  return ascii ? text : "xn--" + Punycode(points);
}

bool NeedsEscape(unsigned char c) {
  return c <= ' ' || c >= 0x7f || c == '.' || c == '\\' || c == '"' || c == ';' || c == '(' ||
         c == ')' || c == '@' || c == '$';
}

}  // namespace

absl::StatusOr<std::string> CanonicalName(absl::string_view text, Escapes escapes) {
  if (text == ".") return std::string();
  if (text.empty()) return absl::InvalidArgumentError("the name is empty");
  std::vector<std::string> labels(1);   // as bytes
  std::vector<bool> escaped(1, false);  // such a label is not Unicode to fold
  bool ended = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (ended) {
      labels.emplace_back();
      escaped.push_back(false);
      ended = false;
    }
    const char c = text[i];
    if (c == '.') {
      if (labels.back().empty())
        return Bad(text, "it has an empty label (two dots in a row, or one at the start)");
      ended = true;
    } else if (c == '\\') {
      escaped.back() = true;
      if (i + 3 < text.size() && absl::ascii_isdigit(text[i + 1]) &&
          absl::ascii_isdigit(text[i + 2]) && absl::ascii_isdigit(text[i + 3])) {
        const absl::string_view digits = text.substr(i + 1, 3);
        const int base = escapes == Escapes::kOctal || digits == "052" ? 8 : 10;
        int code = 0;
        for (const char d : digits) {
          if (d - '0' >= base) return Bad(text, absl::StrCat("\"\\", digits, "\" is no escape"));
          code = code * base + (d - '0');
        }
        if (code > 255) return Bad(text, absl::StrCat("\"\\", digits, "\" is no byte"));
        labels.back().push_back(static_cast<char>(code));
        i += 3;
      } else if (i + 1 < text.size()) {
        labels.back().push_back(text[++i]);
      } else {
        return Bad(text, "it ends in a backslash");
      }
    } else if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) {
      return Bad(text, "it contains a blank or a control character");
    } else {
      labels.back().push_back(c);
    }
  }
  std::size_t wire = 1;
  std::vector<std::string> written;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::string label = labels[i];
    bool ascii = true;
    for (const char c : label) ascii = ascii && static_cast<unsigned char>(c) < 0x80;
    if (!ascii && !escaped[i]) {
      CHARON_ASSIGN_OR_RETURN(label, ToAscii(text, label));
    }
    absl::AsciiStrToLower(&label);
    if (label.size() > 63)
      return Bad(text, absl::StrCat("the label \"", label, "\" has ", label.size(),
                                    " bytes, at most 63 fit"));
    wire += label.size() + 1;
    std::string out;
    for (const char c : label) {
      if (NeedsEscape(static_cast<unsigned char>(c))) {
        absl::StrAppend(&out, absl::StrFormat("\\%03d", static_cast<unsigned char>(c)));
      } else {
        out.push_back(c);
      }
    }
    written.push_back(std::move(out));
  }
  if (wire > 255) return Bad(text, "it has more than 253 bytes");
  return absl::StrJoin(written, ".");
}

absl::StatusOr<std::string> CanonicalHost(absl::string_view text) {
  CHARON_ASSIGN_OR_RETURN(std::string name, CanonicalName(text));
  if (absl::StrContains(name, '/') && !IsInside(name, "in-addr.arpa") &&
      !IsInside(name, "ip6.arpa"))
    return Bad(text, "it contains a \"/\", which only reverse zones have");
  return name;
}

bool IsInside(absl::string_view name, absl::string_view zone) {
  if (zone.empty() || name == zone) return true;
  // A dot that is part of a label is written "\046", so a plain one ends a label.
  return name.size() > zone.size() && absl::EndsWith(name, zone) &&
         name[name.size() - zone.size() - 1] == '.';
}

bool SameName(absl::string_view a, absl::string_view b) {
  const absl::StatusOr<std::string> x = CanonicalName(a), y = CanonicalName(b);
  return x.ok() && y.ok() && *x == *y;
}

}  // namespace charon::dns
