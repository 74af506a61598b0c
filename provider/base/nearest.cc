#include "provider/base/nearest.h"

#include <algorithm>
#include <cstddef>

namespace charon {
namespace {

constexpr std::size_t kLongest = 100;  // Distance takes the square of it

// Edits that make one text of the other, two neighbours in the wrong order being one edit (optimal
// string alignment).
std::size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<std::vector<std::size_t>> edits(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        edits[i][j] = i + j;
        continue;
      }
      const std::size_t changed = a[i - 1] == b[j - 1] ? 0 : 1;
      edits[i][j] =
          std::min({edits[i - 1][j] + 1, edits[i][j - 1] + 1, edits[i - 1][j - 1] + changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        edits[i][j] = std::min(edits[i][j], edits[i - 2][j - 2] + 1);
      }
    }
  }
  return edits[a.size()][b.size()];
}

}  // namespace

std::string Nearest(absl::string_view wrong, const std::vector<std::string>& known) {
  if (wrong.size() > kLongest) return "";
  std::string nearest;
  std::size_t least = std::max<std::size_t>(1, wrong.size() / 3);
  for (const std::string& name : known) {
    const std::size_t distance = Distance(wrong, name);
    if (distance > least || (distance == least && !nearest.empty())) continue;
    nearest = name;
    least = distance;
  }
  return nearest;
}

}  // namespace charon
