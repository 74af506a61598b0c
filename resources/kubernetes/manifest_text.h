// What users write as a manifest: text or an HCL object, and its way to JSON and back.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/object.h"
#include "provider/value/value.h"

namespace charon::kubernetes_resources {

using Json = nlohmann::json;

// An object from its text; a key without a value ("annotations:") names nothing, as in an HCL
// object. InvalidArgument for what cannot be one object: see CheckManifest.
absl::StatusOr<Json> ParseManifest(absl::string_view text);

// An object from an HCL value of dynamic type; nulls are dropped, as HCL has no other way to leave
// a field out: what the server or others have there is not ours.
absl::StatusOr<Json> ObjectFromValue(const Value& value, bool keep_nulls = false);

// Removes the null entries of all maps inside `value`.
void DropNulls(Json& value);

// What a manifest must not have: a kind that is a list, generateName, fields that only the server
// writes, the values of a Secret.
absl::Status CheckManifest(const Json& object);

// Refuses the values of a Secret among fields that go into state.
absl::Status CheckNoSecret(const kubernetes::ObjectKind& kind, const Json& fields);

// Puts what a Secret has in `stringData` into `data`, and registers the values so that no message
// shows them. The server does the same, but remembers no owner of stringData: a key that goes from
// it would stay in the Secret for ever.
void EncodeSecret(Json& object);

// The manifests that were read last. Terraform asks in a row for several answers about one object
// (read, identity, validation, plan, apply), and reading its text would be most of the work in
// each. For texts without secrets only: they are kept. May be used concurrently.
class ManifestCache {
 public:
  // The object of a text, as ParseManifest gives it and CheckManifest takes it.
  absl::StatusOr<std::shared_ptr<const Json>> Read(const std::string& text);

 private:
  struct Entry {
    std::string text;
    std::shared_ptr<const Json> object;
  };
  // A few for each of the ten objects that Terraform has at hand by default.
  static constexpr std::size_t kEntries = 32;
  // A text in the cache costs up to ten times its size.
  static constexpr std::size_t kLongestText = 64 << 10;

  std::shared_ptr<const Json> Find(const std::string& text) ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Mutex mutex_;
  std::array<Entry, kEntries> entries_ ABSL_GUARDED_BY(mutex_);
  std::size_t next_ ABSL_GUARDED_BY(mutex_) = 0;  // the oldest entry, to be replaced
};

// `base` with the entries of `over` merged into its maps; other values of `over` replace.
void MergeInto(Json& base, const Json& over);
// The path of a list that both have, which MergeInto would replace; empty if there is none.
std::string SharedList(const Json& base, const Json& over);

// `object` in the words of `like`: JSON if that is JSON, else YAML, of which as little as possible
// changes.
std::string EmitLike(const Json& object, absl::string_view like);
// `object` as an HCL value of dynamic type.
absl::StatusOr<Value> ValueFromObject(const Json& object);

// Every text in `secret`, registered so that no message shows it.
void RegisterSecrets(const Json& secret);

// The live object as a user would have written it: what `manager` applied if it did, else what
// `kubectl apply` was given, else what other clients than the cluster's own controllers wrote;
// without the fields of the server, our own marks and hidden values (operations/hidden_values.h).
Json ExportManifest(const Json& live, absl::string_view manager);

// The first field whose change Kubernetes refuses for this kind; "" if there is none that is known.
// The server has the last word in a dry run.
std::string ImmutableChange(const Json& before, const Json& after);
// "data" if the content of `object` cannot change at all: an immutable Secret or ConfigMap. Else
// "".
std::string FrozenContent(const Json& object);

}  // namespace charon::kubernetes_resources
