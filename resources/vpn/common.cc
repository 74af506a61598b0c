#include "resources/vpn/common.h"

#include "absl/strings/str_cat.h"
#include "provider/base/ip.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/dialect.h"

namespace charon::vpn {

Attr<std::string> TextOrNull(const std::string& text) {
  return text.empty() ? Attr<std::string>() : Attr<std::string>(text);
}

Attr<std::string> TimeOrNull(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return {};
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", time, absl::UTCTimeZone());
}

Attr<std::string> TimeOrNull(const std::optional<absl::Time>& time) {
  return TimeOrNull(time.value_or(absl::InfiniteFuture()));
}

absl::StatusOr<absl::Time> ParseTime(absl::string_view text) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return time;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is no time such as \"2027-01-31T12:00:00Z\""));
}

Check Tag() { return TextRule("is a tag", headscale::CheckTag); }

absl::StatusOr<std::string> NormalRoute(absl::string_view text) {
  const auto bad = [&](absl::string_view why) {
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat("\"", text, "\" ", why)),
                      "Write a network such as \"10.1.0.0/24\" or \"fd00:1::/64\".");
  };
  const std::optional<IpPrefix> network = IpPrefix::Parse(text);
  if (!network) return bad("is no network prefix");
  const std::string normal = network->Masked().ToString();
  if (network->has_host_bits()) {
    return WithRemedy(absl::InvalidArgumentError(
                          absl::StrCat("\"", text, "\" is an address, not a network: bits beyond /",
                                       network->length, " are set")),
                      absl::StrCat("Write \"", normal, "\", or ", text.substr(0, text.find('/')),
                                   network->address.v6 ? "/128" : "/32", " for that one address."));
  }
  return normal;
}

Check Route() {
  return TextRule("is a network prefix",
                  [](absl::string_view text) { return NormalRoute(text).status(); });
}

}  // namespace charon::vpn
