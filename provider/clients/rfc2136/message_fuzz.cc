// Whatever a name server sends, to a signed question or another, is read or refused.
#include <cstddef>
#include <cstdint>

#include "provider/clients/dns/name.h"
#include "provider/clients/dns/rdata.h"
#include "provider/clients/rfc2136/message.h"
#include "provider/testing/fuzz.h"

namespace charon::rfc2136 {
namespace {

void Check(absl::string_view wire, const TsigKey& key) {
  Query query;
  query.id = 0;
  query.mac = std::string("\0\x20", 2) + std::string(32, 'm');
  const absl::StatusOr<Answer> answer = ReadAnswer(wire, query, key, /*first=*/true);
  if (!answer.ok()) {
    Require(!answer.status().message().empty());
    return;
  }
  for (const Record& record : answer->records) {
    const absl::StatusOr<std::string> name =
        dns::CanonicalName(record.name.empty() ? "." : record.name);
    Require(name.ok() && *name == record.name);
    Require(dns::CanonicalRdata(record.type, record.value) == record.value);
  }
}

}  // namespace
}  // namespace charon::rfc2136

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view wire(reinterpret_cast<const char*>(data), size);
  charon::rfc2136::Check(wire, {});
  charon::rfc2136::Check(wire, {"fuzz-key", "c2VjcmV0LW9mLXRoZS10ZXN0LWtleQ==", "hmac-sha256"});
  return 0;
}
