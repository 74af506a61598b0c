// Every object the server holds, and what happened to them, for watches.

#ifndef ACCEPTANCE_TESTS_SANDBOX_STORE_H_
#define ACCEPTANCE_TESTS_SANDBOX_STORE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "json.h"

namespace charon::sandbox {

// Objects are immutable: a change stores another one. So readers need the lock only to get hold of
// the pointer.
using ObjectPtr = std::shared_ptr<const Json>;

struct Change {
  enum class Kind { kAdded, kModified, kDeleted };

  Kind kind = Kind::kAdded;
  std::int64_t revision = 0;
  std::string resource;  // Resource::storage_key().
  ObjectPtr object;      // For kDeleted: the last state, with the revision of the deletion.
  ObjectPtr previous;    // nullptr for kAdded.
};

// Not safe for concurrent use; the cluster's lock covers it.
class Store {
 public:
  // By "namespace/name" ("/name" for cluster-wide objects), in the order lists use.
  using Objects = std::map<std::string, ObjectPtr, std::less<>>;

  static std::string Key(absl::string_view ns, absl::string_view name);

  // nullptr if there is none.
  ObjectPtr Get(absl::string_view resource, absl::string_view ns, absl::string_view name) const;
  const Objects& All(absl::string_view resource) const;
  // Those of one namespace.
  std::vector<ObjectPtr> In(absl::string_view resource, absl::string_view ns) const;
  const std::map<std::string, Objects, std::less<>>& by_resource() const { return objects_; }

  // Stores `object` under its metadata and gives it the next revision.
  ObjectPtr Put(absl::string_view resource, Json object);
  void Remove(absl::string_view resource, absl::string_view ns, absl::string_view name);
  void Clear();

  std::int64_t revision() const { return revision_; }

  // Changes after `revision`, oldest first; false if some of them are forgotten already.
  bool ChangesSince(absl::string_view resource, std::int64_t revision,
                    std::vector<Change>* out) const;
  // Changes of all resources after `revision`, for the controllers.
  std::vector<Change> AllChangesSince(std::int64_t revision) const;
  // Forgets all changes up to now, as etcd's compaction does.
  void Compact();
  std::int64_t compacted() const { return compacted_; }

 private:
  void Record(Change change);

  std::map<std::string, Objects, std::less<>> objects_;
  std::map<std::string, std::deque<Change>, std::less<>> history_;
  std::deque<Change> recent_;
  std::int64_t revision_ = 100;
  std::int64_t compacted_ = 0;
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_STORE_H_
