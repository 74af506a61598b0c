#include "provider/base/status.h"

#include <cstdint>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace charon {
namespace {

constexpr char kPathPayload[] = "charon.internal/path";
constexpr char kRemedyPayload[] = "charon.internal/remedy";

// A path as one string: each step is a letter, the length of its text and the text.
std::string Encode(const Path& path) {
  std::string bytes;
  for (const Path::Step& step : path.steps()) {
    if (const auto* attribute = std::get_if<AttributeName>(&step)) {
      absl::StrAppend(&bytes, "a", attribute->name.size(), ":", attribute->name);
    } else if (const auto* key = std::get_if<ElementKey>(&step)) {
      absl::StrAppend(&bytes, "k", key->key.size(), ":", key->key);
    } else {
      const std::string index = absl::StrCat(std::get<ElementIndex>(step).index);
      absl::StrAppend(&bytes, "i", index.size(), ":", index);
    }
  }
  return bytes;
}

Path Decode(absl::string_view bytes) {
  Path path;
  while (!bytes.empty()) {
    const char kind = bytes[0];
    const std::size_t colon = bytes.find(':');
    const std::size_t size = std::stoul(std::string(bytes.substr(1, colon - 1)));
    const absl::string_view text = bytes.substr(colon + 1, size);
    if (kind == 'a') path = path.Attribute(text);
    if (kind == 'k') path = path.Key(text);
    if (kind == 'i') path = path.Index(std::stoll(std::string(text)));
    bytes.remove_prefix(colon + 1 + size);
  }
  return path;
}

}  // namespace

absl::Status At(const Path& path, absl::Status status) {
  if (status.ok() || path.empty()) return status;
  Path whole = path;
  if (std::optional<Path> inner = PathOf(status)) whole = whole.Append(*inner);
  status.SetPayload(kPathPayload, absl::Cord(Encode(whole)));
  return status;
}

std::optional<Path> PathOf(const absl::Status& status) {
  const absl::optional<absl::Cord> bytes = status.GetPayload(kPathPayload);
  if (!bytes.has_value()) return std::nullopt;
  return Decode(std::string(*bytes));
}

absl::Status NotAboutTheObject(absl::Status status) {
  if (!absl::IsNotFound(status)) return status;
  absl::Status failed = absl::FailedPreconditionError(status.message());
  status.ForEachPayload([&failed](absl::string_view url, const absl::Cord& payload) {
    failed.SetPayload(url, payload);
  });
  return failed;
}

absl::Status Annotate(absl::Status status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status longer(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { longer.SetPayload(url, payload); });
  return longer;
}

absl::Status WithRemedy(absl::Status status, absl::string_view remedy) {
  if (!status.ok() && !status.GetPayload(kRemedyPayload).has_value()) {
    status.SetPayload(kRemedyPayload, absl::Cord(remedy));
  }
  return status;
}

std::optional<std::string> RemedyOf(const absl::Status& status) {
  const absl::optional<absl::Cord> text = status.GetPayload(kRemedyPayload);
  if (!text.has_value()) return std::nullopt;
  return std::string(*text);
}

}  // namespace charon
