// What one platform agrees on once, in the provider block's `conventions`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/schema/checks.h"

namespace charon {

// Ways of rendering that this build has: 1 to this (docs/design/decisions/0010-render-versions.md).
inline constexpr int kNewestRenderVersion = 2;

inline constexpr char kManagedByLabel[] = "app.kubernetes.io/managed-by";

// What a tier gives to a namespace. Amounts are Kubernetes quantities.
struct TierProfile {
  std::string name;  // "3-edge": also the value of the `tier` label
  std::int64_t priority = 0;
  bool preempts = true;
  // By field of LimitRange items of type Container: default, defaultRequest, max, min -> resource
  // -> quantity.
  std::map<std::string, std::map<std::string, std::string>> limit_range;
  std::map<std::string, std::string> quota;  // ResourceQuota spec.hard
  bool open = false;  // planned by this run, with limits that are not known yet

  std::string priority_class() const { return "tier-" + name; }
  friend bool operator==(const TierProfile&, const TierProfile&) = default;
};

// What an ingress controller has to be told. Middlewares are names of the controller (Traefik:
// "namespace-name@kubernetescrd").
struct AuthMode {
  std::vector<std::string> middlewares;
  std::map<std::string, std::string> annotations;
  friend bool operator==(const AuthMode&, const AuthMode&) = default;
};

struct IngressConventions {
  std::string controller = "nginx";  // "nginx" or "traefik"
  std::string ingress_class;         // empty: the cluster's default
  std::string tls_secret, tls_issuer;
  std::string entrypoints;                                   // Traefik: "websecure"
  std::string sablier_url = "http://sablier.sablier:10000";  // of scale_to_zero
  std::map<std::string, AuthMode> auth_modes;  // by "required", "app", "public", "none"
  // Traefik middlewares by role: "retry", "error-pages", "rate-limit", "csp", "ai-bots",
  // "ai-headers", "local-only".
  std::map<std::string, std::string> middlewares;
  friend bool operator==(const IngressConventions&, const IngressConventions&) = default;
};

// Resources that go by a name. Amounts are Kubernetes quantities by resource.
struct SizeProfile {
  std::map<std::string, std::string> requests, limits;
  friend bool operator==(const SizeProfile&, const SizeProfile&) = default;
};

struct Conventions {
  std::string owner = "default";
  int render_version = 1;
  std::string domain;  // of hosts that have none
  IngressConventions ingress;
  std::map<std::string, std::string> storage_classes;  // alias -> StorageClass
  std::map<std::string, SizeProfile> sizes;
  std::string nfs_server;
  std::string nfs_driver = "nfs.csi.k8s.io";
  std::string gpu_count_resource = "nvidia.com/gpu";
  std::string gpu_memory_resource;
  std::map<std::string, std::string> gpu_node_selector = {{"nvidia.com/gpu.present", "true"}};
  // A controller that restarts pods when their Secrets and ConfigMaps change (annotation of the
  // workload); empty: none.
  std::string reload_annotation;
  // A policy that makes pods wait ("host:port,host:port" as a pod annotation); empty: an init
  // container does it.
  std::string wait_for_annotation;
  std::string wait_for_image = "docker.io/library/busybox:1.36";
  std::string secret_store_kind = "ClusterSecretStore";
  std::string managed_by = "charon";
  std::map<std::string, std::string> default_labels;
  std::map<std::string, TierProfile>
      tiers;  // own table, by full name; in front of the built-in one

  // Of every object that a typed resource makes: default_labels, and managed_by as one.
  std::map<std::string, std::string> Labels() const;

  // The tier called `name` in full ("3-edge") or in short ("edge"). NotFound, listing those there
  // are.
  absl::StatusOr<TierProfile> Tier(absl::string_view name) const;
};

// The built-in tiers: 0-core, 1-cluster, 2-gpu, 3-edge, 4-aux.
const std::vector<TierProfile>& BuiltInTiers();

// The check of an amount: a Kubernetes quantity such as "500m" or "4Gi".
Check QuantityText();

// The check of a resource that containers request: "cpu", "nvidia.com/gpu".
Check ContainerResource();

// The checks of a tier's tables (TierProfile), as the server checks a LimitRange of type Container
// and a ResourceQuota (kubernetes 1.36, pkg/apis/core/validation/validation.go, ValidateLimitRange
// and ValidateResourceQuotaSpec).
std::vector<Check> LimitRangeChecks();
std::vector<Check> QuotaChecks();

// "3-edge" from "3-edge", "edge" from "edge": what follows a leading number and "-".
std::string ShortTierName(absl::string_view name);

}  // namespace charon
