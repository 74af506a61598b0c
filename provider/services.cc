#include "provider/services.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"

namespace charon {
namespace {

absl::StatusOr<std::unique_ptr<kubernetes::Cluster>> ConnectToCluster(
    const kubernetes::ConnectionSettings& settings) {
  CHARON_ASSIGN_OR_RETURN(const kubernetes::Connection connection,
                          kubernetes::Resolve(settings, kubernetes::Environment::Real()));
  CHARON_ASSIGN_OR_RETURN(
      std::unique_ptr<http::Transport> transport,
      kubernetes::Connect(connection, "terraform-provider-charon/" CHARON_VERSION));
  return kubernetes::NewCluster(std::move(transport), connection.description,
                                {.address = connection.server});
}

absl::StatusOr<std::unique_ptr<headscale::Client>> ConnectToHeadscale(
    const headscale::ConnectionSettings& settings) {
  CHARON_ASSIGN_OR_RETURN(const headscale::Connection connection, headscale::Resolve(settings));
  return headscale::Connect(connection, "terraform-provider-charon/" CHARON_VERSION);
}

}  // namespace

std::vector<std::string> Settings::UnknownIn(absl::string_view part) const {
  auto within = [](absl::string_view inner, absl::string_view outer) {
    return outer.empty() || inner == outer || absl::StartsWith(inner, absl::StrCat(outer, "."));
  };
  std::vector<std::string> found;
  for (const std::string& place : unknown) {
    if (within(place, part) || within(part, place)) found.push_back(place);
  }
  return found;
}

Services::Services() : Services(ConnectToCluster) {}

Services::Services(ClusterFactory make_cluster)
    : Services(std::move(make_cluster), ConnectToHeadscale) {}

void Services::Configure(Settings settings) {
  dns_.Configure(settings.dns);
  absl::MutexLock lock(&mutex_);
  settings_ = std::make_shared<const Settings>(std::move(settings));
  cluster_ = nullptr;
  headscale_ = nullptr;
  headscale_unreachable_ = false;
  cluster_id_.reset();
  unreachable_ = false;
  planned_tiers_.clear();
  planned_quotas_.clear();
  claims_.clear();
}

std::shared_ptr<const Settings> Services::settings() const {
  absl::MutexLock lock(&mutex_);
  return settings_;
}

absl::StatusOr<std::shared_ptr<kubernetes::Cluster>> Services::Kubernetes() const {
  // Under the lock: parallel first uses must end up with one client. Building one contacts nothing.
  absl::MutexLock lock(&mutex_);
  if (cluster_ == nullptr) {
    CHARON_ASSIGN_OR_RETURN(cluster_, make_cluster_(settings_->kubernetes));
  }
  return cluster_;
}

absl::StatusOr<std::shared_ptr<headscale::Client>> Services::Headscale() const {
  absl::MutexLock lock(&mutex_);
  if (headscale_ == nullptr) {
    CHARON_ASSIGN_OR_RETURN(headscale_, make_headscale_(settings_->headscale));
  }
  return headscale_;
}

absl::Status Services::CheckHeadscalePlan(
    const Call& call, const std::function<absl::Status(headscale::Client&)>& check) const {
  {
    absl::MutexLock lock(&mutex_);
    if (!settings_->plan_checks || !settings_->configured || headscale_unreachable_ ||
        !settings_->Knows("headscale"))
      return absl::OkStatus();
  }
  const absl::StatusOr<std::shared_ptr<headscale::Client>> client = Headscale();
  if (!client.ok()) return absl::OkStatus();  // told when the server is needed
  const absl::Status status = check(**client);
  if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) return status;
  call.log->Info("the Headscale server does not answer; the plan goes unchecked",
                 {{"error", std::string(status.message())}});
  absl::MutexLock lock(&mutex_);
  headscale_unreachable_ = true;
  return absl::OkStatus();
}

std::string Services::ClusterId(const Call& call) const {
  {
    absl::MutexLock lock(&mutex_);
    if (cluster_id_) return *cluster_id_;
    if (!settings_->configured || !settings_->Knows("kubernetes")) return "";
  }
  const absl::StatusOr<std::shared_ptr<kubernetes::Cluster>> cluster = Kubernetes();
  std::string id;
  if (cluster.ok()) {
    const absl::StatusOr<std::shared_ptr<const nlohmann::json>> system =
        (*cluster)->Read(call, {{"v1", "Namespace"}, "", "kube-system"});
    if (system.ok()) id = kubernetes::Text(**system, "metadata.uid");
  }
  absl::MutexLock lock(&mutex_);
  cluster_id_ = id;
  return id;
}

absl::Status Services::CheckClusterId(const Call& call,
                                      const std::optional<std::string>& expected) const {
  const std::string actual = ClusterId(call);
  if (!expected || actual.empty() || *expected == actual) return absl::OkStatus();
  return WithRemedy(
      absl::FailedPreconditionError(absl::StrCat("the identity is of cluster ", *expected,
                                                 ", but the provider is connected to ", actual)),
      "Use the provider configuration of that cluster.");
}

bool Services::Claim(absl::string_view place) {
  absl::MutexLock lock(&mutex_);
  return claims_.insert(std::string(place)).second;
}

void Services::GiveBack(absl::string_view place) {
  absl::MutexLock lock(&mutex_);
  claims_.erase(std::string(place));
}

void Services::NotePlannedTier(TierProfile tier) {
  absl::MutexLock lock(&mutex_);
  std::string name = tier.name;
  planned_tiers_.insert_or_assign(std::move(name), std::move(tier));
}

std::optional<TierProfile> Services::PlannedTier(absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, tier] : planned_tiers_) {
    if (key == name || ShortTierName(key) == name) return tier;
  }
  return std::nullopt;
}

void Services::NotePlannedSecret(absl::string_view secret) {
  absl::MutexLock lock(&mutex_);
  planned_secrets_.emplace(secret);
}

bool Services::PlansSecret(absl::string_view secret) const {
  absl::MutexLock lock(&mutex_);
  return planned_secrets_.count(std::string(secret)) != 0;
}

void Services::NotePlannedQuota(absl::string_view name_space) {
  absl::MutexLock lock(&mutex_);
  planned_quotas_.emplace(name_space);
}

bool Services::PlansQuota(absl::string_view name_space) const {
  absl::MutexLock lock(&mutex_);
  return planned_quotas_.count(std::string(name_space)) != 0;
}

absl::Status Services::CheckPlan(
    const Call& call, const std::function<absl::Status(kubernetes::Cluster&)>& check) const {
  {
    absl::MutexLock lock(&mutex_);
    if (!settings_->plan_checks || unreachable_ || !settings_->Knows("kubernetes"))
      return absl::OkStatus();
  }
  const absl::StatusOr<std::shared_ptr<kubernetes::Cluster>> cluster = Kubernetes();
  if (!cluster.ok())
    return absl::OkStatus();  // a kubeconfig, or a cluster, that this very run may make
  const absl::Status status = check(**cluster);
  if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) return status;
  call.log->Info("the cluster does not answer; the plan goes unchecked",
                 {{"error", std::string(status.message())}});
  absl::MutexLock lock(&mutex_);
  unreachable_ = true;
  return absl::OkStatus();
}

operations::ObjectOptions Services::Ownership(absl::string_view type,
                                              absl::string_view identity) const {
  const std::shared_ptr<const Settings> current = settings();
  operations::ObjectOptions options;
  options.manager = current->field_manager;
  options.owner = absl::StrCat(current->conventions.owner, "/", type, "/", identity);
  return options;
}

}  // namespace charon
