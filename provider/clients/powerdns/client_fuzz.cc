// Whatever the server answers, the client reads or refuses it.
#include "provider/clients/dns/replies_for_test.h"
#include "provider/clients/powerdns/client.h"

namespace {

constexpr char kZone[] =
    R"({"id": "1", "name": "%", "rrsets": [{"name": "%", "type": "%", "ttl": %, "records": [{"content": "%"}]},
  {"name": "a.example.org.", "type": "%", "ttl": 60, "records": [{"content": "%"}, {"content": "%", "disabled": %}]}]})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto client = charon::powerdns::NewClient(
      {.endpoint = "https://pdns.example", .api_key = "fuzz-key"},
      std::make_unique<charon::dns::Parrot>(charon::BytesOrForm(text, kZone)));
  charon::dns::CheckReplies(*client, /*values_have_ids=*/false);
  return 0;
}
