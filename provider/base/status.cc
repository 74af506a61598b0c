#include "provider/base/status.h"

#include <cstdint>
#include <functional>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/several.h"

namespace charon {
namespace {

constexpr char kPathPayload[] = "charon.internal/path";
constexpr char kRemedyPayload[] = "charon.internal/remedy";
constexpr char kSeveralPayload[] = "charon.internal/several";

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

// Texts as one string: each is its length and itself.
void Put(std::string& bytes, absl::string_view text) {
  absl::StrAppend(&bytes, text.size(), ":", text);
}

std::string Take(absl::string_view& bytes) {
  const std::size_t colon = bytes.find(':');
  const std::size_t size = std::stoul(std::string(bytes.substr(0, colon)));
  const std::string text(bytes.substr(colon + 1, size));
  bytes.remove_prefix(colon + 1 + size);
  return text;
}

// `change` done to each of several.
absl::Status ToEach(const absl::Status& status,
                    const std::function<absl::Status(absl::Status)>& change) {
  std::vector<absl::Status> changed;
  for (absl::Status& one : EachOf(status)) changed.push_back(change(std::move(one)));
  return Several(changed);
}

bool IsSeveral(const absl::Status& status) {
  return status.GetPayload(kSeveralPayload).has_value();
}

}  // namespace

absl::Status Several(const std::vector<absl::Status>& statuses) {
  if (statuses.size() == 1) return statuses[0];
  std::vector<absl::string_view> messages;
  std::string bytes;
  for (const absl::Status& status : statuses) {
    messages.push_back(status.message());
    Put(bytes, absl::StrCat(static_cast<int>(status.code())));
    Put(bytes, status.message());
    std::string payloads;
    status.ForEachPayload([&payloads](absl::string_view url, const absl::Cord& payload) {
      Put(payloads, url);
      Put(payloads, std::string(payload));
    });
    Put(bytes, payloads);
  }
  absl::Status all(statuses[0].code(), absl::StrJoin(messages, "\n"));
  statuses[0].ForEachPayload(
      [&all](absl::string_view url, const absl::Cord& payload) { all.SetPayload(url, payload); });
  all.SetPayload(kSeveralPayload, absl::Cord(bytes));
  return all;
}

std::vector<absl::Status> EachOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kSeveralPayload);
  if (!payload.has_value()) return {status};
  std::vector<absl::Status> statuses;
  const std::string text(*payload);
  for (absl::string_view bytes = text; !bytes.empty();) {
    const auto code = static_cast<absl::StatusCode>(std::stoi(Take(bytes)));
    absl::Status one(code, Take(bytes));
    const std::string payloads = Take(bytes);
    for (absl::string_view rest = payloads; !rest.empty();) {
      const std::string url = Take(rest);
      one.SetPayload(url, absl::Cord(Take(rest)));
    }
    statuses.push_back(std::move(one));
  }
  return statuses;
}

absl::Status At(const Path& path, absl::Status status) {
  if (status.ok() || path.empty()) return status;
  if (IsSeveral(status))
    return ToEach(status, [&path](absl::Status one) { return At(path, std::move(one)); });
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
  if (IsSeveral(status))
    return ToEach(status,
                  [context](absl::Status one) { return Annotate(std::move(one), context); });
  absl::Status longer(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { longer.SetPayload(url, payload); });
  return longer;
}

absl::Status WithRemedy(absl::Status status, absl::string_view remedy) {
  if (IsSeveral(status))
    return ToEach(status,
                  [remedy](absl::Status one) { return WithRemedy(std::move(one), remedy); });
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
