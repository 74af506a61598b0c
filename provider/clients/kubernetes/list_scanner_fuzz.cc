// Whatever ScanList accepts has items that lie inside the text, one behind the other.
#include <cstdint>
#include <cstdlib>

#include "provider/clients/kubernetes/list_scanner.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto page = charon::kubernetes::ScanList(text);
  if (!page.ok()) return 0;
  const char* end = text.data();
  for (const auto& item : page->items) {
    if (item.json.data() < end) std::abort();
    end = item.json.data() + item.json.size();
  }
  if (end > text.data() + text.size()) std::abort();
  return 0;
}
