// Data sources charon_vpn_users and charon_vpn_server.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "provider/schema/field.h"
#include "provider/sdk/data_source.h"
#include "provider/services.h"

namespace charon::vpn_data {

struct UserInfo {
  Attr<std::string> id, display_name, email, picture_url, created_at;
  Attr<bool> oidc;
  Attr<std::set<std::string>> nodes;
  static const ObjectSpec<UserInfo>& Describe();
};

struct UsersModel {
  Attr<std::string> name, email;
  Attr<bool> oidc;
  Attr<std::map<std::string, UserInfo>> users;
  static const ObjectSpec<UsersModel>& Describe();
};

struct ServerModel {
  Attr<std::string> endpoint, version, dialect, next_version;
  Attr<std::vector<std::string>> next_changes;
  Attr<std::map<std::string, bool>> features;
  static const ObjectSpec<ServerModel>& Describe();
};

class UsersSource final : public sdk::DataSource<UsersModel> {
 public:
  explicit UsersSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  sdk::Outcome<UsersModel> Read(const sdk::Context& context, const UsersModel& config) override;

 private:
  Services& services_;
};

class ServerSource final : public sdk::DataSource<ServerModel> {
 public:
  explicit ServerSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  sdk::Outcome<ServerModel> Read(const sdk::Context& context, const ServerModel& config) override;

 private:
  Services& services_;
};

}  // namespace charon::vpn_data
