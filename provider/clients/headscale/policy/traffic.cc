#include "provider/clients/headscale/policy/traffic.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace charon::headscale::policy {
namespace {

constexpr int kHighestPort = 65535;

bool HasPorts(int protocol) { return protocol == 6 || protocol == 17 || protocol == 132; }

}  // namespace

Traffic::Ranges Traffic::Joined(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end());
  Ranges joined;
  for (const Range& range : ranges) {
    if (range.first > range.last) continue;
    if (!joined.empty() && range.first <= joined.back().last + 1) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

Traffic Traffic::All() {
  Traffic all;
  for (const int protocol : {1, 6, 17, 58}) all.ports_[protocol] = {{0, kHighestPort}};
  return all;
}

void Traffic::Add(int protocol, const std::vector<PortRange>& ranges) {
  Ranges all = ports_[protocol];
  for (const PortRange& range : ranges) {
    all.push_back(HasPorts(protocol) ? Range{range.first, range.last} : Range{0, kHighestPort});
  }
  ports_[protocol] = Joined(std::move(all));
  if (ports_[protocol].empty()) ports_.erase(protocol);
}

Traffic Traffic::Or(const Traffic& other) const {
  Traffic result = *this;
  for (const auto& [protocol, ranges] : other.ports_) {
    Ranges all = result.ports_[protocol];
    all.insert(all.end(), ranges.begin(), ranges.end());
    result.ports_[protocol] = Joined(std::move(all));
  }
  return result;
}

Traffic Traffic::Minus(const Traffic& other) const {
  Traffic result;
  for (const auto& [protocol, ranges] : ports_) {
    const auto cuts = other.ports_.find(protocol);
    Ranges left = ranges;
    if (cuts != other.ports_.end()) {
      for (const Range& cut : cuts->second) {
        Ranges next;
        for (const Range& range : left) {
          next.push_back({range.first, std::min(range.last, cut.first - 1)});
          next.push_back({std::max(range.first, cut.last + 1), range.last});
        }
        left = Joined(std::move(next));
      }
    }
    if (!left.empty()) result.ports_[protocol] = std::move(left);
  }
  return result;
}

Traffic Traffic::WithoutPing() const {
  Traffic result = *this;
  const bool some_ports = std::any_of(ports_.begin(), ports_.end(), [](const auto& entry) {
    return HasPorts(entry.first) && entry.second != Ranges{{0, kHighestPort}};
  });
  if (!some_ports) return result;
  for (const int protocol : {1, 58}) result.ports_.erase(protocol);
  return result;
}

Traffic Traffic::And(const Traffic& other) const { return Minus(Minus(other)); }

std::string Traffic::ToString() const {
  const auto text = [](const Ranges& ranges) {
    if (ranges == Ranges{{0, kHighestPort}}) return std::string("*");
    return absl::StrJoin(ranges, ", ", [](std::string* out, const Range& range) {
      absl::StrAppend(out, range.first);
      if (range.last > range.first) absl::StrAppend(out, "-", range.last);
    });
  };
  std::vector<std::string> parts;
  std::map<int, Ranges> left = ports_;
  // What a rule without a protocol lets through is said without one.
  const auto tcp = left.find(6), udp = left.find(17);
  const bool ping = left.count(1) > 0 && left.count(58) > 0,
             no_ping = left.count(1) + left.count(58) == 0;
  const bool same = tcp != left.end() && udp != left.end() && tcp->second == udp->second;
  if (same && (ping || (no_ping && text(tcp->second) != "*"))) {
    parts.push_back(text(tcp->second));
    for (const int protocol : {1, 6, 17, 58}) left.erase(protocol);
  }
  if (left.count(1) > 0 && left.count(58) > 0) {
    parts.push_back("icmp");
    left.erase(1);
    left.erase(58);
  }
  for (const auto& [protocol, ranges] : left) {
    parts.push_back(HasPorts(protocol) ? absl::StrCat(ProtocolName(protocol), " ", text(ranges))
                                       : ProtocolName(protocol));
  }
  return parts.empty() ? "nothing" : absl::StrJoin(parts, "; ");
}

}  // namespace charon::headscale::policy
