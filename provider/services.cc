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
  headscale_checker_.unreachable = false;
  cluster_id_.reset();
  cluster_checker_.unreachable = false;
  planned_tiers_.clear();
  planned_secrets_.clear();
  planned_quotas_.clear();
  planned_pod_security_.clear();
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

void Services::NotePlannedPodSecurity(absl::string_view name_space, absl::string_view level) {
  absl::MutexLock lock(&mutex_);
  planned_pod_security_.insert_or_assign(std::string(name_space), std::string(level));
}

std::optional<std::string> Services::PlannedPodSecurity(absl::string_view name_space) const {
  absl::MutexLock lock(&mutex_);
  const auto found = planned_pod_security_.find(std::string(name_space));
  if (found == planned_pod_security_.end()) return std::nullopt;
  return found->second;
}

bool Services::PlansQuota(absl::string_view name_space) const {
  absl::MutexLock lock(&mutex_);
  return planned_quotas_.count(std::string(name_space)) != 0;
}

template <typename Client>
absl::Status Services::Check(const sdk::Context& context, PlanChecker& checker,
                             absl::StatusOr<std::shared_ptr<Client>> (Services::*connect)() const,
                             const std::function<absl::Status(Client&)>& check) const {
  {
    absl::MutexLock lock(&mutex_);
    if (!settings_->plan_checks || checker.unreachable || !settings_->Knows(checker.part))
      return absl::OkStatus();
  }
  const absl::StatusOr<std::shared_ptr<Client>> client = (this->*connect)();
  absl::Status status = client.ok() ? check(**client) : client.status();
  if (kubernetes::IsHidden(status)) return absl::OkStatus();  // about one kind only
  if (client.ok() && !absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status) &&
      !absl::IsUnauthenticated(status))
    return status;
  // A server that does not answer in the time of a plan is as good as none.
  if (context.call.stop.stop_requested()) return context.call.Alive();
  // At an apply of this plan the error is about to be said.
  if (checker.unreachable.exchange(true) || context.planned_before) return absl::OkStatus();
  context.diagnostics->Warning(
      absl::StrCat("The ", checker.name, " cannot be asked"),
      Annotate(std::move(status),
               "It did not check the plan, and the apply will fail unless that changes before"));
  return absl::OkStatus();
}

absl::Status Services::CheckPlan(
    const sdk::Context& context,
    const std::function<absl::Status(kubernetes::Cluster&)>& check) const {
  return Check(context, cluster_checker_, &Services::Kubernetes, check);
}

absl::Status Services::CheckHeadscalePlan(
    const sdk::Context& context,
    const std::function<absl::Status(headscale::Client&)>& check) const {
  return Check(context, headscale_checker_, &Services::Headscale, check);
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
