// Whatever the API answers, the client reads or refuses it.
#include "provider/clients/cloudflare/client.h"
#include "provider/clients/dns/replies_for_test.h"

namespace {

constexpr char kRecords[] =
    R"({"result": [{"id": "1", "name": "%", "type": "%", "content": "%", "ttl": %, "priority": %, "data": {%}},
  {"id": "2", "name": "a.example.org", "type": "%", "content": "%"}], "result_info": {"total_pages": %}})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto client = charon::cloudflare::NewClient(
      {.base_url = "https://cf.example", .api_token = "fuzz-token"},
      std::make_unique<charon::dns::Parrot>(charon::BytesOrForm(text, kRecords)));
  charon::dns::CheckReplies(*client, /*values_have_ids=*/true);
  return 0;
}
