#include "provider/services.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/base/status.h"

namespace charon {
namespace {

absl::StatusOr<std::unique_ptr<kubernetes::Cluster>> ConnectToCluster(const kubernetes::ConnectionSettings& settings) {
  CHARON_ASSIGN_OR_RETURN(const kubernetes::Connection connection,
                          kubernetes::Resolve(settings, kubernetes::Environment::Real()));
  CHARON_ASSIGN_OR_RETURN(std::unique_ptr<http::Transport> transport,
                          kubernetes::Connect(connection, "terraform-provider-charon/" CHARON_VERSION));
  return kubernetes::NewCluster(std::move(transport), connection.description);
}

}  // namespace

Services::Services() : Services(ConnectToCluster) {}

void Services::Configure(Settings settings) {
  absl::MutexLock lock(&mutex_);
  settings_ = std::make_shared<const Settings>(std::move(settings));
  cluster_ = nullptr;
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

operations::ObjectOptions Services::Ownership(absl::string_view type, absl::string_view identity) const {
  const std::shared_ptr<const Settings> current = settings();
  operations::ObjectOptions options;
  options.manager = current->field_manager;
  options.owner = absl::StrCat(current->conventions.owner, "/", type, "/", identity);
  return options;
}

}  // namespace charon
