#include "provider/schema/checks.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "provider/base/duration.h"
#include "provider/base/status.h"

namespace charon {
namespace {

absl::Status Invalid(absl::string_view message) { return absl::InvalidArgumentError(message); }

// [a-z0-9]([-a-z0-9]*[a-z0-9])?
bool IsLabelSyntax(absl::string_view text) {
  auto alnum = [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c));
  };
  return !text.empty() && alnum(text.front()) && alnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return alnum(c) || c == '-'; });
}

bool IsLabel(absl::string_view text) { return text.size() <= 63 && IsLabelSyntax(text); }

bool IsSubdomain(absl::string_view text) {
  if (text.size() > 253) return false;
  // Only the whole is limited in length, as the API server has it.
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  return std::all_of(parts.begin(), parts.end(), IsLabelSyntax);
}

bool IsQualifiedName(absl::string_view text) {
  auto alnum = [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); };
  return !text.empty() && text.size() <= 63 && alnum(text.front()) && alnum(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; });
}

std::string TooLong(absl::string_view text, std::size_t most) {
  return text.size() > most
             ? absl::StrCat(" (it has ", text.size(), " characters, ", most, " is the most)")
             : "";
}

std::string Quoted(const std::vector<std::string>& names) {
  return absl::StrJoin(names, ", ", [](std::string* out, const std::string& name) {
    absl::StrAppend(out, "\"", name, "\"");
  });
}

// How many of `names` are set, and how many may be (unknown).
std::pair<int, int> CountSet(const std::vector<std::string>& names, const Value& object) {
  int set = 0, unknown = 0;
  for (const std::string& name : names) {
    const Value& value = object[name];
    if (value.IsUnknown()) {
      ++unknown;
    } else if (!value.IsNull()) {
      ++set;
    }
  }
  return {set, unknown};
}

}  // namespace

Check TextRule(absl::string_view text, std::function<absl::Status(absl::string_view)> run) {
  return Check{std::string(text),
               [run = std::move(run)](const Value& value) { return run(value.string()); }};
}

Check LengthBetween(std::size_t min, std::size_t max) {
  return TextRule(
      absl::StrCat("has ", min, " to ", max, " characters"), [=](absl::string_view text) {
        if (text.size() >= min && text.size() <= max) return absl::OkStatus();
        return Invalid(
            absl::StrCat("must have ", min, " to ", max, " characters, not ", text.size()));
      });
}

Check Between(std::int64_t min, std::int64_t max) {
  return Check{absl::StrCat("lies between ", min, " and ", max), [=](const Value& value) {
                 if (value.number() >= Number(min) && value.number() <= Number(max))
                   return absl::OkStatus();
                 return Invalid(absl::StrCat("must lie between ", min, " and ", max, ", not ",
                                             value.number().ToString()));
               }};
}

Check OneOf(std::vector<std::string> values) {
  const std::string list = Quoted(values);
  return TextRule(absl::StrCat("is one of ", list),
                  [values = std::move(values), list](absl::string_view text) {
                    if (std::find(values.begin(), values.end(), text) != values.end())
                      return absl::OkStatus();
                    return Invalid(absl::StrCat("must be one of ", list, ", not \"", text, "\""));
                  });
}

Check DnsLabel() {
  return TextRule("is a DNS label (RFC 1123)", [](absl::string_view text) {
    if (IsLabel(text)) return absl::OkStatus();
    return Invalid(absl::StrCat(
        "\"", text,
        "\" is no DNS label: use 1 to 63 lower case letters, digits and \"-\", starting "
        "and ending with a letter or digit",
        TooLong(text, 63)));
  });
}

Check DnsSubdomain() {
  return TextRule("is a DNS subdomain (RFC 1123)", [](absl::string_view text) {
    if (IsSubdomain(text)) return absl::OkStatus();
    return Invalid(absl::StrCat(
        "\"", text,
        "\" is no DNS subdomain: use lower case letters, digits, \"-\" and \".\", each "
        "part starting and ending with a letter or digit",
        TooLong(text, 253)));
  });
}

Check LabelValue() {
  return TextRule("is a Kubernetes label value", [](absl::string_view text) {
    if (text.empty() || IsQualifiedName(text)) return absl::OkStatus();
    return Invalid(absl::StrCat(
        "\"", text,
        "\" is no label value: up to 63 letters, digits, \"-\", \"_\" and \".\", starting "
        "and ending with a letter or digit",
        TooLong(text, 63)));
  });
}

Check LabelKey() {
  return TextRule("is a Kubernetes label key", [](absl::string_view text) {
    const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
    const bool ok = parts.size() == 1 ? IsQualifiedName(parts[0])
                                      : IsSubdomain(parts[0]) && IsQualifiedName(parts[1]);
    if (ok) return absl::OkStatus();
    return Invalid(absl::StrCat(
        "\"", text,
        "\" is no label or annotation key: an optional DNS name and \"/\", then up to 63 "
        "letters, digits, \"-\", \"_\" and \".\""));
  });
}

Check PositiveDuration() {
  return TextRule("is a duration such as \"30s\", \"5m\" or \"1h30m\"", [](absl::string_view text) {
    CHARON_ASSIGN_OR_RETURN(const absl::Duration duration, ParseDuration(text));
    if (duration > absl::ZeroDuration()) return absl::OkStatus();
    return Invalid(absl::StrCat("\"", text, "\" must be longer than zero"));
  });
}

Check NonNegativeDuration() {
  return TextRule("is a duration such as \"30s\", \"5m\" or \"0s\"", [](absl::string_view text) {
    CHARON_ASSIGN_OR_RETURN(const absl::Duration duration, ParseDuration(text));
    if (duration >= absl::ZeroDuration()) return absl::OkStatus();
    return Invalid(absl::StrCat("\"", text, "\" must not be negative"));
  });
}

Check EachElement(Check check) {
  // Of a map of maps, too, "each is ..." is about the innermost.
  Check each{absl::StartsWith(check.text, "each ") ? check.text
                                                   : absl::StrCat("each ", check.text)};
  each.each_element = std::make_shared<const Check>(std::move(check));
  return each;
}

Check EachKey(Check check) {
  Check each{absl::StrCat("each key ", check.text)};
  each.each_key = std::make_shared<const Check>(std::move(check));
  return each;
}

ObjectRule ExactlyOneOf(std::vector<std::string> names) {
  const std::string list = Quoted(names);
  return {absl::StrCat("Exactly one of ", list, " must be set."),
          [names = std::move(names), list](const Value& object) {
            const auto [set, unknown] = CountSet(names, object);
            if (set == 1 || (set == 0 && unknown > 0)) return absl::OkStatus();
            if (set == 0) return Invalid(absl::StrCat("One of ", list, " must be set."));
            return Invalid(absl::StrCat("Only one of ", list, " may be set."));
          }};
}

ObjectRule AtLeastOneOf(std::vector<std::string> names) {
  const std::string list = Quoted(names);
  return {absl::StrCat("At least one of ", list, " must be set."),
          [names = std::move(names), list](const Value& object) {
            const auto [set, unknown] = CountSet(names, object);
            if (set > 0 || unknown > 0) return absl::OkStatus();
            return Invalid(absl::StrCat("At least one of ", list, " must be set."));
          }};
}

ObjectRule AtMostOneOf(std::vector<std::string> names) {
  const std::string list = Quoted(names);
  return {absl::StrCat("At most one of ", list, " may be set."),
          [names = std::move(names), list](const Value& object) {
            if (CountSet(names, object).first <= 1) return absl::OkStatus();
            return Invalid(absl::StrCat("Only one of ", list, " may be set."));
          }};
}

ObjectRule RequiredTogether(std::vector<std::string> names) {
  const std::string list = Quoted(names);
  return {absl::StrCat("Set all of ", list, " or none."),
          [names = std::move(names), list](const Value& object) {
            const auto [set, unknown] = CountSet(names, object);
            if (set == 0 || static_cast<std::size_t>(set + unknown) == names.size())
              return absl::OkStatus();
            return Invalid(absl::StrCat("Set all of ", list, " or none of them."));
          }};
}

ObjectRule Needs(absl::string_view name, absl::string_view other) {
  return {absl::StrCat("\"", name, "\" needs \"", other, "\"."),
          [name = std::string(name), other = std::string(other)](const Value& object) {
            if (object[name].IsNull() || object[name].IsUnknown() || !object[other].IsNull())
              return absl::OkStatus();
            return At(name, Invalid(absl::StrCat("\"", name, "\" needs \"", other,
                                                 "\" to be set as well.")));
          }};
}

ObjectRule NotWith(absl::string_view name, absl::string_view other, absl::string_view value) {
  const std::string with = absl::StrCat(other, " = \"", value, "\"");
  return {
      absl::StrCat("\"", name, "\" is not set with ", with, "."),
      [name = std::string(name), other = std::string(other), value = std::string(value),
       with](const Value& object) {
        if (!object[name].IsKnown() || !object[other].IsKnown() || object[other].string() != value)
          return absl::OkStatus();
        return At(name, Invalid(absl::StrCat("\"", name, "\" means nothing with ", with,
                                             ": remove it.")));
      }};
}

}  // namespace charon
