// A provider that does nothing, built from the same SDK and server: what Terraform itself costs. It
// offers the text form of charon_kubernetes_manifest and no more, so that the same configuration
// runs on it.
#include <memory>
#include <string>

#include "provider/schema/field.h"
#include "provider/sdk/registry.h"
#include "provider/server/serve.h"

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

class Manifest final : public sdk::Resource<ManifestModel> {
 public:
  const sdk::ResourceInfo& info() const override {
    static const auto& info = *new sdk::ResourceInfo{
        .type = "charon_kubernetes_manifest", .noun = "nothing", .subcategory = "Bench"};
    return info;
  }
  sdk::Outcome<ManifestModel> Create(const sdk::Context&, const ManifestModel& plan) override {
    return plan;
  }
  sdk::Outcome<ManifestModel> Read(const sdk::Context&, const ManifestModel& prior) override {
    return prior;
  }
  sdk::Outcome<ManifestModel> Update(const sdk::Context&, const ManifestModel&,
                                     const ManifestModel& plan) override {
    return plan;
  }
  absl::Status Delete(const sdk::Context&, const ManifestModel&) override {
    return absl::OkStatus();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return charon::server::RunPlugin(argc, argv,
                                   {.name = "charon",
                                    .version = CHARON_VERSION,
                                    .address = "registry.terraform.io/charon/charon"},
                                   [] {
                                     auto registry =
                                         std::make_unique<sdk::Registry>(std::make_unique<Block>());
                                     registry->Add(std::make_unique<Manifest>());
                                     return registry;
                                   });
}
