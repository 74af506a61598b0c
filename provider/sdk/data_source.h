// A data source, as its author writes it.
#pragma once

#include <memory>
#include <utility>

#include "provider/schema/field.h"
#include "provider/sdk/adapter.h"
#include "provider/sdk/any.h"
#include "provider/sdk/outcome.h"

namespace charon::sdk {

// Called concurrently. `M` has the question and the answer.
template <typename M>
class DataSource {
 public:
  using Base = DataSource<M>;  // what Registry::Add takes
  virtual ~DataSource() = default;
  virtual const ResourceInfo& info() const = 0;
  // The table. For a model shared with a resource: its AsLookup(), kept in a static.
  virtual const ObjectSpec<M>& spec() const { return M::Describe(); }
  virtual absl::Status Validate(const Context&, const M& /*config*/) { return absl::OkStatus(); }
  // `config` with everything computed filled in. Not found is an error here.
  virtual Outcome<M> Read(const Context& context, const M& config) = 0;
};

class DataSourceRunner : public AnyDataSource {
 public:
  explicit DataSourceRunner(const AnyProvider& provider) : provider_(provider) {}
  Diagnostics Validate(const Call& call, const Value& config) final;
  StateAnswer Read(const Call& call, const Value& config, const Capabilities& capabilities) final;

 protected:
  virtual absl::Status DoValidate(const Context& context, const Value& config) = 0;
  virtual ValueOutcome DoRead(const Context& context, const Value& config) = 0;

 private:
  const AnyProvider& provider_;
};

template <typename M>
class DataSourceAdapter final : public DataSourceRunner {
 public:
  DataSourceAdapter(std::unique_ptr<DataSource<M>> source, const AnyProvider& provider)
      : DataSourceRunner(provider), source_(std::move(source)) {}
  const ResourceInfo& info() const override { return source_->info(); }
  const ObjectSchema& schema() const override { return source_->spec().schema(); }

 protected:
  absl::Status DoValidate(const Context& context, const Value& config) override {
    CHARON_ASSIGN_OR_RETURN(const M model, source_->spec().Decode(config));
    return source_->Validate(context, model);
  }
  ValueOutcome DoRead(const Context& context, const Value& config) override {
    const absl::StatusOr<M> model = source_->spec().Decode(config);
    if (!model.ok()) return {std::nullopt, model.status()};
    const Outcome<M> outcome = source_->Read(context, *model);
    ValueOutcome encoded{std::nullopt, outcome.status()};
    if (outcome.state()) encoded.state = source_->spec().Encode(*outcome.state());
    return encoded;
  }

 private:
  std::unique_ptr<DataSource<M>> source_;
};

}  // namespace charon::sdk
