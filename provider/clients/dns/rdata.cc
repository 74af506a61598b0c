#include "provider/clients/dns/rdata.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "provider/base/ip.h"
#include "provider/base/status.h"
#include "provider/clients/dns/name.h"

namespace charon::dns {
namespace {

using Kind = RdataField::Kind;

// What stands in one place of a value. kRest ones take all words that are left.
enum class Part {
  kIp4,
  kIp6,
  kName,
  kU8,
  kU16,
  kTag,
  kString,
  kHexRest,
  kBase64Rest,
  kTextRest,
  kParametersRest,
  kWordsRest
};

struct Shape {
  std::vector<Part> parts;
  const char* example;
};

// RFC 1035 (A, CNAME, NS, PTR, MX, TXT), 3596 (AAAA), 2782 (SRV), 8659 (CAA), 4255 (SSHFP), 6698
// (TLSA), 8162 (SMIMEA), 4034 (DS, DNSKEY), 3403 (NAPTR), 9460 (SVCB, HTTPS), 7553 (URI), 6672
// (DNAME), 1876 (LOC), 7208 (SPF).
const std::map<std::string, Shape, std::less<>>& Shapes() {
  static const auto& shapes = *new std::map<std::string, Shape, std::less<>>{
      {"A", {{Part::kIp4}, "192.0.2.10"}},
      {"AAAA", {{Part::kIp6}, "2001:db8::10"}},
      {"CAA", {{Part::kU8, Part::kTag, Part::kString}, "0 issue \"ca.example.net\""}},
      {"CNAME", {{Part::kName}, "www.example.org"}},
      {"DNAME", {{Part::kName}, "example.net"}},
      {"DNSKEY",
       {{Part::kU16, Part::kU8, Part::kU8, Part::kBase64Rest},
        "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0d..."}},
      {"DS",
       {{Part::kU16, Part::kU8, Part::kU8, Part::kHexRest},
        "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118"}},
      {"HTTPS", {{Part::kU16, Part::kName, Part::kParametersRest}, "1 . alpn=\"h2,h3\""}},
      {"LOC", {{Part::kWordsRest}, "52 22 23.000 N 4 53 32.000 E -2.00m"}},
      {"MX", {{Part::kU16, Part::kName}, "10 mail.example.org"}},
      {"NAPTR",
       {{Part::kU16, Part::kU16, Part::kString, Part::kString, Part::kString, Part::kName},
        "100 50 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.org"}},
      {"NS", {{Part::kName}, "ns1.example.net"}},
      {"PTR", {{Part::kName}, "host.example.org"}},
      {"SMIMEA", {{Part::kU8, Part::kU8, Part::kU8, Part::kHexRest}, "3 1 1 0123..."}},
      {"SPF", {{Part::kTextRest}, "\"v=spf1 -all\""}},
      {"SRV", {{Part::kU16, Part::kU16, Part::kU16, Part::kName}, "10 5 5060 sip.example.org"}},
      {"SSHFP", {{Part::kU8, Part::kU8, Part::kHexRest}, "4 2 0123..."}},
      {"SVCB", {{Part::kU16, Part::kName, Part::kParametersRest}, "1 svc.example.org port=8443"}},
      {"TLSA", {{Part::kU8, Part::kU8, Part::kU8, Part::kHexRest}, "3 1 1 0123..."}},
      {"TXT", {{Part::kTextRest}, "\"v=spf1 -all\""}},
      {"URI", {{Part::kU16, Part::kU16, Part::kString}, "10 1 \"https://example.org/\""}},
  };
  return shapes;
}

struct Word {
  std::string text;  // escapes resolved if it was quoted; as written otherwise
  bool quoted = false;
};

// "\DDD" and "\x" at text[i]; moves i to the last character of it.
absl::StatusOr<char> ReadEscape(absl::string_view text, std::size_t& i, int base) {
  const auto digit = [&](std::size_t at) {
    return at < text.size() && text[at] >= '0' && text[at] < '0' + base;
  };
  if (digit(i + 1) && digit(i + 2) && digit(i + 3)) {
    const int code =
        ((text[i + 1] - '0') * base + (text[i + 2] - '0')) * base + (text[i + 3] - '0');
    if (code > 255)
      return absl::InvalidArgumentError(absl::StrCat("\"", text.substr(i, 4), "\" is no byte"));
    i += 3;
    return static_cast<char>(code);
  }
  if (i + 1 >= text.size()) return absl::InvalidArgumentError("it ends in a backslash");
  return text[++i];
}

absl::StatusOr<std::vector<Word>> Words(absl::string_view text, int base = 10) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < text.size();) {
    if (absl::ascii_isspace(static_cast<unsigned char>(text[i]))) {
      ++i;
      continue;
    }
    Word word;
    if (text[i] == '"') {
      word.quoted = true;
      bool closed = false;
      for (++i; i < text.size(); ++i) {
        if (text[i] == '"') {
          closed = true;
          ++i;
          break;
        }
        if (text[i] == '\\') {
          CHARON_ASSIGN_OR_RETURN(const char c, ReadEscape(text, i, base));
          word.text.push_back(c);
        } else {
          word.text.push_back(text[i]);
        }
      }
      if (!closed) return absl::InvalidArgumentError("a quote is opened and not closed");
    } else {
      // Inside a word quotes are part of it (SVCB: alpn="h2,h3").
      bool inside = false;
      for (;
           i < text.size() && (inside || !absl::ascii_isspace(static_cast<unsigned char>(text[i])));
           ++i) {
        if (text[i] == '"') inside = !inside;
        word.text.push_back(text[i]);
        if (text[i] != '\\') continue;
        if (++i == text.size()) return absl::InvalidArgumentError("it ends in a backslash");
        word.text.push_back(text[i]);
      }
      if (inside) return absl::InvalidArgumentError("a quote is opened and not closed");
    }
    words.push_back(std::move(word));
  }
  return words;
}

absl::StatusOr<RdataField> ReadNumber(const std::string& text, std::uint32_t limit) {
  std::uint32_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number > limit) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a number from 0 to ", limit));
  }
  return RdataField{Kind::kNumber, absl::StrCat(number)};
}

absl::Status CheckLength(const std::string& text) {
  if (text.size() <= 255) return absl::OkStatus();
  return WithRemedy(
      absl::InvalidArgumentError(absl::StrCat("a string of it has ", text.size(),
                                              " bytes, and 255 is the most that one holds")),
      "Split it into several strings in quotes; provider::charon::txt_record(text) does.");
}

// A quote without a backslash in front.
bool HasBareQuote(absl::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') return true;
    if (text[i] == '\\') ++i;
  }
  return false;
}

// What the value of a parameter of SVCB and HTTPS is.
enum class Form { kKeys, kList, kNumber, kAddresses, kBytes };
struct ParameterKind {
  int number;  // RFC 9460, section 14.3.2
  Form form;
};

ParameterKind KindOf(absl::string_view key) {
  static const auto& known = *new std::map<std::string, ParameterKind, std::less<>>{
      {"mandatory", {0, Form::kKeys}},       {"alpn", {1, Form::kList}},
      {"no-default-alpn", {2, Form::kList}}, {"port", {3, Form::kNumber}},
      {"ipv4hint", {4, Form::kAddresses}},   {"ech", {5, Form::kBytes}},
      {"ipv6hint", {6, Form::kAddresses}},   {"dohpath", {7, Form::kBytes}},
  };
  if (const auto found = known.find(key); found != known.end()) return found->second;
  int number = 0;
  absl::string_view digits = key;
  const bool numbered = absl::ConsumePrefix(&digits, "key") && absl::SimpleAtoi(digits, &number);
  return {numbered ? number : std::numeric_limits<int>::max(), Form::kBytes};
}

// "key" or "key=value" taken apart.
std::pair<absl::string_view, absl::string_view> KeyAndValue(absl::string_view parameter) {
  return absl::StrSplit(parameter, absl::MaxSplits('=', 1));
}

// As on the wire (RFC 9460, section 2.2), where the parameters and the keys of `mandatory` are in
// the order of their numbers.
bool ComesBefore(absl::string_view a, absl::string_view b) {
  const int number_a = KindOf(KeyAndValue(a).first).number,
            number_b = KindOf(KeyAndValue(b).first).number;
  return number_a != number_b ? number_a < number_b : a < b;
}

// The value's one spelling. What is none of its form is left to the server.
std::string CanonicalParameter(Form form, absl::string_view value) {
  if (form == Form::kNumber) {
    std::uint32_t number = 0;
    return absl::SimpleAtoi(value, &number) ? absl::StrCat(number) : std::string(value);
  }
  std::vector<std::string> parts = absl::StrSplit(value, ',');
  if (form == Form::kKeys) {
    for (std::string& key : parts) absl::AsciiStrToLower(&key);
    std::sort(parts.begin(), parts.end(), ComesBefore);
  } else if (form == Form::kAddresses) {
    for (std::string& part : parts) {
      if (const auto address = IpAddress::Parse(part)) part = address->ToString();
    }
  }
  return absl::StrJoin(parts, ",");
}

// "key" or "key=value", the value in plain bytes; one that is empty is none.
absl::StatusOr<std::string> ReadParameter(const Word& word) {
  const std::size_t equals = word.text.find('=');
  const std::string key = absl::AsciiStrToLower(word.text.substr(0, equals));
  const bool plain = !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
  if (word.quoted || !plain) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", word.text, "\" is no parameter such as port=443"));
  }
  if (equals == std::string::npos) return key;
  absl::string_view value = absl::string_view(word.text).substr(equals + 1);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  if (HasBareQuote(value))
    return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" has a quote inside its value"));
  CHARON_ASSIGN_OR_RETURN(const std::string bytes, UnquoteText(value));
  if (bytes.empty()) return key;
  return absl::StrCat(key, "=", CanonicalParameter(KindOf(key).form, bytes));
}

// The text of a TXT record: one in quotes or several, or all of `text` without any.
absl::StatusOr<RdataField> ReadText(absl::string_view text) {
  std::string joined;
  if (!absl::StartsWith(absl::StripAsciiWhitespace(text), "\"")) {
    CHARON_ASSIGN_OR_RETURN(joined, UnquoteText(text));
    CHARON_RETURN_IF_ERROR(CheckLength(joined));
    return RdataField{Kind::kText, std::move(joined)};
  }
  CHARON_ASSIGN_OR_RETURN(const std::vector<Word> words, Words(text));
  for (const Word& word : words) {
    if (!word.quoted)
      return absl::InvalidArgumentError(
          absl::StrCat("\"", word.text, "\" stands outside the quotes"));
    CHARON_RETURN_IF_ERROR(CheckLength(word.text));
    joined += word.text;
  }
  return RdataField{Kind::kText, std::move(joined)};
}

absl::StatusOr<RdataField> ReadAddress(const std::string& word, bool v6) {
  const std::optional<IpAddress> address = IpAddress::Parse(word);
  if (!address || address->v6 != v6) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", word, "\" is not an ", v6 ? "IPv6" : "IPv4", " address"));
  }
  return RdataField{Kind::kAddress, address->ToString()};
}

absl::StatusOr<RdataField> ReadTag(const std::string& word) {
  if (word.empty()) return absl::InvalidArgumentError("the tag is empty");
  for (const char c : word) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(
          absl::StrCat("the tag \"", word, "\" has other characters than letters and digits"));
    }
  }
  return RdataField{Kind::kWord, absl::AsciiStrToLower(word)};
}

absl::StatusOr<RdataField> ReadString(const Word& word) {
  std::string bytes = word.text;
  if (!word.quoted) {
    CHARON_ASSIGN_OR_RETURN(bytes, UnquoteText(word.text));
  }
  CHARON_RETURN_IF_ERROR(CheckLength(bytes));
  return RdataField{Kind::kText, std::move(bytes)};
}

// A part that is one word; a word that is missing is empty.
absl::StatusOr<RdataField> ReadPart(Part part, const Word& word) {
  switch (part) {
    case Part::kIp4:
      return ReadAddress(word.text, /*v6=*/false);
    case Part::kIp6:
      return ReadAddress(word.text, /*v6=*/true);
    case Part::kName: {
      CHARON_ASSIGN_OR_RETURN(std::string name, CanonicalName(word.text));
      return RdataField{Kind::kName, std::move(name)};
    }
    case Part::kU8:
      return ReadNumber(word.text, 255);
    case Part::kU16:
      return ReadNumber(word.text, 65535);
    case Part::kTag:
      return ReadTag(word.text);
    case Part::kString:
      return ReadString(word);
    default:
      return absl::InternalError("a part of several words");
  }
}

bool IsRest(Part part) {
  return part == Part::kHexRest || part == Part::kBase64Rest || part == Part::kParametersRest ||
         part == Part::kWordsRest;
}

// A part that is all words that are left.
absl::StatusOr<std::vector<RdataField>> ReadRest(Part part, absl::Span<const Word> words) {
  std::vector<RdataField> fields;
  if (part == Part::kParametersRest) {
    std::vector<std::string> parameters;
    for (const Word& word : words) {
      CHARON_ASSIGN_OR_RETURN(std::string parameter, ReadParameter(word));
      parameters.push_back(std::move(parameter));
    }
    std::sort(parameters.begin(), parameters.end(), ComesBefore);
    for (std::string& parameter : parameters)
      fields.push_back({Kind::kParameter, std::move(parameter)});
    return fields;
  }
  std::vector<std::string> texts;
  for (const Word& word : words) {
    if (part == Part::kWordsRest && word.quoted)
      return absl::InvalidArgumentError(absl::StrCat("\"", word.text, "\" stands in quotes"));
    texts.push_back(word.text);
  }
  if (part == Part::kWordsRest) return {{RdataField{Kind::kWord, absl::StrJoin(texts, " ")}}};
  std::string digits = absl::StrJoin(texts, "");
  if (part == Part::kHexRest) {
    absl::AsciiStrToLower(&digits);
    const bool hex = std::all_of(digits.begin(), digits.end(),
                                 [](unsigned char c) { return absl::ascii_isxdigit(c); });
    if (!hex || digits.empty() || digits.size() % 2 != 0)
      return absl::InvalidArgumentError(absl::StrCat("\"", digits, "\" is not hexadecimal"));
    return {{RdataField{Kind::kHex, std::move(digits)}}};
  }
  std::string bytes;
  if (!absl::Base64Unescape(digits, &bytes) || bytes.empty())
    return absl::InvalidArgumentError(absl::StrCat("\"", digits, "\" is not base64"));
  return {{RdataField{Kind::kBase64, absl::Base64Escape(bytes)}}};
}

absl::StatusOr<Rdata> Read(const Shape& shape, absl::string_view text) {
  Rdata rdata;
  if (shape.parts.front() == Part::kTextRest) {
    CHARON_ASSIGN_OR_RETURN(RdataField field, ReadText(text));
    rdata.fields.push_back(std::move(field));
    return rdata;
  }
  CHARON_ASSIGN_OR_RETURN(const std::vector<Word> words, Words(text));
  const std::size_t least =
      shape.parts.size() - (shape.parts.back() == Part::kParametersRest ? 1 : 0);
  if (words.size() < least)
    return absl::InvalidArgumentError(
        absl::StrCat("it has ", words.size(), " parts and needs ", least));
  std::size_t next = 0;
  for (const Part part : shape.parts) {
    if (IsRest(part)) {
      CHARON_ASSIGN_OR_RETURN(
          std::vector<RdataField> fields,
          ReadRest(part, absl::MakeConstSpan(words).subspan(std::min(next, words.size()))));
      for (RdataField& field : fields) rdata.fields.push_back(std::move(field));
      next = words.size();
    } else {
      CHARON_ASSIGN_OR_RETURN(RdataField field,
                              ReadPart(part, next < words.size() ? words[next] : Word()));
      rdata.fields.push_back(std::move(field));
      ++next;
    }
  }
  if (next < words.size()) {
    return absl::InvalidArgumentError(absl::StrCat("it has ", words.size(), " parts where ",
                                                   shape.parts.size(), " are expected"));
  }
  return rdata;
}

std::string Escaped(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < ' ' || byte >= 0x7f) {
      absl::StrAppend(&out, absl::StrFormat("\\%03d", byte));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

std::string WriteParameter(const std::string& parameter, Parameters spelling) {
  const auto [key, value] = KeyAndValue(parameter);
  const bool numbered = absl::StartsWith(key, "key");
  if (value.empty())
    return spelling == Parameters::kPowerDns && numbered ? absl::StrCat(key, "=\"\"") : parameter;
  const std::string quoted = Escaped(value);
  const bool in_quotes = spelling == Parameters::kQuoted || KindOf(key).form == Form::kBytes ||
                         absl::StrContains(value, ' ');
  return absl::StrCat(key, "=",
                      in_quotes ? quoted : absl::string_view(quoted).substr(1, quoted.size() - 2));
}

}  // namespace

const std::vector<std::string>& KnownTypes() {
  static const auto& types = *[] {
    auto* names = new std::vector<std::string>;
    for (const auto& [type, shape] : Shapes()) names->push_back(type);
    return names;
  }();
  return types;
}

absl::StatusOr<Rdata> ParseRdata(absl::string_view type, absl::string_view text) {
  const auto known = Shapes().find(type);
  if (known == Shapes().end())
    return absl::InvalidArgumentError(
        absl::StrCat("values of the type ", type, " cannot be written here"));
  const Shape& shape = known->second;
  if (absl::StripAsciiWhitespace(text).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a value is empty; one of ", type, " looks like ", shape.example));
  }
  absl::StatusOr<Rdata> rdata = Read(shape, text);
  if (rdata.ok()) return rdata;
  std::string shown(text.substr(0, 80));
  if (text.size() > 80) shown += "...";
  absl::Status status = absl::InvalidArgumentError(
      absl::StrCat("'", shown, "' is not a value of ", type, ": ", rdata.status().message(),
                   ". One looks like ", shape.example));
  if (const auto remedy = RemedyOf(rdata.status())) status = WithRemedy(std::move(status), *remedy);
  return status;
}

std::string WriteRdata(absl::string_view /*type*/, const Rdata& rdata, Dots dots,
                       Parameters parameters) {
  std::vector<std::string> words;
  for (const RdataField& field : rdata.fields) {
    switch (field.kind) {
      case Kind::kText:
        words.push_back(QuoteText(field.text));
        break;
      case Kind::kName:
        words.push_back(field.text.empty()        ? "."
                        : dots == Dots::kAbsolute ? field.text + "."
                                                  : field.text);
        break;
      case Kind::kParameter:
        words.push_back(WriteParameter(field.text, parameters));
        break;
      default:
        words.push_back(field.text);
    }
  }
  return absl::StrJoin(words, " ");
}

std::string CanonicalRdata(absl::string_view type, absl::string_view text) {
  if (Shapes().find(type) == Shapes().end()) return std::string(text);
  // Strings longer than one holds are for the writer to refuse, not for the comparison.
  if (type == "TXT" || type == "SPF") {
    const absl::StatusOr<std::string> bytes = UnquoteText(text);
    return bytes.ok() ? QuoteText(*bytes) : std::string(text);
  }
  const absl::StatusOr<Rdata> rdata = ParseRdata(type, text);
  return rdata.ok() ? WriteRdata(type, *rdata, Dots::kNone) : std::string(text);
}

std::string QuoteText(absl::string_view text) {
  if (text.empty()) return "\"\"";
  std::vector<std::string> strings;
  while (!text.empty()) {
    std::size_t length = std::min<std::size_t>(text.size(), 255);
    // Not in the middle of a character; text that is not UTF-8 has no such place within reach.
    if (length < text.size()) {
      std::size_t at = length;
      while (at > length - 4 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
      if (at > length - 4) length = at;
    }
    strings.push_back(Escaped(text.substr(0, length)));
    text.remove_prefix(length);
  }
  return absl::StrJoin(strings, " ");
}

absl::StatusOr<std::string> UnquoteText(absl::string_view text, bool octal_escapes) {
  const int base = octal_escapes ? 8 : 10;
  const absl::string_view stripped = absl::StripAsciiWhitespace(text);
  std::string joined;
  if (absl::StartsWith(stripped, "\"")) {
    CHARON_ASSIGN_OR_RETURN(const std::vector<Word> words, Words(stripped, base));
    for (const Word& word : words) joined += word.text;
    return joined;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      joined.push_back(text[i]);
      continue;
    }
    CHARON_ASSIGN_OR_RETURN(const char c, ReadEscape(text, i, base));
    joined.push_back(c);
  }
  return joined;
}

}  // namespace charon::dns
