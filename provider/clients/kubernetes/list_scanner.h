// A list answer of the API server, cut into its items without building a JSON tree: of a thousand
// objects that a list brings, a run may need ten.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon::kubernetes {

// One object of a list. `json` points into the scanned text.
struct ListItem {
  absl::string_view json;
  std::string name_space;
  std::string name;
};

struct ListPage {
  std::vector<ListItem> items;
  std::string continue_token;  // empty: this was the last page
  std::string resource_version;
  // How many objects follow this page. The server leaves it out where a selector is used.
  std::optional<std::int64_t> remaining;
};

// InvalidArgument if `body` is not an object with "items". Text inside an item is checked only as
// far as its end has to be found; whoever parses the item finds the rest. Members may come in any
// order: custom resource lists have "metadata" behind "items".
absl::StatusOr<ListPage> ScanList(absl::string_view body);

}  // namespace charon::kubernetes
