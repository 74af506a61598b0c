#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/clients/headscale/policy/parties.h"
#include "provider/clients/headscale/policy/reach.h"

namespace charon::headscale::policy {
namespace {

// One line for all who gain (or lose) the same: rows of one content, then columns of one content.
std::vector<std::string> Lines(const World& world, const Matrix& less, const Matrix& more) {
  using Row = std::map<std::size_t, Traffic>;
  std::size_t other_user = 0;
  for (std::size_t i = 0; i < world.size(); ++i) {
    if (world.parties()[i].kind == Party::Kind::kOtherUser) other_user = i;
  }
  std::map<Row, std::set<std::size_t>> rows;
  for (std::size_t source = 0; source < world.own(); ++source) {
    Row row;
    const Party::Kind kind = world.parties()[source].kind;
    for (std::size_t destination = 0; destination < world.size(); ++destination) {
      if (destination == world.own() && kind != Party::Kind::kOtherUser) continue;
      Traffic traffic = more.At(source, destination).Minus(less.At(source, destination));
      if (!traffic.empty()) row[destination] = traffic.WithoutPing();
    }
    // "Own devices" is the same for every user, and said only where it is not the same as with all
    // users' devices.
    const auto own = row.find(kind == Party::Kind::kUser ? source : world.own());
    const auto others = row.find(other_user);
    const bool apart =
        (kind == Party::Kind::kUser || kind == Party::Kind::kOtherUser) && own != row.end();
    if (apart && (others == row.end() || others->second != own->second)) {
      Traffic traffic = std::move(own->second);
      row.erase(own);
      row[world.own()] = std::move(traffic);
    } else {
      row.erase(world.own());
    }
    if (!row.empty()) rows[row].insert(source);
  }
  const Namer namer(world);
  std::vector<std::string> lines;
  for (const auto& [row, sources] : rows) {
    std::map<Traffic, std::set<std::size_t>> columns;
    for (const auto& [destination, traffic] : row) columns[traffic].insert(destination);
    for (const auto& [traffic, destinations] : columns) {
      lines.push_back(absl::StrCat(namer.Name(sources), " -> ", namer.Name(destinations), ": ",
                                   traffic.ToString()));
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// What `ssh` rules of `more` allow and those of `less` do not, as they are written: "ssh: group:dev
// -> tag:web as root".
std::vector<std::string> SshLines(const Policy& less, const Policy& more) {
  using Key = std::tuple<std::string, std::string, std::string>;  // destination, login, action
  const auto table = [](const Policy& policy) {
    std::map<Key, std::set<std::string>> sources;
    for (const SshRule& rule : policy.ssh) {
      for (const Alias& dst : rule.dst) {
        for (const std::string& user : rule.users) {
          for (const Alias& src : rule.src) sources[{dst.text, user, rule.action}].insert(src.text);
        }
      }
    }
    return sources;
  };
  std::map<Key, std::set<std::string>> had = table(less);
  std::vector<std::string> lines;
  for (auto& [key, sources] : table(more)) {
    std::vector<std::string> fresh;
    std::set_difference(sources.begin(), sources.end(), had[key].begin(), had[key].end(),
                        std::back_inserter(fresh));
    if (fresh.empty()) continue;
    lines.push_back(absl::StrCat("ssh: ", absl::StrJoin(fresh, ", "), " -> ", std::get<0>(key),
                                 " as ", std::get<1>(key),
                                 std::get<2>(key) == "check" ? " (check)" : ""));
  }
  return lines;
}

}  // namespace

Difference Compare(const Policy& before, const Policy& after) {
  const World world({&before, &after});
  const Matrix old_reach(before, world), new_reach(after, world);
  Difference difference{Lines(world, old_reach, new_reach), Lines(world, new_reach, old_reach)};
  for (std::string& line : SshLines(before, after)) difference.gains.push_back(std::move(line));
  for (std::string& line : SshLines(after, before)) difference.losses.push_back(std::move(line));
  return difference;
}

}  // namespace charon::headscale::policy
