#include "provider/provider_block.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/dialect.h"
#include "provider/schema/checks.h"

namespace charon {
namespace {

// A stack that was rendered by a newer release must not be rendered in an older way by accident.
Check RenderVersion() {
  const std::string known = absl::StrCat("versions 1 to ", kNewestRenderVersion);
  return Check{
      absl::StrCat("is a version that this release renders: ", known), [known](const Value& value) {
        const Number& version = value.number();
        if (version >= Number(1) && version <= Number(kNewestRenderVersion))
          return absl::OkStatus();
        return WithRemedy(
            absl::InvalidArgumentError(absl::StrCat(
                "is ", version.ToString(), ", but this build of the provider renders ", known)),
            version < Number(1) ? "Leave it out for version 1."
                                : "Install a newer version of the provider that knows it, or take "
                                  "the one that the services "
                                  "were rendered with; left out, it is 1.");
      }};
}

Check Pem(absl::string_view what) {
  return TextRule("is PEM text", [what = std::string(what)](absl::string_view text) {
    if (absl::StrContains(text, "-----BEGIN ")) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "must be PEM text with a BEGIN line", what.empty() ? "" : absl::StrCat(" (", what, ")"),
        "; for a file use file(\"...\"), for base64 use base64decode(...)"));
  });
}

// A generation of Headscale, as its client reads it.
Check HeadscaleDialect() {
  return TextRule("is `auto` or a minor version of Headscale", [](absl::string_view text) {
    return text == "auto" ? absl::OkStatus() : headscale::ParseVersion(text).status();
  });
}

// Adds the places of unknown values to `*unknown`: "kubernetes.host". What is deeper counts for the
// part that it is in.
void CollectUnknown(const Value& value, const std::string& place,
                    std::vector<std::string>* unknown) {
  if (value.kind() == Value::Kind::kDynamic && value.dynamic_value().IsKnown())
    return CollectUnknown(value.dynamic_value(), place, unknown);
  const bool whole = value.kind() != Value::Kind::kMapping || absl::StrContains(place, ".");
  if (whole) {
    if (!value.IsWhollyKnown()) unknown->push_back(place);
    return;
  }
  for (const auto& [name, part] : value.mapping())
    CollectUnknown(part, place.empty() ? name : absl::StrCat(place, ".", name), unknown);
}

absl::Status CheckModel(const ProviderModel& model) {
  if (model.headscale.IsKnown() && model.headscale->endpoint.IsKnown()) {
    const std::string& endpoint = *model.headscale->endpoint;
    if (!absl::StartsWith(endpoint, "https://") && !absl::StartsWith(endpoint, "http://")) {
      return At(Path("headscale").Attribute("endpoint"),
                absl::InvalidArgumentError(absl::StrCat(
                    "\"", endpoint, "\" must be a URL such as \"https://vpn.example.org\"")));
    }
  }
  if (!model.kubernetes.IsKnown()) return absl::OkStatus();
  const KubernetesModel& k = *model.kubernetes;
  const Path at("kubernetes");
  if (k.host.IsKnown() && !absl::StartsWith(*k.host, "https://") &&
      !absl::StartsWith(*k.host, "http://")) {
    return At(at.Attribute("host"),
              absl::InvalidArgumentError(absl::StrCat(
                  "\"", *k.host, "\" must be a URL such as \"https://192.0.2.10:6443\"")));
  }
  if (k.host.IsNull()) {
    // Half of a connection: kubectl would ignore it silently.
    for (const auto& [name, set] :
         {std::pair<const char*, bool>{"token", !k.token.IsNull()},
          {"token_file", !k.token_file.IsNull()},
          {"cluster_ca_certificate", !k.cluster_ca_certificate.IsNull()}}) {
      if (!set || !k.config_path.IsNull() || !k.config_paths.IsNull() ||
          k.in_cluster.value_or(false))
        continue;
      if (std::getenv("KUBE_HOST") != nullptr || std::getenv("KUBE_CONFIG_PATH") != nullptr ||
          std::getenv("KUBE_CONFIG_PATHS") != nullptr || std::getenv("KUBECONFIG") != nullptr) {
        continue;
      }
      return At(at.Attribute(name),
                absl::InvalidArgumentError(
                    absl::StrCat("\"", name,
                                 "\" needs to know the server: set \"host\" (or KUBE_HOST), or "
                                 "\"config_path\" (or KUBE_CONFIG_PATH)")));
    }
  }
  return absl::OkStatus();
}

std::optional<std::string> Optionally(const Attr<std::string>& attr) { return attr.optional(); }

kubernetes::ConnectionSettings ToConnection(const KubernetesModel& model) {
  kubernetes::ConnectionSettings settings;
  settings.config_path = Optionally(model.config_path);
  settings.config_paths = model.config_paths.value_or({});
  settings.config_context = Optionally(model.config_context);
  settings.host = Optionally(model.host);
  settings.token = Optionally(model.token);
  settings.token_file = Optionally(model.token_file);
  settings.client_certificate = Optionally(model.client_certificate);
  settings.client_key = Optionally(model.client_key);
  settings.cluster_ca_certificate = Optionally(model.cluster_ca_certificate);
  settings.proxy_url = Optionally(model.proxy_url);
  settings.tls_server_name = Optionally(model.tls_server_name);
  settings.insecure = model.insecure.optional();
  settings.in_cluster = model.in_cluster.optional();
  if (model.exec.IsKnown()) {
    kubernetes::ExecConfig exec;
    exec.api_version = model.exec->api_version.value_or("client.authentication.k8s.io/v1");
    exec.command = model.exec->command.value_or("");
    exec.args = model.exec->args.value_or({});
    exec.env = model.exec->env.value_or({});
    settings.exec = std::move(exec);
  }
  return settings;
}

}  // namespace

Conventions ToConventions(const ConventionsModel& model) {
  Conventions conventions;
  conventions.owner = model.owner.value_or("default");
  conventions.managed_by = model.managed_by.value_or("charon");
  conventions.default_labels = model.default_labels.value_or({});
  conventions.render_version = static_cast<int>(model.render_version.value_or(1));
  conventions.domain = model.domain.value_or("");
  conventions.nfs_server = model.nfs_server.value_or("");
  conventions.nfs_driver = model.nfs_driver.value_or(conventions.nfs_driver);
  conventions.reload_annotation = model.reload_annotation.value_or("");
  conventions.wait_for_annotation = model.wait_for_annotation.value_or("");
  conventions.wait_for_image = model.wait_for_image.value_or(conventions.wait_for_image);
  conventions.secret_store_kind = model.secret_store_kind.value_or(conventions.secret_store_kind);
  conventions.storage_classes = model.storage_classes.value_or({});
  for (const auto& [name, size] : model.sizes.value_or({})) {
    conventions.sizes[name] = {size.requests.value_or({}), size.limits.value_or({})};
  }
  if (model.gpu.IsKnown()) {
    conventions.gpu_count_resource =
        model.gpu->count_resource.value_or(conventions.gpu_count_resource);
    conventions.gpu_memory_resource = model.gpu->memory_resource.value_or("");
    conventions.gpu_node_selector =
        model.gpu->node_selector.value_or(conventions.gpu_node_selector);
  }
  if (model.ingress.IsKnown()) {
    const IngressConventionsModel& ingress = *model.ingress;
    conventions.ingress.controller = ingress.controller.value_or(conventions.ingress.controller);
    conventions.ingress.ingress_class = ingress.ingress_class.value_or("");
    conventions.ingress.tls_secret = ingress.tls_secret.value_or("");
    conventions.ingress.tls_issuer = ingress.tls_issuer.value_or("");
    conventions.ingress.entrypoints = ingress.entrypoints.value_or("");
    conventions.ingress.sablier_url = ingress.sablier_url.value_or(conventions.ingress.sablier_url);
    conventions.ingress.middlewares = ingress.middlewares.value_or({});
    for (const auto& [mode, auth] : ingress.auth_modes.value_or({})) {
      conventions.ingress.auth_modes[mode] = {auth.middlewares.value_or({}),
                                              auth.annotations.value_or({})};
    }
  }
  for (const auto& [name, tier] : model.tiers.value_or({})) {
    TierProfile profile;
    for (const TierProfile& one : BuiltInTiers()) {
      if (one.name != name) continue;
      profile.priority = one.priority;
      profile.preempts = one.preempts;
    }
    profile.name = name;
    profile.priority = tier.priority.value_or(profile.priority);
    if (tier.preemption_policy.IsKnown()) profile.preempts = *tier.preemption_policy != "Never";
    profile.limit_range = tier.limit_range.value_or({});
    profile.quota = tier.resource_quota.value_or({});
    conventions.tiers.emplace(name, std::move(profile));
  }
  return conventions;
}

const ObjectSpec<ExecModel>& ExecModel::Describe() {
  using M = ExecModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A program that prints credentials, as in a kubeconfig's `users[].user.exec`.",
      {
          Field(&M::api_version, "api_version", Optional,
                "Version of the exec credential API: `client.authentication.k8s.io/v1` (default) "
                "or `.../v1beta1`.")
              .Check(OneOf(
                  {"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"})),
          Field(&M::command, "command", Required, "The program, by name or path."),
          Field(&M::args, "args", Optional, "Arguments of the program."),
          Field(&M::env, "env", Optional, "Environment variables added to Terraform's own."),
      });
  return spec;
}

const ObjectSpec<KubernetesModel>& KubernetesModel::Describe() {
  using M = KubernetesModel;
  static const auto& spec = *new ObjectSpec<M>(
      "How to reach the Kubernetes cluster. Without it the environment decides: "
      "`KUBE_CONFIG_PATH(S)`, `KUBECONFIG`, then "
      "the service account of the pod that Terraform runs in. Nothing is contacted before it is "
      "needed, and a file that does "
      "not exist yet is no error in a plan that can do without it.",
      {
          Field(&M::config_path, "config_path", Optional,
                "Path of a kubeconfig file. `~` is the home directory. Environment: "
                "`KUBE_CONFIG_PATH`."),
          Field(&M::config_paths, "config_paths", Optional,
                "Paths of several kubeconfig files, merged as kubectl merges them: the first "
                "definition of a name wins. "
                "Environment: `KUBE_CONFIG_PATHS`, then `KUBECONFIG`."),
          Field(&M::config_context, "config_context", Optional,
                "The context to use instead of the file's current one. Environment: `KUBE_CTX`."),
          Field(&M::host, "host", Optional,
                "URL of the API server, `https://192.0.2.10:6443`. Environment: `KUBE_HOST`."),
          Field(&M::token, "token", Optional, "Bearer token. Environment: `KUBE_TOKEN`.")
              .Sensitive(),
          Field(&M::token_file, "token_file", Optional,
                "File that holds the bearer token; read again when it changes, as rotated service "
                "account tokens do."),
          Field(&M::client_certificate, "client_certificate", Optional,
                "Client certificate, PEM. Environment: `KUBE_CLIENT_CERT_DATA`.")
              .Check(Pem("")),
          Field(&M::client_key, "client_key", Optional,
                "Private key of the client certificate, PEM. Environment: `KUBE_CLIENT_KEY_DATA`.")
              .Sensitive()
              .Check(Pem("")),
          Field(&M::cluster_ca_certificate, "cluster_ca_certificate", Optional,
                "Certificate authority of the API server, PEM. Environment: "
                "`KUBE_CLUSTER_CA_CERT_DATA`.")
              .Check(Pem("")),
          Field(&M::exec, "exec", Optional, "A program that prints credentials."),
          Field(&M::proxy_url, "proxy_url", Optional,
                "HTTP or SOCKS5 proxy, `http://proxy:3128`. Environment: `KUBE_PROXY_URL`, then "
                "`HTTPS_PROXY`."),
          Field(&M::tls_server_name, "tls_server_name", Optional,
                "Name that the server's certificate must have, if it is not the host. Environment: "
                "`KUBE_TLS_SERVER_NAME`."),
          Field(&M::insecure, "insecure", Optional,
                "Do not verify the server's certificate. For tests only. Environment: "
                "`KUBE_INSECURE`."),
          Field(&M::in_cluster, "in_cluster", Optional,
                "Use the service account of the pod that Terraform runs in."),
          Field(&M::field_manager, "field_manager", Optional,
                "Field manager of server-side apply, `charon` by default. Two stacks that share "
                "objects need not differ here: `conventions.owner` keeps them apart. With another "
                "name an object's fields change hands when the object is next changed.")
              .Check(LengthBetween(1, 100)),
      },
      {AtMostOneOf({"config_path", "config_paths"}), AtMostOneOf({"token", "token_file"}),
       RequiredTogether({"client_certificate", "client_key"})});
  return spec;
}

const ObjectSpec<HeadscaleModel>& HeadscaleModel::Describe() {
  using M = HeadscaleModel;
  static const auto& spec = *new ObjectSpec<M>(
      "How to reach the Headscale server. Each version from 0.23 on is spoken to in its own way.",
      {
          Field(&M::endpoint, "endpoint", Optional,
                "URL that clients log in to, `https://vpn.example.org`. Environment: "
                "`HEADSCALE_ENDPOINT`."),
          Field(&M::api_key, "api_key", Optional,
                "What `headscale apikeys create` prints. Environment: `HEADSCALE_API_KEY`.")
              .Sensitive(),
          Field(&M::dialect, "dialect", Optional,
                "Minor version of the server, `0.26`, where a proxy hides it; `auto` (default) "
                "asks the server.")
              .Check(HeadscaleDialect()),
          Field(&M::base_domain, "base_domain", Optional,
                "The server's `dns.base_domain`, which its API does not tell: `fqdn` of a node "
                "ends with it.")
              .Check(DnsSubdomain()),
          Field(&M::ca, "ca", Optional,
                "Certificate authority of the server, PEM; the system's by default.")
              .Check(Pem("")),
          Field(&M::insecure, "insecure", Optional,
                "Do not verify the server's certificate. For tests only."),
      });
  return spec;
}

const ObjectSpec<TierModel>& TierModel::Describe() {
  using M = TierModel;
  static const auto& spec = *new ObjectSpec<M>(
      "What a tier gives to a namespace.",
      {
          Field(&M::priority, "priority", Optional,
                "Value of the tier's PriorityClass. By default that of the built-in tier of this "
                "name, else 0.")
              .Check(Between(-2147483648LL, 1000000000LL)),
          Field(&M::preemption_policy, "preemption_policy", Optional,
                "`PreemptLowerPriority` or `Never`. By default as the built-in tier of this name, "
                "else "
                "`PreemptLowerPriority`.")
              .Check(OneOf({"PreemptLowerPriority", "Never"})),
          Field(&M::limit_range, "limit_range", Optional,
                "Limits of each container, by LimitRange field (`default`, `defaultRequest`, "
                "`max`, `min`), then resource.")
              .Check(LimitRangeChecks()),
          Field(&M::resource_quota, "resource_quota", Optional,
                "Quota of the namespace, by resource: `{ \"requests.cpu\" = \"4\" }`.")
              .Check(QuotaChecks()),
      });
  return spec;
}

const ObjectSpec<AuthModeModel>& AuthModeModel::Describe() {
  using M = AuthModeModel;
  static const auto& spec = *new ObjectSpec<M>(
      "What an authentication mode means to the ingress controller.",
      {
          Field(&M::middlewares, "middlewares", Optional,
                "Traefik middlewares, as `namespace-name@kubernetescrd`."),
          Field(&M::annotations, "annotations", Optional,
                "Annotations of the Ingress: `nginx.ingress.kubernetes.io/auth-url`, ..."),
      });
  return spec;
}

const ObjectSpec<IngressConventionsModel>& IngressConventionsModel::Describe() {
  using M = IngressConventionsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The ingress controller of the platform.",
      {
          Field(&M::controller, "controller", Optional, "`nginx` (default) or `traefik`.")
              .Check(OneOf({"nginx", "traefik"})),
          Field(&M::ingress_class, "ingress_class", Optional,
                "IngressClass; the cluster's default if unset."),
          Field(&M::tls_secret, "tls_secret", Optional,
                "Secret with the wildcard certificate, in each namespace."),
          Field(&M::tls_issuer, "tls_issuer", Optional,
                "ClusterIssuer of cert-manager for hosts without a Secret."),
          Field(&M::entrypoints, "entrypoints", Optional,
                "Traefik: entry points of the routers, `websecure` by default."),
          Field(&M::sablier_url, "sablier_url", Optional,
                "Where `scale_to_zero` finds Sablier; `http://sablier.sablier:10000` by default."),
          Field(&M::auth_modes, "auth_modes", Optional,
                "What `auth` of an entry means, by `required`, `app`, `public` or `none`.")
              .Check(EachKey(OneOf({"required", "app", "public", "none"}))),
          Field(&M::middlewares, "middlewares", Optional,
                "Traefik: middlewares that every route gets, by role: `real-ip`, `retry`, "
                "`error-pages`, `rate-limit`, `csp`, "
                "`ai-bots`, `ai-headers`, `local-only`. Their order is fixed.")
              .Check(EachKey(OneOf({"real-ip", "retry", "error-pages", "rate-limit", "csp",
                                    "ai-bots", "ai-headers", "local-only"}))),
      },
      {AtMostOneOf({"tls_secret", "tls_issuer"})});
  return spec;
}

const ObjectSpec<GpuConventionsModel>& GpuConventionsModel::Describe() {
  using M = GpuConventionsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "How the cluster offers GPUs.",
      {
          Field(&M::count_resource, "count_resource", Optional,
                "Resource that counts GPUs, and key of their taint; `nvidia.com/gpu` by default."),
          Field(&M::memory_resource, "memory_resource", Optional,
                "Resource that counts GPU memory in MiB, if there is one."),
          Field(&M::node_selector, "node_selector", Optional,
                "Labels of nodes with a GPU; `{ \"nvidia.com/gpu.present\" = \"true\" }` by "
                "default."),
      });
  return spec;
}

const ObjectSpec<SizeModel>& SizeModel::Describe() {
  using M = SizeModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Resources of a container that go by a name.",
      {
          Field(&M::requests, "requests", Optional, "What the scheduler sets aside, by resource.")
              .Check(EachKey(ContainerResource()))
              .Check(EachElement(QuantityText())),
          Field(&M::limits, "limits", Optional, "What the container may use at most.")
              .Check(EachKey(ContainerResource()))
              .Check(EachElement(QuantityText())),
      });
  return spec;
}

const ObjectSpec<ConventionsModel>& ConventionsModel::Describe() {
  using M = ConventionsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "What the platform agrees on once.",
      {
          Field(&M::owner, "owner", Optional,
                "Name of this stack in the owner mark (annotation `charon.internal/owner`) of "
                "every object; `default` by "
                "default. Give each stack its own: a second stack that declares the same object "
                "then gets an error "
                "instead of a fight.")
              .Check(LabelValue()),
          Field(&M::managed_by, "managed_by", Optional,
                "Value of the label `app.kubernetes.io/managed-by`, `charon` by default. Policies "
                "of some clusters react to "
                "the value `terraform`, so it is never that by itself."),
          Field(&M::render_version, "render_version", Optional,
                "How services are rendered; 1 if unset, for ever. A provider upgrade alone never "
                "changes an object: a newer way of "
                "rendering takes effect when this is raised. 2: pods without `identity` rules get "
                "no API token, and none gets variables about other Services (guide \"Services\").")
              .Check(RenderVersion()),
          Field(&M::domain, "domain", Optional, "Domain of hosts that are given without one.")
              .Check(DnsSubdomain()),
          Field(&M::ingress, "ingress", Optional, "The ingress controller of the platform."),
          Field(&M::gpu, "gpu", Optional, "How the cluster offers GPUs."),
          Field(&M::storage_classes, "storage_classes", Optional,
                "Aliases of StorageClasses: `{ fast = \"proxmox-lvm\" }`."),
          Field(&M::sizes, "sizes", Optional,
                "Sizes of containers by name, for `resources.size` of a service: `{ small = { "
                "requests = { cpu = \"50m\", memory = "
                "\"128Mi\" } } }`."),
          Field(&M::nfs_server, "nfs_server", Optional, "NFS server of volumes that name none."),
          Field(&M::nfs_driver, "nfs_driver", Optional,
                "CSI driver for NFS; `nfs.csi.k8s.io` by default."),
          Field(&M::secret_store_kind, "secret_store_kind", Optional,
                "Kind of External Secrets stores; `ClusterSecretStore` by default.")
              .Check(OneOf({"ClusterSecretStore", "SecretStore"})),
          Field(&M::reload_annotation, "reload_annotation", Optional,
                "Annotation by which a controller of the cluster restarts workloads when these "
                "Secrets change, such as "
                "`secret.reloader.stakater.com/reload`. Without one, Terraform's plan shows the "
                "restart.")
              .Check(LabelKey()),
          Field(&M::wait_for_annotation, "wait_for_annotation", Optional,
                "Pod annotation that a policy of the cluster turns into waiting for `host:port`. "
                "Without one, an init container waits.")
              .Check(LabelKey()),
          Field(&M::wait_for_image, "wait_for_image", Optional,
                "Image of that init container; it needs `sh` and `nc`."),
          Field(
              &M::default_labels, "default_labels", Optional,
              "Labels of every object that a typed resource makes. A change reaches those that are "
              "there, which the plan shows (`labels_all`).")
              .Check(EachKey(LabelKey()))
              .Check(EachElement(LabelValue())),
          Field(&M::tiers, "tiers", Optional,
                "Your own tiers by name, in front of the built-in `0-core`, `1-cluster`, `2-gpu`, "
                "`3-edge` and `4-aux`.")
              .Check(EachKey(LabelValue())),
      });
  return spec;
}

const ObjectSpec<ProviderModel>& ProviderModel::Describe() {
  using M = ProviderModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Native resources for people who run their own platform. Every part is optional and falls "
      "back to the environment; an "
      "empty block is valid. A key that is not known is an error.",
      {
          Field(&M::kubernetes, "kubernetes", Optional, "How to reach the Kubernetes cluster.")
              .Strict(),
          Field(&M::headscale, "headscale", Optional, "How to reach the Headscale server.")
              .Strict(),
          FieldOf<M>(&DnsModels::cloudflare, "cloudflare", Optional,
                     "How to reach Cloudflare, for DNS.")
              .Strict(),
          FieldOf<M>(&DnsModels::aws, "aws", Optional, "How to reach AWS, for DNS (Route 53).")
              .Strict(),
          FieldOf<M>(&DnsModels::rfc2136, "rfc2136", Optional,
                     "A name server that takes dynamic updates.")
              .Strict(),
          FieldOf<M>(&DnsModels::powerdns, "powerdns", Optional, "A PowerDNS server, by its API.")
              .Strict(),
          Field(&M::conventions, "conventions", Optional, "What the platform agrees on once.")
              .Strict(),
          Field(&M::plan_checks, "plan_checks", Optional,
                "`auto` (default) asks reachable servers during plan whether they would accept "
                "what changes (one dry run an "
                "object); `off` asks nothing.")
              .Check(OneOf({"auto", "off"})),
      });
  return spec;
}

sdk::Diagnostics ProviderBlock::Validate(const Call&, const Value& config) {
  sdk::Diagnostics diagnostics;
  std::vector<absl::Status> warnings;
  for (const absl::Status& error :
       ValidateObject(schema(), config, /*write_only_allowed=*/true, &warnings)) {
    diagnostics.Error("Invalid provider configuration", error);
  }
  for (const absl::Status& warning : warnings) diagnostics.Warning("Deprecated argument", warning);
  if (diagnostics.HasError() || !config.IsKnown()) return diagnostics;
  const absl::StatusOr<ProviderModel> model = ProviderModel::Describe().Decode(config);
  diagnostics.Error("Invalid provider configuration",
                    model.ok() ? CheckModel(*model) : model.status());
  if (model.ok()) diagnostics.Error("Invalid provider configuration", CheckDnsModels(*model));
  return diagnostics;
}

sdk::Diagnostics ProviderBlock::Configure(const Call&, const Value& config, const std::string&) {
  sdk::Diagnostics diagnostics;
  ProviderModel model;
  if (config.IsKnown()) {
    absl::StatusOr<ProviderModel> decoded = ProviderModel::Describe().Decode(config);
    if (!decoded.ok()) {
      diagnostics.Error("Invalid provider configuration", decoded.status());
      return diagnostics;
    }
    model = *std::move(decoded);
  }
  Settings settings;
  if (model.kubernetes.IsKnown()) {
    settings.kubernetes = ToConnection(*model.kubernetes);
    settings.field_manager = model.kubernetes->field_manager.value_or("charon");
  }
  if (model.headscale.IsKnown()) {
    settings.headscale.endpoint = Optionally(model.headscale->endpoint);
    settings.headscale.api_key = Optionally(model.headscale->api_key);
    settings.headscale.ca = Optionally(model.headscale->ca);
    settings.headscale.dialect = model.headscale->dialect.value_or("");
    settings.headscale.insecure = model.headscale->insecure.value_or(false);
    settings.vpn_base_domain = model.headscale->base_domain.value_or("");
  }
  if (model.conventions.IsKnown()) settings.conventions = ToConventions(*model.conventions);
  settings.dns = ToDnsSettings(model, ProcessEnvironment());
  settings.plan_checks = model.plan_checks.value_or("auto") == "auto";
  settings.configured = true;
  CollectUnknown(config, "", &settings.unknown);
  services_.Configure(std::move(settings));
  return diagnostics;
}

std::vector<std::string> ProviderBlock::Unknown(const std::vector<std::string>& parts) const {
  const std::shared_ptr<const Settings> settings = services_.settings();
  std::set<std::string> unknown;
  for (const std::string& part : parts) {
    for (std::string& place : settings->UnknownIn(part)) unknown.insert(std::move(place));
  }
  return {unknown.begin(), unknown.end()};
}

}  // namespace charon
