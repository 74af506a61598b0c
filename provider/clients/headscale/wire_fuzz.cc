// Whatever the server answers, as objects, as an error, as its version or as the description of its
// API, is read or refused.
#include <cstddef>
#include <cstdint>

#include "nlohmann/json.hpp"
#include "provider/clients/headscale/wire.h"
#include "provider/testing/fuzz.h"

namespace charon::headscale {
namespace {

constexpr char kObject[] =
    R"([{"id": "%", "name": "%", "user": {"id": "%", "name": "%"}, "tags": ["%", "%"], "approvedRoutes": ["%"], "createdAt": "%",
  "expiry": "%", "registerMethod": "%", "node": {"id": "%"}, "prefix": "%", "enabled": %, "advertised": true}])";

void Check(absl::string_view text) {
  for (const int http_status : {400, 401, 404, 405, 500, 503}) {
    const absl::Status status = ToStatus(http_status, text, "fuzz");
    Require(!status.ok() && !status.message().empty());
  }
  DialectOfSpec(text);
  const absl::StatusOr<Dialect> dialect = ParseVersion(text);
  if (dialect.ok()) {
    Require(dialect->minor >= kOldestMinor && dialect->minor <= kNewestMinor);
    NextUpgrade(dialect->minor);
  }
  for (int minor = kOldestMinor; minor <= kNewestMinor; ++minor) {
    const std::string given = GivenNameOf({.minor = minor}, text);
    Require(GivenNameOf({.minor = minor}, given) == given);
    IsNumberedTwin({.minor = minor}, text, absl::string_view(text).substr(0, text.find(' ')));
  }
  CheckUserName(text).IgnoreError();
  CheckTag(text).IgnoreError();
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return;
  // Secrets once seen are kept, and a fuzzer sees millions.
  const auto hide_keys = [](Json& item) {
    if (!item.is_object()) return;
    item.erase("key");
    item.erase("preAuthKey");
  };
  hide_keys(json);
  ToUser(json);
  ToPreauthKey(json);
  ToPolicy(json);
  std::vector<Node> nodes = {ToNode(json)};
  std::vector<Route> routes = {ToRoute(json)};
  if (json.is_array()) {
    for (Json& item : json) {
      hide_keys(item);
      nodes.push_back(ToNode(item));
      routes.push_back(ToRoute(item));
    }
  }
  AddRoutes(routes, nodes);
  for (const Node& node : nodes) TimeText(node.created_at);
}

}  // namespace
}  // namespace charon::headscale

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  charon::headscale::Check(charon::BytesOrForm(bytes, charon::headscale::kObject));
  return 0;
}
