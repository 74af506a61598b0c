// Where a pre-auth key goes: the place that remembers what was about to be made before it is made.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/operations/apply_object.h"
#include "provider/services.h"

namespace charon::vpn {

// Keys carry no name on the server. What tells ours from others is the moment of its expiry, to the
// microsecond, which is written down before the key is made.
struct KeyIntent {
  std::string time;        // when it was written, RFC 3339
  std::string user;        // empty for tags only
  std::string flags;       // reusable, ephemeral and tags in one text
  std::string expiration;  // RFC 3339, with microseconds
  std::string id;          // of the key that was delivered; empty before

  friend bool operator==(const KeyIntent&, const KeyIntent&) = default;
};

std::string IntentToJson(const KeyIntent& intent, absl::string_view owner);
// nullopt if it is none, or another owner's.
std::optional<KeyIntent> IntentFromJson(absl::string_view json, absl::string_view owner);

// Every step is safe to repeat.
class KeySink {
 public:
  virtual ~KeySink() = default;
  // Names the place: "file /run/ts.key", "Secret vpn/router-key".
  virtual std::string Title() const = 0;
  // What this resource wrote there before; nullopt for nothing. AlreadyExists if the place is
  // somebody else's.
  virtual absl::StatusOr<std::optional<KeyIntent>> Recall(const Call& call) = 0;
  virtual absl::Status Announce(const Call& call, const KeyIntent& intent) = 0;
  virtual absl::Status Deliver(const Call& call, const KeyIntent& intent,
                               const std::string& key) = 0;
  // True if it holds the key with this id.
  virtual absl::StatusOr<bool> Holds(const Call& call, absl::string_view id) = 0;
  // Takes the place away if it holds that key.
  virtual absl::Status Remove(const Call& call, absl::string_view id) = 0;
};

// A file of mode 0600, written as a whole or not at all. The intent is beside it: PATH.intent.
std::unique_ptr<KeySink> NewFileSink(std::string path, std::string owner, bool adopt);

// One key of a Secret. The intent is an annotation.
std::unique_ptr<KeySink> NewSecretSink(std::shared_ptr<kubernetes::Cluster> cluster,
                                       std::string name_space, std::string name, std::string key,
                                       const Services& services, operations::ObjectOptions options);

}  // namespace charon::vpn
