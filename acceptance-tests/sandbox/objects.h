// The verbs of the API on stored objects, without HTTP.
//
// Every function needs the cluster's lock. What they return is the object as stored, in the version
// it was asked for in, or the Status a real server answers.

#ifndef ACCEPTANCE_TESTS_SANDBOX_OBJECTS_H_
#define ACCEPTANCE_TESTS_SANDBOX_OBJECTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cluster.h"
#include "json.h"
#include "kinds.h"

namespace charon::sandbox {

enum class FieldValidation { kIgnore, kWarn, kStrict };
enum class PatchFormat { kJson, kMerge, kStrategic, kApply };

// Who asks for what, of which object.
struct Call {
  ResourcePtr resource;
  std::string ns;
  std::string name;
  std::string subresource;

  std::string user = "system:admin";
  std::string manager = "unknown";
  bool dry_run = false;
  bool force = false;
  FieldValidation field_validation = FieldValidation::kWarn;
  // The server's own controllers: admission does not judge them.
  bool internal = false;
  std::vector<std::string> warnings;
};

struct DeleteOptions {
  std::string propagation;  // "", Background, Foreground, Orphan
  std::string uid, resource_version;
  std::int64_t grace_seconds = -1;  // Negative: the kind's default.
};

struct Written {
  ObjectPtr object;
  bool created = false;
};

class Objects {
 public:
  explicit Objects(Cluster& cluster) : cluster_(cluster) {}

  absl::StatusOr<ObjectPtr> Get(const Call& call) const;
  absl::StatusOr<Written> Create(Call& call, const ParsedDocument& body);
  absl::StatusOr<Written> Update(Call& call, const ParsedDocument& body);
  absl::StatusOr<Written> Patch(Call& call, PatchFormat format, const ParsedDocument& body);

  struct Deleted {
    ObjectPtr object;   // The object as it is (finalizers keep it) or was.
    bool gone = false;  // Nothing is left of it.
  };
  absl::StatusOr<Deleted> Delete(Call& call, const DeleteOptions& options);

  // For the controllers: replaces an object (or only its status), whatever version it had.
  // Nothing happens if it does not exist or would not change.
  void Replace(const Resource& resource, Json object, absl::string_view manager,
               absl::string_view subresource = "");
  // Creates without admission; false if it exists already or is refused.
  bool CreateInternal(const char* api_version, const char* kind, Json object,
                      absl::string_view manager);
  // Removes the object now, finalizers or not.
  void Erase(const Resource& resource, const Json& object);
  // Called instead of storing `object` if it is being deleted and, as it is now, nothing holds it
  // any more: then it is removed. The stored state stays the last, and is what watches show.
  bool FinishDeletion(const Resource& resource, const Json& object);

  Cluster& cluster() { return cluster_; }

 private:
  struct Prepared {
    Json object;
    bool unchanged = false;
  };

  // Body to object: kind and version checked, types checked, unknown fields judged. `patch` is set
  // if `body` is the result of that patch, which changes how complaints read.
  absl::StatusOr<Json> Decode(Call& call, const Json& body, const ParsedDocument& sent,
                              const PatchFormat* patch = nullptr) const;
  absl::Status CheckMetadata(const Call& call, Json& object) const;
  // The name is the one of the URL, or becomes it.
  absl::Status CheckName(const Call& call, Json& object) const;
  absl::StatusOr<Written> FinishCreate(Call& call, Json object);
  absl::StatusOr<Written> FinishUpdate(Call& call, const Json& live, Json object);
  absl::StatusOr<Written> StoreUpdate(Call& call, const Json& live, Json object);
  absl::StatusOr<Written> ApplyPatch(Call& call, const ParsedDocument& body);
  absl::StatusOr<Written> PatchScale(Call& call, PatchFormat format, const ParsedDocument& body);
  absl::StatusOr<Written> UpdateScale(Call& call, const Json& live, const Json& scale);
  void FillNamespace(const std::string& ns);
  void MarkDeleted(const Call& call, const DeleteOptions& options, Json& object) const;

  Cluster& cluster_;
};

// The autoscaling/v1 Scale of a workload.
Json ScaleOf(const Resource& resource, const Json& object);

// Sends a stored object out in the version that was asked for.
ObjectPtr InVersion(const Resource& resource, ObjectPtr object);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_OBJECTS_H_
