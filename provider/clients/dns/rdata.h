// Record data in presentation form (RFC 1035 section 5.1 and the documents of each type), read
// strictly and compared by what it means.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon::dns {

// The parts of a value in their one spelling. Names are canonical (name.h), texts are plain bytes;
// a parameter is "key" or "key=value", the value in plain bytes.
struct RdataField {
  enum class Kind { kAddress, kNumber, kName, kWord, kText, kHex, kBase64, kParameter };
  Kind kind = Kind::kWord;
  std::string text;
  bool operator==(const RdataField&) const = default;
};
struct Rdata {
  std::vector<RdataField> fields;
};

// The types that ParseRdata knows: "A", "AAAA", ...
const std::vector<std::string>& KnownTypes();

// InvalidArgument, quoting the part at fault and showing a right one, if `text` is no value of that
// type, or the type is not known. Text of TXT without quotes is one string, blanks included;
// several strings of a TXT count as the one text that they are when joined, but each may have 255
// bytes at most.
absl::StatusOr<Rdata> ParseRdata(absl::string_view type, absl::string_view text);

// How the names in a value end.
enum class Dots { kAbsolute, kNone };

// How the values of parameters (SVCB, HTTPS) stand: in quotes; or as PowerDNS writes them, which
// takes no other spelling: in quotes where a blank is inside, where a key has no name but a number,
// and always for `ech` (pdns/dnswriter.cc and rcpgenerator.cc of 4.7).
enum class Parameters { kQuoted, kPowerDns };

// A value in presentation form again. Texts of more than 255 bytes are split.
std::string WriteRdata(absl::string_view type, const Rdata& rdata, Dots dots,
                       Parameters parameters = Parameters::kQuoted);

// WriteRdata of ParseRdata, or the text itself where that fails: servers hold what we would refuse.
std::string CanonicalRdata(absl::string_view type, absl::string_view text);

// A text as one TXT value: strings of at most 255 bytes in quotes, split between characters of
// UTF-8, `"` and `\` escaped, bytes that do not print as "\DDD".
std::string QuoteText(absl::string_view text);

// The bytes that strings in quotes (or a bare text) stand for when joined. Octal escapes are Route
// 53's.
absl::StatusOr<std::string> UnquoteText(absl::string_view text, bool octal_escapes = false);

}  // namespace charon::dns
