// Any text may be given as a name or as a value of any type: it is refused with a reason, or has
// one spelling.
#include <cstddef>
#include <cstdint>

#include "provider/clients/dns/backend.h"
#include "provider/clients/dns/name.h"
#include "provider/clients/dns/rdata.h"
#include "provider/testing/fuzz.h"

namespace charon::dns {
namespace {

void CheckName(absl::string_view text) {
  for (const Escapes escapes : {Escapes::kDecimal, Escapes::kOctal}) {
    const absl::StatusOr<std::string> name = CanonicalName(text, escapes);
    if (!name.ok()) {
      Require(!name.status().message().empty());
      continue;
    }
    const absl::StatusOr<std::string> again = CanonicalName(name->empty() ? "." : *name);
    Require(again.ok() && *again == *name);
  }
}

void CheckValue(const std::string& type, absl::string_view text) {
  const std::string canonical = CanonicalRdata(type, text);
  Require(CanonicalRdata(type, canonical) == canonical);
  const absl::StatusOr<Rdata> rdata = ParseRdata(type, text);
  if (!rdata.ok()) {
    Require(!rdata.status().message().empty());
    return;
  }
  for (const Dots dots : {Dots::kNone, Dots::kAbsolute}) {
    const absl::StatusOr<Rdata> again = ParseRdata(type, WriteRdata(type, *rdata, dots));
    Require(again.ok() && again->fields == rdata->fields);
  }
}

void CheckText(absl::string_view text) {
  Require(*UnquoteText(QuoteText(text)) == text);
  UnquoteText(text, /*octal_escapes=*/true).status().IgnoreError();
  if (const std::optional<Owner> owner = ParseOwner(text))
    Require(ParseOwner(OwnerText(*owner)) == owner);
}

}  // namespace
}  // namespace charon::dns

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace charon::dns;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t choice = data[0] % (KnownTypes().size() + 1);
  if (choice < KnownTypes().size()) {
    CheckValue(KnownTypes()[choice], text);
  } else {
    CheckName(text);
    CheckText(text);
  }
  return 0;
}
