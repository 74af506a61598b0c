// What the server drives: every kind of thing a provider offers, on dynamic values. Resource
// authors see the typed classes (resource.h, data_source.h, ...); the adapters in between are made
// by Registry.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "provider/base/call.h"
#include "provider/base/path.h"
#include "provider/schema/schema.h"
#include "provider/sdk/context.h"
#include "provider/sdk/diagnostics.h"
#include "provider/value/value.h"

namespace charon::sdk {

struct Timeouts {
  absl::Duration create = absl::Minutes(10);
  absl::Duration read = absl::Minutes(2);
  absl::Duration update = absl::Minutes(10);
  absl::Duration destroy = absl::Minutes(10);
};

// What a resource is, beside its attributes.
struct ResourceInfo {
  std::string type{};         // "charon_tier_namespace"
  std::string noun{};         // for messages: "Unable to create tier namespace"
  std::string subcategory{};  // the group in the documentation
  std::int64_t version = 0;   // of the state's schema
  Timeouts timeouts{};        // defaults
  std::string import_id{};    // Markdown: "the namespace's name"; empty: cannot be imported
  // Parts of the provider block without which nothing can be asked: "kubernetes",
  // "conventions.owner"; "" is all of it.
  std::vector<std::string> needs = {""};
};

// What core can do (ClientCapabilities of the protocol).
struct Capabilities {
  bool deferral_allowed = false;
  bool write_only_allowed = false;
};

// Answers. A value left null is null on the wire; private bytes are always what Terraform shall
// keep.
struct StateAnswer {
  Value state;
  std::string private_bytes;
  Value identity;
  std::optional<Defer> deferred;
  Diagnostics diagnostics;
};

struct PlanAnswer {
  Value planned;
  std::vector<Path> requires_replace;
  std::string private_bytes;
  Value identity;
  std::optional<Defer> deferred;
  Diagnostics diagnostics;
};

struct ReadRequest {
  Value state;
  std::string private_bytes;
  Value identity;
  Capabilities capabilities;
};

struct PlanRequest {
  Value config, prior, proposed;
  std::string
      private_bytes;  // prior_private, or planned_private of the protocol where core sends one
  Value identity;
  Capabilities capabilities;
};

struct ApplyRequest {
  Value config, prior, planned;
  std::string private_bytes;
  Value identity;
};

struct ImportRequest {
  std::string id;  // empty: by identity
  Value identity;
  Capabilities capabilities;
};

struct MoveRequest {
  std::string source_provider;  // "registry.terraform.io/hashicorp/kubernetes"
  std::string source_type;
  std::int64_t source_version = 0;
  std::string source_state;  // JSON
};

// Safe for concurrent use; holds no state of a call.
class AnyResource {
 public:
  virtual ~AnyResource() = default;

  virtual const ResourceInfo& info() const = 0;
  virtual const ObjectSchema& schema() const = 0;
  // Required attributes are required for import, the others optional. nullptr: no identity.
  virtual const ObjectSchema* identity_schema() const = 0;
  // Whether the resource can be moved to from some other type / listed sources for the
  // documentation.
  virtual std::vector<std::string> move_sources() const = 0;

  virtual Diagnostics Validate(const Call& call, const Value& config,
                               const Capabilities& capabilities) = 0;
  virtual StateAnswer Read(const Call& call, const ReadRequest& request) = 0;
  virtual PlanAnswer Plan(const Call& call, const PlanRequest& request) = 0;
  virtual StateAnswer Apply(const Call& call, const ApplyRequest& request) = 0;
  virtual StateAnswer Import(const Call& call, const ImportRequest& request) = 0;
  // `json` is the stored state, of schema version `version`.
  virtual StateAnswer Upgrade(const Call& call, std::int64_t version, const std::string& json) = 0;
  // The answer's identity is the upgraded one.
  virtual StateAnswer UpgradeIdentity(const Call& call, std::int64_t version,
                                      const std::string& json) = 0;
  virtual StateAnswer Move(const Call& call, const MoveRequest& request) = 0;
  // The answer's state is a configuration.
  virtual StateAnswer GenerateConfig(const Call& call, const Value& state) = 0;
};

class AnyDataSource {
 public:
  virtual ~AnyDataSource() = default;
  virtual const ResourceInfo& info() const = 0;
  virtual const ObjectSchema& schema() const = 0;
  virtual Diagnostics Validate(const Call& call, const Value& config) = 0;
  virtual StateAnswer Read(const Call& call, const Value& config,
                           const Capabilities& capabilities) = 0;
};

struct EphemeralAnswer {
  Value result;
  std::optional<absl::Time> renew_at;
  std::string private_bytes;
  Diagnostics diagnostics;
};

class AnyEphemeral {
 public:
  virtual ~AnyEphemeral() = default;
  virtual const ResourceInfo& info() const = 0;
  virtual const ObjectSchema& schema() const = 0;
  virtual Diagnostics Validate(const Call& call, const Value& config) = 0;
  virtual EphemeralAnswer Open(const Call& call, const Value& config) = 0;
  virtual EphemeralAnswer Renew(const Call& call, const std::string& private_bytes) = 0;
  virtual Diagnostics Close(const Call& call, const std::string& private_bytes) = 0;
};

// One result of a list.
struct ListedObject {
  Value identity;
  std::string display_name;
  Value resource;  // null unless asked for
  Diagnostics diagnostics;
};

struct ListRequest {
  Value config;
  bool include_resource = false;
  std::int64_t limit = 0;  // 0: none
};

class AnyList {
 public:
  virtual ~AnyList() = default;
  virtual const ResourceInfo& info() const = 0;  // the type of the resource that it lists
  virtual const ObjectSchema& schema() const = 0;
  virtual Diagnostics Validate(const Call& call, const Value& config) = 0;
  // `emit` returns false when core wants no more.
  virtual Diagnostics List(const Call& call, const ListRequest& request,
                           const std::function<bool(ListedObject)>& emit) = 0;
};

class AnyAction {
 public:
  virtual ~AnyAction() = default;
  virtual const ResourceInfo& info() const = 0;
  virtual const ObjectSchema& schema() const = 0;
  virtual Diagnostics Validate(const Call& call, const Value& config) = 0;
  struct Planned {
    std::optional<Defer> deferred;
    Diagnostics diagnostics;
  };
  virtual Planned Plan(const Call& call, const Value& config, const Capabilities& capabilities) = 0;
  virtual Diagnostics Invoke(const Call& call, const Value& config,
                             const std::function<void(const std::string&)>& progress) = 0;
};

// The provider block.
class AnyProvider {
 public:
  virtual ~AnyProvider() = default;
  virtual const ObjectSchema& schema() const = 0;
  virtual Diagnostics Validate(const Call& call, const Value& config) = 0;
  // Contacts nothing. May be called again (debug mode).
  virtual Diagnostics Configure(const Call& call, const Value& config,
                                const std::string& terraform_version) = 0;
  // What the last configuration left unknown of `parts` (ResourceInfo::needs), as
  // "kubernetes.host".
  virtual std::vector<std::string> Unknown(const std::vector<std::string>& parts) const = 0;

  // How often it was configured: each of core's runs through the configuration does so once.
  int runs() const { return runs_; }
  void CountRun() { ++runs_; }

 private:
  std::atomic<int> runs_ = 0;
};

}  // namespace charon::sdk
