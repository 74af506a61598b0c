// Rules for Field(...).Check(...) and for whole objects.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "provider/schema/schema.h"

namespace charon {

// Texts of `min` to `max` bytes.
Check LengthBetween(std::size_t min, std::size_t max);
// Numbers of that closed range.
Check Between(std::int64_t min, std::int64_t max);
// One of a short closed set.
Check OneOf(std::vector<std::string> values);
// RFC 1123 label: 1 to 63 of a-z, 0-9 and "-", starting and ending with a letter or digit
// (Kubernetes "Object Names and IDs").
Check DnsLabel();
// RFC 1123 subdomain: labels joined by dots, 253 at most in all (a single label may have more than
// 63, as in the API server).
Check DnsSubdomain();
// A Kubernetes label value: empty, or up to 63 of letters, digits, "-_.".
Check LabelValue();
// A label or annotation key: optional DNS prefix and "/", name of up to 63.
Check LabelKey();
// Go's duration syntax, positive: "30s", "5m", "1h30m".
Check PositiveDuration();
// The same, or "0s".
Check NonNegativeDuration();
// Every element of a list or set, every value of a map.
Check EachElement(Check check);
// Every key of a map.
Check EachKey(Check check);
// Any rule of one's own on text; `text` completes "The value ...", as in "is a cron expression".
Check TextRule(absl::string_view text, std::function<absl::Status(absl::string_view)> run);

// Exactly one of the attributes is set. / At most one. / All or none.
ObjectRule ExactlyOneOf(std::vector<std::string> names);
ObjectRule AtLeastOneOf(std::vector<std::string> names);
ObjectRule AtMostOneOf(std::vector<std::string> names);
ObjectRule RequiredTogether(std::vector<std::string> names);
// `name` makes no sense without `other`.
ObjectRule Needs(absl::string_view name, absl::string_view other);
// `name` is not set where the text `other` is `value`, with which it would mean nothing.
ObjectRule NotWith(absl::string_view name, absl::string_view other, absl::string_view value);

}  // namespace charon
