// A provider that does nothing, built from the same SDK and server: what Terraform itself costs. It
// offers the text form of charon_kubernetes_manifest and no more, so that the same configuration
// runs on it; or, with CHARON_BENCH_NULL=charon_service, that resource with its whole schema.
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "provider/schema/field.h"
#include "provider/sdk/registry.h"
#include "provider/server/serve.h"
#include "resources/service/service.h"

namespace {

using charon::Attr;
using charon::Call;
using charon::Field;
using charon::ObjectSchema;
using charon::ObjectSpec;
using charon::Value;
namespace sdk = charon::sdk;

struct BlockModel {
  Attr<std::string> plan_checks;
  static const ObjectSpec<BlockModel>& Describe() {
    static const auto& spec = *new ObjectSpec<BlockModel>(
        "Nothing.",
        {Field(&BlockModel::plan_checks, "plan_checks", charon::Optional, "Ignored here.")});
    return spec;
  }
};

class Block final : public sdk::AnyProvider {
 public:
  const ObjectSchema& schema() const override { return BlockModel::Describe().schema(); }
  sdk::Diagnostics Validate(const Call&, const Value&) override { return {}; }
  sdk::Diagnostics Configure(const Call&, const Value&, const std::string&) override { return {}; }
  std::vector<std::string> Unknown(const std::vector<std::string>&) const override { return {}; }
};

struct ManifestModel {
  Attr<std::string> manifest;
  static const ObjectSpec<ManifestModel>& Describe() {
    static const auto& spec = *new ObjectSpec<ManifestModel>(
        "Nothing.",
        {Field(&ManifestModel::manifest, "manifest", charon::Required, "Kept as it is.")});
    return spec;
  }
};

template <typename Model>
class Nothing final : public sdk::Resource<Model> {
 public:
  explicit Nothing(std::string type) {
    info_.type = std::move(type);
    info_.noun = "nothing";
    info_.subcategory = "Bench";
  }

  const sdk::ResourceInfo& info() const override { return info_; }
  sdk::Outcome<Model> Create(const sdk::Context&, const Model& plan) override { return plan; }
  sdk::Outcome<Model> Read(const sdk::Context&, const Model& prior) override { return prior; }
  sdk::Outcome<Model> Update(const sdk::Context&, const Model&, const Model& plan) override {
    return plan;
  }
  absl::Status Delete(const sdk::Context&, const Model&) override { return absl::OkStatus(); }

 private:
  sdk::ResourceInfo info_;
};

std::unique_ptr<sdk::Registry> MakeRegistry() {
  auto registry = std::make_unique<sdk::Registry>(std::make_unique<Block>());
  const char* what = std::getenv("CHARON_BENCH_NULL");
  if (what != nullptr && std::string(what) == "charon_service") {
    registry->Add(std::make_unique<Nothing<charon::service::ServiceModel>>(what));
  } else {
    registry->Add(std::make_unique<Nothing<ManifestModel>>("charon_kubernetes_manifest"));
  }
  return registry;
}

}  // namespace

int main(int argc, char** argv) {
  return charon::server::RunPlugin(argc, argv,
                                   {.name = "charon",
                                    .version = CHARON_VERSION,
                                    .address = "registry.terraform.io/charon/charon"},
                                   MakeRegistry);
}
