#include "provider/server/provider_service.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <exception>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/tfplugin6.grpc.pb.h"
#include "provider/base/call.h"
#include "provider/base/log.h"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/sdk/registry.h"
#include "provider/server/calls.h"
#include "provider/server/diagnostics.h"

namespace charon::server {
namespace {

using sdk::Diagnostics;

constexpr absl::string_view kReport =
    "This is a defect of the provider; please report it with the steps that led here.";

absl::string_view SummaryFor(const absl::Status& status) {
  if (absl::IsNotFound(status)) return "Unknown type";
  if (absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status)) {
    return "Value that does not fit the provider's schema";
  }
  return "Defect in the provider";
}

// What a body that failed before or after the SDK adds. What happens inside the SDK comes as
// diagnostics.
void ReportTo(Diagnostics& diagnostics, absl::Status status) {
  if (status.ok()) return;
  const absl::string_view summary = SummaryFor(status);
  if (!absl::IsNotFound(status)) status = WithRemedy(std::move(status), kReport);
  diagnostics.Error(summary, status);
}

// Requests stop when the client gave up on a call. gRPC tells synchronous handlers only if they
// ask, so somebody has to ask while the handler waits for an API. Only streams need it: Terraform
// cancels a list when it has seen enough, and other calls only when it also says Shutdown.
class CancellationWatch {
 public:
  CancellationWatch(const grpc::ServerContext& context, std::stop_source& stop)
      : thread_([this, &context, &stop] {
          constexpr absl::Duration kInterval = absl::Milliseconds(100);
          while (!done_.WaitForNotificationWithTimeout(kInterval)) {
            if (context.IsCancelled()) stop.request_stop();
          }
        }) {}
  ~CancellationWatch() {
    done_.Notify();
    thread_.join();
  }

 private:
  absl::Notification done_;
  std::thread thread_;
};

}  // namespace

class ProviderService::Impl final : public tfplugin6::Provider::Service {
 public:
  Impl(std::string address, std::function<std::unique_ptr<sdk::Registry>()> make_registry)
      : address_(std::move(address)), make_registry_(std::move(make_registry)) {}

  const sdk::Registry& registry() {
    // A lock and no call_once: after an exception absl's never lets anyone in again, nor std's
    // under ThreadSanitizer.
    const absl::MutexLock lock(&registry_mutex_);
    if (registry_ == nullptr) registry_ = make_registry_();
    return *registry_;
  }

  void Prepare() {
    // What goes wrong here goes wrong again in the first call, which can say so.
    Guarded([this] { return registry(), absl::OkStatus(); }).IgnoreError();
  }

  void Stop() {
    // A new source for calls to come; those under way hold tokens of the old one.
    std::stop_source old;
    {
      const absl::MutexLock lock(&mutex_);
      std::swap(old, stop_);
    }
    old.request_stop();
  }

  bool WaitUntilIdle(absl::Duration limit) {
    const absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(
                                       +[](int* running) { return *running == 0; }, &running_),
                                   limit);
  }

  // ---- What the provider offers ----

  grpc::Status GetMetadata(grpc::ServerContext*, const tfplugin6::GetMetadata::Request* request,
                           tfplugin6::GetMetadata::Response* response) override {
    return Answer({"GetMetadata"}, *request, response);
  }
  grpc::Status GetProviderSchema(grpc::ServerContext*,
                                 const tfplugin6::GetProviderSchema::Request* request,
                                 tfplugin6::GetProviderSchema::Response* response) override {
    return Answer({"GetProviderSchema"}, *request, response);
  }
  grpc::Status GetFunctions(grpc::ServerContext*, const tfplugin6::GetFunctions::Request* request,
                            tfplugin6::GetFunctions::Response* response) override {
    return Answer({"GetFunctions"}, *request, response);
  }
  grpc::Status GetResourceIdentitySchemas(
      grpc::ServerContext*, const tfplugin6::GetResourceIdentitySchemas::Request* request,
      tfplugin6::GetResourceIdentitySchemas::Response* response) override {
    return Answer({"GetResourceIdentitySchemas"}, *request, response);
  }

  // ---- The provider block ----

  grpc::Status ValidateProviderConfig(
      grpc::ServerContext*, const tfplugin6::ValidateProviderConfig::Request* request,
      tfplugin6::ValidateProviderConfig::Response* response) override {
    return Answer({"ValidateProviderConfig"}, *request, response);
  }
  grpc::Status ConfigureProvider(grpc::ServerContext*,
                                 const tfplugin6::ConfigureProvider::Request* request,
                                 tfplugin6::ConfigureProvider::Response* response) override {
    return Answer({"ConfigureProvider"}, *request, response);
  }

  // ---- Managed resources ----

  grpc::Status ValidateResourceConfig(
      grpc::ServerContext*, const tfplugin6::ValidateResourceConfig::Request* request,
      tfplugin6::ValidateResourceConfig::Response* response) override {
    return Answer({"ValidateResourceConfig", "tf_resource_type", request->type_name()}, *request,
                  response);
  }
  grpc::Status UpgradeResourceState(grpc::ServerContext*,
                                    const tfplugin6::UpgradeResourceState::Request* request,
                                    tfplugin6::UpgradeResourceState::Response* response) override {
    return Answer({"UpgradeResourceState", "tf_resource_type", request->type_name()}, *request,
                  response);
  }
  grpc::Status UpgradeResourceIdentity(
      grpc::ServerContext*, const tfplugin6::UpgradeResourceIdentity::Request* request,
      tfplugin6::UpgradeResourceIdentity::Response* response) override {
    return Answer({"UpgradeResourceIdentity", "tf_resource_type", request->type_name()}, *request,
                  response);
  }
  grpc::Status ReadResource(grpc::ServerContext*, const tfplugin6::ReadResource::Request* request,
                            tfplugin6::ReadResource::Response* response) override {
    return Answer({"ReadResource", "tf_resource_type", request->type_name()}, *request, response);
  }
  grpc::Status PlanResourceChange(grpc::ServerContext*,
                                  const tfplugin6::PlanResourceChange::Request* request,
                                  tfplugin6::PlanResourceChange::Response* response) override {
    return Answer({"PlanResourceChange", "tf_resource_type", request->type_name()}, *request,
                  response);
  }
  grpc::Status ApplyResourceChange(grpc::ServerContext*,
                                   const tfplugin6::ApplyResourceChange::Request* request,
                                   tfplugin6::ApplyResourceChange::Response* response) override {
    return Answer({"ApplyResourceChange", "tf_resource_type", request->type_name()}, *request,
                  response);
  }
  grpc::Status ImportResourceState(grpc::ServerContext*,
                                   const tfplugin6::ImportResourceState::Request* request,
                                   tfplugin6::ImportResourceState::Response* response) override {
    return Answer({"ImportResourceState", "tf_resource_type", request->type_name()}, *request,
                  response);
  }
  grpc::Status MoveResourceState(grpc::ServerContext*,
                                 const tfplugin6::MoveResourceState::Request* request,
                                 tfplugin6::MoveResourceState::Response* response) override {
    return Answer({"MoveResourceState", "tf_resource_type", request->target_type_name()}, *request,
                  response);
  }
  grpc::Status GenerateResourceConfig(
      grpc::ServerContext*, const tfplugin6::GenerateResourceConfig::Request* request,
      tfplugin6::GenerateResourceConfig::Response* response) override {
    return Answer({"GenerateResourceConfig", "tf_resource_type", request->type_name()}, *request,
                  response);
  }

  // ---- Data sources ----

  grpc::Status ValidateDataResourceConfig(
      grpc::ServerContext*, const tfplugin6::ValidateDataResourceConfig::Request* request,
      tfplugin6::ValidateDataResourceConfig::Response* response) override {
    return Answer({"ValidateDataResourceConfig", "tf_data_source_type", request->type_name()},
                  *request, response);
  }
  grpc::Status ReadDataSource(grpc::ServerContext*,
                              const tfplugin6::ReadDataSource::Request* request,
                              tfplugin6::ReadDataSource::Response* response) override {
    return Answer({"ReadDataSource", "tf_data_source_type", request->type_name()}, *request,
                  response);
  }

  // ---- Ephemeral resources ----

  grpc::Status ValidateEphemeralResourceConfig(
      grpc::ServerContext*, const tfplugin6::ValidateEphemeralResourceConfig::Request* request,
      tfplugin6::ValidateEphemeralResourceConfig::Response* response) override {
    return Answer(
        {"ValidateEphemeralResourceConfig", "tf_ephemeral_resource_type", request->type_name()},
        *request, response);
  }
  grpc::Status OpenEphemeralResource(
      grpc::ServerContext*, const tfplugin6::OpenEphemeralResource::Request* request,
      tfplugin6::OpenEphemeralResource::Response* response) override {
    return Answer({"OpenEphemeralResource", "tf_ephemeral_resource_type", request->type_name()},
                  *request, response);
  }
  grpc::Status RenewEphemeralResource(
      grpc::ServerContext*, const tfplugin6::RenewEphemeralResource::Request* request,
      tfplugin6::RenewEphemeralResource::Response* response) override {
    return Answer({"RenewEphemeralResource", "tf_ephemeral_resource_type", request->type_name()},
                  *request, response);
  }
  grpc::Status CloseEphemeralResource(
      grpc::ServerContext*, const tfplugin6::CloseEphemeralResource::Request* request,
      tfplugin6::CloseEphemeralResource::Response* response) override {
    return Answer({"CloseEphemeralResource", "tf_ephemeral_resource_type", request->type_name()},
                  *request, response);
  }

  // ---- List resources and actions ----

  grpc::Status ValidateListResourceConfig(
      grpc::ServerContext*, const tfplugin6::ValidateListResourceConfig::Request* request,
      tfplugin6::ValidateListResourceConfig::Response* response) override {
    return Answer({"ValidateListResourceConfig", "tf_list_resource_type", request->type_name()},
                  *request, response);
  }
  grpc::Status ValidateActionConfig(grpc::ServerContext*,
                                    const tfplugin6::ValidateActionConfig::Request* request,
                                    tfplugin6::ValidateActionConfig::Response* response) override {
    return Answer({"ValidateActionConfig", "tf_action_type", request->type_name()}, *request,
                  response);
  }
  grpc::Status PlanAction(grpc::ServerContext*, const tfplugin6::PlanAction::Request* request,
                          tfplugin6::PlanAction::Response* response) override {
    return Answer({"PlanAction", "tf_action_type", request->action_type()}, *request, response);
  }

  grpc::Status CallFunction(grpc::ServerContext*, const tfplugin6::CallFunction::Request* request,
                            tfplugin6::CallFunction::Response* response) override {
    const Running running(*this, {"CallFunction", "tf_function_name", request->name()});
    const absl::Status status =
        Guarded([&] { return server::CallFunction(registry(), *request, response); });
    if (status.ok()) return grpc::Status::OK;
    response->clear_result();
    if (const std::optional<std::int64_t> argument = sdk::ArgumentOf(status)) {
      response->mutable_error()->set_function_argument(*argument);
    }
    std::string text = Redact(status.message());
    // FunctionError has a place for the argument, and none for what is inside it.
    if (const Path path = PathOf(status).value_or(Path()); !path.empty())
      text = absl::StrCat(path.ToString(), ": ", text);
    if (const std::optional<std::string> remedy = RemedyOf(status)) {
      absl::StrAppend(&text, "\n\n", *remedy);
    }
    // HCL ends it with a full stop (hclsyntax/expression.go, "Invalid value for %q parameter:
    // %s.").
    if (absl::EndsWith(text, ".")) text.pop_back();
    response->mutable_error()->set_text(ToUtf8(text));
    return grpc::Status::OK;
  }

  grpc::Status ListResource(grpc::ServerContext* context,
                            const tfplugin6::ListResource::Request* request,
                            grpc::ServerWriter<tfplugin6::ListResource::Event>* writer) override {
    Running running(*this, {"ListResource", "tf_list_resource_type", request->type_name()});
    running.WatchCancellation(*context);
    const Diagnostics diagnostics = Serve(running, [&](const CallScope& scope) {
      return List(scope, *request, [&](const tfplugin6::ListResource::Event& event) {
        return !context->IsCancelled() && writer->Write(event);
      });
    });
    if (!diagnostics.list().empty()) {
      tfplugin6::ListResource::Event event;
      ToProto(diagnostics, event.mutable_diagnostic());
      writer->Write(event);
    }
    return grpc::Status::OK;
  }

  grpc::Status InvokeAction(grpc::ServerContext* context,
                            const tfplugin6::InvokeAction::Request* request,
                            grpc::ServerWriter<tfplugin6::InvokeAction::Event>* writer) override {
    Running running(*this, {"InvokeAction", "tf_action_type", request->action_type()});
    running.WatchCancellation(*context);
    const Diagnostics diagnostics = Serve(running, [&](const CallScope& scope) {
      return Invoke(scope, *request,
                    [&](const tfplugin6::InvokeAction::Event& event) { writer->Write(event); });
    });
    // Exactly one event of this kind ends the stream, whatever happened.
    tfplugin6::InvokeAction::Event event;
    ToProto(diagnostics, event.mutable_completed()->mutable_diagnostics());
    writer->Write(event);
    return grpc::Status::OK;
  }

  grpc::Status StopProvider(grpc::ServerContext*, const tfplugin6::StopProvider::Request*,
                            tfplugin6::StopProvider::Response*) override {
    Logger::Standard().Debug("stop requested", {{"tf_rpc", "StopProvider"}});
    Stop();
    return grpc::Status::OK;
  }

  // ---- State stores ----

  grpc::Status ValidateStateStoreConfig(grpc::ServerContext*,
                                        const tfplugin6::ValidateStateStore::Request*,
                                        tfplugin6::ValidateStateStore::Response*) override {
    return NoStateStores();
  }
  grpc::Status ConfigureStateStore(grpc::ServerContext*,
                                   const tfplugin6::ConfigureStateStore::Request*,
                                   tfplugin6::ConfigureStateStore::Response*) override {
    return NoStateStores();
  }
  grpc::Status ReadStateBytes(grpc::ServerContext*, const tfplugin6::ReadStateBytes::Request*,
                              grpc::ServerWriter<tfplugin6::ReadStateBytes::Response>*) override {
    return NoStateStores();
  }
  grpc::Status WriteStateBytes(grpc::ServerContext*,
                               grpc::ServerReader<tfplugin6::WriteStateBytes::RequestChunk>*,
                               tfplugin6::WriteStateBytes::Response*) override {
    return NoStateStores();
  }
  grpc::Status LockState(grpc::ServerContext*, const tfplugin6::LockState::Request*,
                         tfplugin6::LockState::Response*) override {
    return NoStateStores();
  }
  grpc::Status UnlockState(grpc::ServerContext*, const tfplugin6::UnlockState::Request*,
                           tfplugin6::UnlockState::Response*) override {
    return NoStateStores();
  }
  grpc::Status GetStates(grpc::ServerContext*, const tfplugin6::GetStates::Request*,
                         tfplugin6::GetStates::Response*) override {
    return NoStateStores();
  }
  grpc::Status DeleteState(grpc::ServerContext*, const tfplugin6::DeleteState::Request*,
                           tfplugin6::DeleteState::Response*) override {
    return NoStateStores();
  }

 private:
  // How a call shows in the log.
  struct Label {
    absl::string_view rpc;
    absl::string_view type_key = {};  // "tf_resource_type"
    absl::string_view type = {};
  };

  // One call under way: its stop token, its log, its duration.
  class Running {
   public:
    Running(Impl& service, const Label& label) : service_(service), started_(absl::Now()) {
      {
        const absl::MutexLock lock(&service.mutex_);
        call_.stop = service.stop_.get_token();
        ++service.running_;
      }
      call_.log = &Logger::Standard();
      if (!call_.log->Enabled(LogLevel::kError)) return;
      log_ = label.type_key.empty() ? call_.log->With({{"tf_req_id", service.NewRequestId()},
                                                       {"tf_rpc", std::string(label.rpc)},
                                                       {"tf_provider_addr", service.address_},
                                                       {"tf_proto_version", "6.11"}})
                                    : call_.log->With({{"tf_req_id", service.NewRequestId()},
                                                       {"tf_rpc", std::string(label.rpc)},
                                                       {"tf_provider_addr", service.address_},
                                                       {"tf_proto_version", "6.11"},
                                                       {label.type_key, std::string(label.type)}});
      call_.log = &*log_;
      call_.log->Trace("received request");
    }

    ~Running() {
      watch_.reset();
      if (log_) {
        const std::int64_t millis = absl::ToInt64Milliseconds(absl::Now() - started_);
        call_.log->Trace("served request", {{"tf_req_duration_ms", absl::StrCat(millis)}});
      }
      const absl::MutexLock lock(&service_.mutex_);
      --service_.running_;
    }

    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    const Call& call() const { return call_; }

    // From now on the client's giving up stops the call as StopProvider does.
    void WatchCancellation(const grpc::ServerContext& context) {
      forward_.emplace(call_.stop, RequestStop{&own_});
      call_.stop = own_.get_token();
      watch_.emplace(context, own_);
    }

    void Log(const Diagnostics& diagnostics) const {
      if (!log_) return;
      for (const sdk::Diagnostic& diagnostic : diagnostics.list()) {
        const bool error = diagnostic.severity == sdk::Diagnostic::Severity::kError;
        call_.log->Log(error ? LogLevel::kError : LogLevel::kWarn, "response has a diagnostic",
                       {{"diagnostic_severity", error ? "ERROR" : "WARNING"},
                        {"diagnostic_summary", diagnostic.summary},
                        {"diagnostic_detail", diagnostic.detail},
                        {"diagnostic_attribute", diagnostic.path.ToString()}});
      }
    }

   private:
    struct RequestStop {
      std::stop_source* source;
      void operator()() const { source->request_stop(); }
    };

    Impl& service_;
    const absl::Time started_;
    Call call_;
    std::optional<Logger> log_;
    std::stop_source own_;
    std::optional<std::stop_callback<RequestStop>> forward_;
    std::optional<CancellationWatch> watch_;
  };

  // Runs `body`; what it throws (none of our code does, libraries may) is an Internal status: a
  // defect is one diagnostic and not a dead process.
  template <typename Body>
  static absl::Status Guarded(const Body& body) {
    try {
      return body();
    } catch (const std::exception& error) {
      return absl::InternalError(absl::StrCat("unexpected exception: ", error.what()));
    } catch (...) {
      return absl::InternalError("unexpected exception");
    }
  }

  // Runs `body` and returns what there is to report of it.
  template <typename Body>
  Diagnostics Serve(const Running& running, const Body& body) {
    Diagnostics diagnostics;
    ReportTo(diagnostics, Guarded([&] {
               return body(CallScope{registry(), running.call(), diagnostics});
             }));
    running.Log(diagnostics);
    return diagnostics;
  }

  // The frame of every call that answers once, with diagnostics.
  template <typename Request, typename Response>
  grpc::Status Answer(const Label& label, const Request& request, Response* response) {
    const Running running(*this, label);
    const Diagnostics diagnostics =
        Serve(running, [&](const CallScope& scope) { return Handle(scope, request, response); });
    ToProto(diagnostics, response->mutable_diagnostics());
    return grpc::Status::OK;
  }

  static grpc::Status NoStateStores() {
    return grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                        "not offered: this provider has no state stores");
  }

  // Unlike in the logs of two processes of one command.
  std::string NewRequestId() {
    return absl::StrCat(absl::Hex(process_id_, absl::kZeroPad16), "-",
                        request_count_.fetch_add(1) + 1);
  }

  const std::string address_;
  const std::function<std::unique_ptr<sdk::Registry>()> make_registry_;
  absl::Mutex registry_mutex_;
  std::unique_ptr<sdk::Registry> registry_ ABSL_GUARDED_BY(registry_mutex_);
  const std::uint64_t process_id_ = absl::Uniform<std::uint64_t>(absl::BitGen());
  std::atomic<std::uint64_t> request_count_ = 0;

  absl::Mutex mutex_;
  std::stop_source stop_ ABSL_GUARDED_BY(mutex_);
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
};

ProviderService::ProviderService(std::string address,
                                 std::function<std::unique_ptr<sdk::Registry>()> make_registry)
    : impl_(std::make_unique<Impl>(std::move(address), std::move(make_registry))) {}
ProviderService::~ProviderService() = default;
grpc::Service& ProviderService::service() { return *impl_; }
void ProviderService::Prepare() { impl_->Prepare(); }
void ProviderService::Stop() { impl_->Stop(); }
bool ProviderService::WaitUntilIdle(absl::Duration limit) { return impl_->WaitUntilIdle(limit); }

}  // namespace charon::server
