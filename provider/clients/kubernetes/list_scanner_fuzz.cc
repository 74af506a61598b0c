// Whatever ScanList accepts has items that lie inside the text, one behind the other.
#include <cstdint>

#include "provider/clients/kubernetes/list_scanner.h"
#include "provider/testing/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto page = charon::kubernetes::ScanList(text);
  if (!page.ok()) return 0;
  const char* end = text.data();
  for (const auto& item : page->items) {
    charon::Require(item.json.data() >= end);
    end = item.json.data() + item.json.size();
  }
  charon::Require(end <= text.data() + text.size());
  return 0;
}
