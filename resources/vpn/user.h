// charon_vpn_user: a user of the Headscale server.
#pragma once

#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "provider/schema/field.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"

namespace charon::vpn {

struct UserModel {
  Attr<std::string> id, name, display_name, email, picture_url, on_conflict, created_at;
  Attr<bool> force_delete, oidc;
  Attr<sdk::TimeoutsModel> timeouts;
  static const ObjectSpec<UserModel>& Describe();
};

struct UserIdentity {
  Attr<std::string> id;
  static const ObjectSpec<UserIdentity>& Describe();
};

class UserResource final : public sdk::Resource<UserModel, UserIdentity> {
 public:
  explicit UserResource(Services& services) : services_(services) {}

  const sdk::ResourceInfo& info() const override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<UserModel>& change) override;
  sdk::Outcome<UserModel> Create(const sdk::Context& context, const UserModel& plan) override;
  sdk::Outcome<UserModel> Read(const sdk::Context& context, const UserModel& prior) override;
  sdk::Outcome<UserModel> Update(const sdk::Context& context, const UserModel& prior,
                                 const UserModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const UserModel& prior) override;
  absl::StatusOr<UserModel> Import(const sdk::Context& context, const std::string& id) override;
  absl::StatusOr<UserModel> ImportByIdentity(const sdk::Context& context,
                                             const UserIdentity& identity) override;
  absl::StatusOr<UserIdentity> Identify(const sdk::Context& context,
                                        const UserModel& state) override;

 private:
  sdk::Outcome<UserModel> Make(const sdk::Context& context, const UserModel& plan);
  absl::Status DeleteUser(const sdk::Context& context, headscale::Client& client,
                          const headscale::User& user, bool with_nodes);

  Services& services_;
  absl::Mutex mutex_;
  std::set<std::string> leaving_
      ABSL_GUARDED_BY(mutex_);  // ids of users that this run's plan takes away
};

}  // namespace charon::vpn
