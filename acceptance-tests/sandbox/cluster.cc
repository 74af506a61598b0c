#include "cluster.h"

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace charon::sandbox {

absl::Time Cluster::Now() const { return clock_stopped_at.value_or(absl::Now()) + time_offset; }

std::string Cluster::NowText() const { return TimeText(Now()); }

std::string Cluster::NewUid() {
  const std::uint64_t a = random();
  const std::uint64_t b = random();
  return absl::StrFormat("%08x-%04x-4%03x-%04x-%012x", a >> 32, (a >> 16) & 0xffff, a & 0xfff,
                         0x8000 | ((b >> 48) & 0x3fff), b & 0xffffffffffff);
}

std::string Cluster::NameSuffix() {
  constexpr absl::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::string suffix;
  for (int i = 0; i < 5; ++i) suffix.push_back(kLetters[random() % kLetters.size()]);
  return suffix;
}

}  // namespace charon::sandbox
