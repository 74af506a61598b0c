// Whatever Route 53 answers and a file of AWS' tools says, the client reads or refuses it.
#include <optional>

#include "provider/clients/dns/replies_for_test.h"
#include "provider/clients/route53/client.h"

namespace charon::route53 {
namespace {

using dns::Parrot;

constexpr char kSets[] =
    "<a><HostedZone><Id>1</Id><Name>%</Name></"
    "HostedZone><ResourceRecordSets><ResourceRecordSet><Name>%</Name><Type>%</Type>"
    "<SetIdentifier>%</SetIdentifier><TTL>%</TTL><ResourceRecords><ResourceRecord><Value>%</"
    "Value></ResourceRecord>"
    "<ResourceRecord><Value>%</Value></ResourceRecord></ResourceRecords>%</ResourceRecordSet></"
    "ResourceRecordSets>%</a>";

void CheckRoute53(absl::string_view text) {
  const auto none = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  const auto chain = std::make_shared<CredentialChain>(
      Settings{.access_key = "AKIDFUZZ", .secret_key = "fuzz-secret"}, Machine{none, none},
      std::make_unique<Parrot>(""));
  const auto client =
      NewClient("https://r53.example", chain, std::make_unique<Parrot>(BytesOrForm(text, kSets)));
  CheckReplies(*client, /*values_have_ids=*/true);
}

// The text as the files of AWS' tools. Not their keys: secrets once seen are kept, and a fuzzer
// sees millions.
void CheckFiles(absl::string_view text) {
  const auto profile = [](const std::string& name) -> std::optional<std::string> {
    return name == "AWS_PROFILE" ? std::optional<std::string>("a") : std::nullopt;
  };
  const auto file = [&](const std::string&) { return std::optional<std::string>(text); };
  Require(
      !CredentialChain({}, Machine{profile, file}, std::make_unique<Parrot>("")).Region().empty());
}

}  // namespace
}  // namespace charon::route53

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  charon::route53::CheckRoute53(text);
  charon::route53::CheckFiles(text);
  return 0;
}
