// charon_dns_records and charon_dns_zone: what a zone holds, and whether it is delegated.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "provider/schema/field.h"
#include "provider/sdk/data_source.h"
#include "provider/services.h"

namespace charon::dns_data {

struct FoundRecordModel {
  Attr<std::string> name, type, set_id, comment, owner;
  Attr<std::int64_t> ttl;
  Attr<std::vector<std::string>> values;
  Attr<bool> proxied;
  static const ObjectSpec<FoundRecordModel>& Describe();
};

struct RecordsModel {
  Attr<std::string> backend, zone, name, type;
  Attr<std::vector<FoundRecordModel>> records;
  Attr<std::int64_t> record_count, record_limit;
  static const ObjectSpec<RecordsModel>& Describe();
};

class RecordsSource final : public sdk::DataSource<RecordsModel> {
 public:
  explicit RecordsSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  sdk::Outcome<RecordsModel> Read(const sdk::Context& context, const RecordsModel& config) override;

 private:
  Services& services_;
};

struct ZoneModel {
  Attr<std::string> backend, name, zone_id, resolver;
  Attr<std::vector<std::string>> name_servers, delegated_to;
  Attr<bool> check_delegation, delegated;
  Attr<std::int64_t> record_limit;
  static const ObjectSpec<ZoneModel>& Describe();
};

class ZoneSource final : public sdk::DataSource<ZoneModel> {
 public:
  explicit ZoneSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  sdk::Outcome<ZoneModel> Read(const sdk::Context& context, const ZoneModel& config) override;

 private:
  Services& services_;
};

}  // namespace charon::dns_data
