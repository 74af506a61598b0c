// A list of existing objects for `terraform query` (Terraform 1.14).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "provider/schema/field.h"
#include "provider/sdk/adapter.h"
#include "provider/sdk/any.h"

namespace charon::sdk {

template <typename M, typename I>
struct Listed {
  I identity;
  std::string display_name;
  std::optional<M> resource;  // only if asked for
};

// Lists objects of the resource with model `M` and identity `I`; `C` is the question. Called
// concurrently.
template <typename C, typename M, typename I>
class ListResource {
 public:
  using Base = ListResource<C, M, I>;  // what Registry::Add takes
  virtual ~ListResource() = default;
  virtual const ResourceInfo& info() const = 0;  // of the resource
  virtual absl::Status Validate(const Context&, const C& /*config*/) { return absl::OkStatus(); }
  // `emit` returns false when no more are wanted: return OK then.
  virtual absl::Status List(const Context& context, const C& config, bool include_resource,
                            const std::function<bool(Listed<M, I>)>& emit) = 0;
};

class ListRunner : public AnyList {
 public:
  explicit ListRunner(const AnyProvider& provider) : provider_(provider) {}
  Diagnostics Validate(const Call& call, const Value& config) final;
  Diagnostics List(const Call& call, const ListRequest& request,
                   const std::function<bool(ListedObject)>& emit) final;

 protected:
  virtual absl::Status DoValidate(const Context& context, const Value& config) = 0;
  virtual absl::Status DoList(const Context& context, const ListRequest& request,
                              const std::function<bool(ListedObject)>& emit) = 0;

 private:
  const AnyProvider& provider_;
};

template <typename C, typename M, typename I>
class ListAdapter final : public ListRunner {
 public:
  ListAdapter(std::unique_ptr<ListResource<C, M, I>> list, const AnyProvider& provider)
      : ListRunner(provider), list_(std::move(list)) {}
  const ResourceInfo& info() const override { return list_->info(); }
  const ObjectSchema& schema() const override { return C::Describe().schema(); }

 protected:
  absl::Status DoValidate(const Context& context, const Value& config) override {
    CHARON_ASSIGN_OR_RETURN(const C model, C::Describe().Decode(config));
    return list_->Validate(context, model);
  }
  absl::Status DoList(const Context& context, const ListRequest& request,
                      const std::function<bool(ListedObject)>& emit) override {
    CHARON_ASSIGN_OR_RETURN(const C model, C::Describe().Decode(request.config));
    return list_->List(context, model, request.include_resource, [&](Listed<M, I> item) {
      ListedObject object;
      object.identity = I::Describe().Encode(item.identity);
      object.display_name = std::move(item.display_name);
      if (item.resource)
        object.resource =
            WithoutWriteOnly(M::Describe().schema(), M::Describe().Encode(*item.resource));
      return emit(std::move(object));
    });
  }

 private:
  std::unique_ptr<ListResource<C, M, I>> list_;
};

}  // namespace charon::sdk
