// The provider block: its model, and what it comes to.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "provider/provider_block_dns.h"
#include "provider/schema/field.h"
#include "provider/sdk/any.h"
#include "provider/services.h"

namespace charon {

struct ExecModel {
  Attr<std::string> api_version, command;
  Attr<std::vector<std::string>> args;
  Attr<std::map<std::string, std::string>> env;
  static const ObjectSpec<ExecModel>& Describe();
};

struct KubernetesModel {
  Attr<std::string> config_path, config_context, host, token, token_file, client_certificate,
      client_key, cluster_ca_certificate, proxy_url, tls_server_name, field_manager;
  Attr<std::vector<std::string>> config_paths;
  Attr<ExecModel> exec;
  Attr<bool> insecure, in_cluster;
  static const ObjectSpec<KubernetesModel>& Describe();
};

struct HeadscaleModel {
  Attr<std::string> endpoint, api_key, dialect, base_domain, ca;
  Attr<bool> insecure;
  static const ObjectSpec<HeadscaleModel>& Describe();
};

struct TierModel {
  Attr<std::int64_t> priority;
  Attr<std::string> preemption_policy;
  Attr<std::map<std::string, std::map<std::string, std::string>>> limit_range;
  Attr<std::map<std::string, std::string>> resource_quota;
  static const ObjectSpec<TierModel>& Describe();
};

struct AuthModeModel {
  Attr<std::vector<std::string>> middlewares;
  Attr<std::map<std::string, std::string>> annotations;
  static const ObjectSpec<AuthModeModel>& Describe();
};

struct IngressConventionsModel {
  Attr<std::string> controller, ingress_class, tls_secret, tls_issuer, entrypoints, sablier_url;
  Attr<std::map<std::string, AuthModeModel>> auth_modes;
  Attr<std::map<std::string, std::string>> middlewares;
  static const ObjectSpec<IngressConventionsModel>& Describe();
};

struct GpuConventionsModel {
  Attr<std::string> count_resource, memory_resource;
  Attr<std::map<std::string, std::string>> node_selector;
  static const ObjectSpec<GpuConventionsModel>& Describe();
};

struct SizeModel {
  Attr<std::map<std::string, std::string>> requests, limits;
  static const ObjectSpec<SizeModel>& Describe();
};

struct ConventionsModel {
  Attr<std::string> owner, managed_by, domain, nfs_server, nfs_driver, reload_annotation,
      wait_for_annotation, wait_for_image, secret_store_kind;
  Attr<std::int64_t> render_version;
  Attr<IngressConventionsModel> ingress;
  Attr<GpuConventionsModel> gpu;
  Attr<std::map<std::string, std::string>> storage_classes;
  Attr<std::map<std::string, SizeModel>> sizes;
  Attr<std::map<std::string, std::string>> default_labels;
  Attr<std::map<std::string, TierModel>> tiers;
  static const ObjectSpec<ConventionsModel>& Describe();
};

struct ProviderModel : DnsModels {
  Attr<KubernetesModel> kubernetes;
  Attr<HeadscaleModel> headscale;
  Attr<ConventionsModel> conventions;
  Attr<std::string> plan_checks;
  static const ObjectSpec<ProviderModel>& Describe();
};

// What the block's `conventions` come to, also for functions, which cannot see the provider block.
Conventions ToConventions(const ConventionsModel& model);

class ProviderBlock final : public sdk::AnyProvider {
 public:
  explicit ProviderBlock(Services& services) : services_(services) {}

  const ObjectSchema& schema() const override { return ProviderModel::Describe().schema(); }
  sdk::Diagnostics Validate(const Call& call, const Value& config) override;
  sdk::Diagnostics Configure(const Call& call, const Value& config,
                             const std::string& terraform_version) override;
  std::vector<std::string> Unknown(const std::vector<std::string>& parts) const override;

 private:
  Services& services_;
};

}  // namespace charon
