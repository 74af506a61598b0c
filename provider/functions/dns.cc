#include "provider/functions/dns.h"

#include "absl/strings/str_cat.h"
#include "provider/clients/dns/rdata.h"
#include "provider/sdk/function.h"

namespace charon::functions {

absl::StatusOr<std::string> TxtRecord(const std::string& text) {
  if (const std::size_t wire = text.size() + text.size() / 255 + 1; wire > 65535) {
    return sdk::AtArgument(0, absl::InvalidArgumentError(absl::StrCat(
                                  "has ", text.size(), " bytes, more than one record can hold")));
  }
  return dns::QuoteText(text);
}

}  // namespace charon::functions
