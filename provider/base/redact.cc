#include "provider/base/redact.h"

#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/mutex.h"

namespace charon {
namespace {

constexpr std::size_t kShortestSecret = 6;

struct Secrets {
  absl::Mutex mutex;
  // Longest first, so that a secret that contains another is replaced whole.
  struct LongerFirst {
    bool operator()(const std::string& a, const std::string& b) const {
      return a.size() != b.size() ? a.size() > b.size() : a < b;
    }
  };
  std::set<std::string, LongerFirst> values ABSL_GUARDED_BY(mutex);
};

Secrets& Registered() {
  static auto& secrets = *new Secrets;
  return secrets;
}

std::string UrlEscape(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || absl::StrContains("-_.~", absl::string_view(&c, 1))) {
      out.push_back(c);
    } else {
      absl::StrAppend(&out, "%", absl::AsciiStrToUpper(absl::BytesToHexString({&c, 1})));
    }
  }
  return out;
}

// Replaces what follows each `marker` up to the first of `ends` by kRedacted.
std::string HideAfter(std::string text, absl::string_view marker, absl::string_view ends) {
  std::size_t from = 0;
  while ((from = text.find(std::string(marker), from)) != std::string::npos) {
    from += marker.size();
    std::size_t to = text.find_first_of(std::string(ends), from);
    if (to == std::string::npos) to = text.size();
    if (to > from) text.replace(from, to - from, std::string(kRedacted));
    from += kRedacted.size();
    if (from > text.size()) break;
  }
  return text;
}

std::string HidePrivateKeys(std::string text) {
  static constexpr absl::string_view kEnd = "-----END";
  std::size_t from = 0;
  while ((from = text.find("PRIVATE KEY-----", from)) != std::string::npos) {
    from += absl::string_view("PRIVATE KEY-----").size();
    std::size_t to = text.find(std::string(kEnd), from);
    if (to == std::string::npos) to = text.size();
    text.replace(from, to - from, std::string(kRedacted));
    // Past the end marker, which names the same key type.
    from = text.find("-----", from + kRedacted.size() + kEnd.size());
    if (from == std::string::npos) break;
  }
  return text;
}

}  // namespace

void RegisterSecret(absl::string_view secret) {
  if (secret.size() < kShortestSecret) return;
  Secrets& secrets = Registered();
  absl::MutexLock lock(&secrets.mutex);
  secrets.values.insert(std::string(secret));
  secrets.values.insert(absl::Base64Escape(secret));
  secrets.values.insert(UrlEscape(secret));
}

std::string Redact(absl::string_view text) {
  std::string clean(text);
  Secrets& secrets = Registered();
  {
    absl::MutexLock lock(&secrets.mutex);
    for (const std::string& secret : secrets.values) {
      if (absl::StrContains(clean, secret)) {
        clean = absl::StrReplaceAll(clean, {{secret, kRedacted}});
      }
    }
  }
  clean = HideAfter(std::move(clean), "Authorization: ", "\r\n\"");
  clean = HideAfter(std::move(clean), "Bearer ", "\r\n\" ");
  return HidePrivateKeys(std::move(clean));
}

}  // namespace charon
