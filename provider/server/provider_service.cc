#include "provider/server/provider_service.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <exception>
#include <list>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/tfplugin6.pb.h"
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

// FunctionError has a place for the argument, and none for what is inside it.
void ReportTo(tfplugin6::CallFunction::Response& response, const absl::Status& status) {
  response.clear_result();
  if (const std::optional<std::int64_t> argument = sdk::ArgumentOf(status)) {
    response.mutable_error()->set_function_argument(*argument);
  }
  std::string text = Redact(status.message());
  if (const Path path = PathOf(status).value_or(Path()); !path.empty())
    text = absl::StrCat(path.ToString(), ": ", text);
  if (const std::optional<std::string> remedy = RemedyOf(status)) {
    absl::StrAppend(&text, "\n\n", *remedy);
  }
  // HCL ends it with a full stop (hclsyntax/expression.go, "Invalid value for %q parameter: %s.").
  if (absl::EndsWith(text, ".")) text.pop_back();
  response.mutable_error()->set_text(ToUtf8(text));
}

// The type that a request is about, or the function.
template <typename Request>
absl::string_view Subject(const Request& request) {
  if constexpr (requires { request.type_name(); }) {
    return request.type_name();
  } else if constexpr (requires { request.target_type_name(); }) {
    return request.target_type_name();
  } else if constexpr (requires { request.action_type(); }) {
    return request.action_type();
  } else if constexpr (requires { request.name(); }) {
    return request.name();
  } else {
    return "";
  }
}

}  // namespace

class ProviderService::Impl {
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

  Methods methods() {
    using enum Method::Way;
    constexpr absl::string_view kResource = "tf_resource_type", kData = "tf_data_source_type",
                                kEphemeral = "tf_ephemeral_resource_type",
                                kList = "tf_list_resource_type", kAction = "tf_action_type",
                                kFunction = "tf_function_name";
    // At once: what only checks and converts. Methods of state stores are in no row, which is how
    // the server comes to say that they are not offered.
    using namespace tfplugin6;
    return {
        Row<GetMetadata>("GetMetadata", kAtOnce),
        Row<GetProviderSchema>("GetProviderSchema", kAtOnce),
        Row<GetFunctions>("GetFunctions", kAtOnce),
        Row<GetResourceIdentitySchemas>("GetResourceIdentitySchemas", kAtOnce),
        Row<ValidateProviderConfig>("ValidateProviderConfig", kAtOnce),
        Row<ConfigureProvider>("ConfigureProvider", kOwnThread),

        Row<ValidateResourceConfig>("ValidateResourceConfig", kAtOnce, kResource),
        Row<UpgradeResourceState>("UpgradeResourceState", kAtOnce, kResource),
        Row<UpgradeResourceIdentity>("UpgradeResourceIdentity", kAtOnce, kResource),
        Row<ReadResource>("ReadResource", kOwnThread, kResource),
        Row<PlanResourceChange>("PlanResourceChange", kOwnThread, kResource),
        Row<ApplyResourceChange>("ApplyResourceChange", kOwnThread, kResource),
        Row<ImportResourceState>("ImportResourceState", kOwnThread, kResource),
        Row<MoveResourceState>("MoveResourceState", kOwnThread, kResource),
        Row<GenerateResourceConfig>("GenerateResourceConfig", kAtOnce, kResource),

        Row<ValidateDataResourceConfig>("ValidateDataResourceConfig", kAtOnce, kData),
        Row<ReadDataSource>("ReadDataSource", kOwnThread, kData),

        Row<ValidateEphemeralResourceConfig>("ValidateEphemeralResourceConfig", kAtOnce,
                                             kEphemeral),
        Row<OpenEphemeralResource>("OpenEphemeralResource", kOwnThread, kEphemeral),
        Row<RenewEphemeralResource>("RenewEphemeralResource", kOwnThread, kEphemeral),
        Row<CloseEphemeralResource>("CloseEphemeralResource", kOwnThread, kEphemeral),

        Row<ValidateListResourceConfig>("ValidateListResourceConfig", kAtOnce, kList),
        Row<ListResource>("ListResource", kOwnThread, kList, &Impl::AnswerList),
        Row<ValidateActionConfig>("ValidateActionConfig", kAtOnce, kAction),
        Row<PlanAction>("PlanAction", kOwnThread, kAction),
        Row<InvokeAction>("InvokeAction", kOwnThread, kAction, &Impl::AnswerInvoke),

        // A function may have megabytes to decode.
        Row<tfplugin6::CallFunction>("CallFunction", kOwnThread, kFunction, &Impl::AnswerFunction),
        Row<StopProvider>("StopProvider", kAtOnce, "", &Impl::AnswerStop),
    };
  }

 private:
  // How a call shows in the log.
  struct Label {
    absl::string_view rpc;
    absl::string_view subject_key;  // "tf_resource_type"; "" if it has no subject
  };

  // `Rpc` is the message of the protocol that holds the Request of a method, and its Response or
  // Event; `answer` the frame of the call.
  template <typename Rpc>
  Methods::value_type Row(absl::string_view rpc, Method::Way way,
                          absl::string_view subject_key = "",
                          void (Impl::*answer)(const Label&, const typename Rpc::Request&,
                                               Exchange&) = &Impl::Answer<Rpc>) {
    const Label label{rpc, subject_key};
    const auto serve = [this, label, answer](Exchange& exchange) {
      typename Rpc::Request request;
      if (!exchange.Parse(request)) {
        return grpc::Status(grpc::StatusCode::INTERNAL,
                            absl::StrCat("the request of ", label.rpc, " cannot be decoded"));
      }
      (this->*answer)(label, request, exchange);
      return grpc::Status::OK;
    };
    return {absl::StrCat("/tfplugin6.Provider/", rpc), {way, serve}};
  }

  // The frame of every call that answers once, with diagnostics.
  template <typename Rpc>
  void Answer(const Label& label, const typename Rpc::Request& request, Exchange& exchange) {
    typename Rpc::Response response;
    const Running running(*this, label, Subject(request));
    const Diagnostics diagnostics =
        Serve(running, [&](const CallScope& scope) { return Handle(scope, request, &response); });
    ToProto(diagnostics, response.mutable_diagnostics());
    exchange.Answer(response);
  }

  void AnswerFunction(const Label& label, const tfplugin6::CallFunction::Request& request,
                      Exchange& exchange) {
    tfplugin6::CallFunction::Response response;
    const Running running(*this, label, Subject(request));
    const absl::Status status =
        Guarded([&] { return server::CallFunction(registry(), request, &response); });
    if (!status.ok()) ReportTo(response, status);
    exchange.Answer(response);
  }

  void AnswerList(const Label& label, const tfplugin6::ListResource::Request& request,
                  Exchange& exchange) {
    Running running(*this, label, Subject(request));
    running.StopWith(exchange.given_up());
    const Diagnostics diagnostics = Serve(running, [&](const CallScope& scope) {
      return List(scope, request, [&](const tfplugin6::ListResource::Event& event) {
        return exchange.Send(event);
      });
    });
    if (diagnostics.list().empty()) return;
    tfplugin6::ListResource::Event event;
    ToProto(diagnostics, event.mutable_diagnostic());
    exchange.Answer(event);
  }

  void AnswerInvoke(const Label& label, const tfplugin6::InvokeAction::Request& request,
                    Exchange& exchange) {
    Running running(*this, label, Subject(request));
    running.StopWith(exchange.given_up());
    const Diagnostics diagnostics = Serve(running, [&](const CallScope& scope) {
      return Invoke(scope, request,
                    [&](const tfplugin6::InvokeAction::Event& event) { exchange.Send(event); });
    });
    // Exactly one event of this kind ends the stream, whatever happened.
    tfplugin6::InvokeAction::Event event;
    ToProto(diagnostics, event.mutable_completed()->mutable_diagnostics());
    exchange.Answer(event);
  }

  void AnswerStop(const Label& label, const tfplugin6::StopProvider::Request&, Exchange& exchange) {
    Logger::Standard().Debug("stop requested", {{"tf_rpc", std::string(label.rpc)}});
    Stop();
    exchange.Answer(tfplugin6::StopProvider::Response());
  }

  // One call under way: its stop token, its log, its duration.
  class Running {
   public:
    Running(Impl& service, const Label& label, absl::string_view subject)
        : service_(service), started_(absl::Now()) {
      {
        const absl::MutexLock lock(&service.mutex_);
        call_.stop = service.stop_.get_token();
        ++service.running_;
      }
      call_.log = &Logger::Standard();
      if (!call_.log->Enabled(LogLevel::kError)) return;
      log_ = call_.log->With({{"tf_req_id", service.NewRequestId()},
                              {"tf_rpc", std::string(label.rpc)},
                              {"tf_provider_addr", service.address_},
                              {"tf_proto_version", "6.11"}});
      if (!label.subject_key.empty())
        log_ = log_->With({{label.subject_key, std::string(subject)}});
      call_.log = &*log_;
      call_.log->Trace("received request");
    }

    ~Running() {
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

    // From now on the client's giving up stops the call as StopProvider does. Only streams need it:
    // Terraform cancels a list when it has seen enough, and other calls only when it also says
    // Shutdown.
    void StopWith(std::stop_token given_up) {
      for (const std::stop_token& cause : {call_.stop, given_up})
        causes_.emplace_back(cause, RequestStop{&own_});
      call_.stop = own_.get_token();
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
    std::list<std::stop_callback<RequestStop>> causes_;
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
Methods ProviderService::methods() { return impl_->methods(); }
void ProviderService::Prepare() { impl_->Prepare(); }
void ProviderService::Stop() { impl_->Stop(); }
bool ProviderService::WaitUntilIdle(absl::Duration limit) { return impl_->WaitUntilIdle(limit); }

}  // namespace charon::server
