#include "provider/server/plugin_services.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/grpc_broker.grpc.pb.h"
#include "proto/grpc_controller.grpc.pb.h"
#include "proto/grpc_health.grpc.pb.h"
#include "proto/grpc_stdio.grpc.pb.h"

namespace charon::server {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using plugin::GRPCBroker;
using plugin::GRPCController;
using plugin::GRPCStdio;

class Controller final : public GRPCController::Service {
 public:
  explicit Controller(std::function<void()> on_shutdown) : on_shutdown_(std::move(on_shutdown)) {}

  grpc::Status Shutdown(grpc::ServerContext*, const plugin::Empty*, plugin::Empty*) override {
    on_shutdown_();
    return grpc::Status::OK;
  }

 private:
  const std::function<void()> on_shutdown_;
};

// go-plugin's hosts ask for this name; the empty one means the server as a whole.
bool IsServed(const std::string& service) {
  return service.empty() || service == "plugin" || service == "tfplugin6.Provider";
}

// Check answers at once and is an ordinary method; Watch stays open and is held with the other
// streams.
class HealthService final : public Health::WithAsyncMethod_Watch<Health::Service> {
 public:
  grpc::Status Check(grpc::ServerContext*, const HealthCheckRequest* request,
                     HealthCheckResponse* response) override {
    if (!IsServed(request->service()))
      return grpc::Status(grpc::StatusCode::NOT_FOUND, "unknown service");
    response->set_status(HealthCheckResponse::SERVING);
    return grpc::Status::OK;
  }
};

// A call that stays open and carries nothing after its greeting. A synchronous handler would pin a
// thread for each; here one thread serves them all. Everything but construction happens under the
// lock of Streams.
class HeldStream {
 public:
  enum class Event { kAccepted, kGreeted, kFinished, kDone };
  struct Tag {
    HeldStream* stream = nullptr;
    Event event = Event::kAccepted;
  };

  virtual ~HeldStream() = default;

  void Await(grpc::ServerCompletionQueue* queue) {
    context_.AsyncNotifyWhenDone(&done_);
    Request(queue, &accepted_);
  }

  // Returns true if the stream has no event to come any more.
  bool Handle(Event event, bool ok, bool ending) {
    switch (event) {
      case Event::kAccepted:
        // Not accepted: the server shuts down, and the done event of a call that never was does not
        // come.
        if (!ok) return true;
        open_ = true;
        greeting_ = true;
        Greet(&greeted_);
        break;
      case Event::kGreeted:
        greeting_ = false;
        break;
      case Event::kFinished:
        finishing_ = false;
        break;
      case Event::kDone:
        gone_ = true;
        break;
    }
    if (ending) End();
    return gone_ && !greeting_ && !finishing_;
  }

  void End() {
    if (!open_ || greeting_ || finished_ || gone_) return;
    finished_ = finishing_ = true;
    Finish(&finished_tag_);
  }

 protected:
  virtual void Request(grpc::ServerCompletionQueue* queue, void* tag) = 0;
  // Tells the client that the stream is open: its headers, or a first message.
  virtual void Greet(void* tag) = 0;
  virtual void Finish(void* tag) = 0;

  grpc::ServerContext context_;

 private:
  bool open_ = false, greeting_ = false, finished_ = false, finishing_ = false, gone_ = false;
  Tag accepted_{this, Event::kAccepted}, greeted_{this, Event::kGreeted},
      finished_tag_{this, Event::kFinished}, done_{this, Event::kDone};
};

// What a plugin prints would come here; Terraform logs each byte of it as unexpected, so none is
// sent.
class StdioStream final : public HeldStream {
 public:
  explicit StdioStream(GRPCStdio::AsyncService& service) : service_(service) {}

 private:
  void Request(grpc::ServerCompletionQueue* queue, void* tag) override {
    service_.RequestStreamStdio(&context_, &request_, &writer_, queue, queue, tag);
  }
  void Greet(void* tag) override { writer_.SendInitialMetadata(tag); }
  void Finish(void* tag) override { writer_.Finish(grpc::Status::OK, tag); }

  GRPCStdio::AsyncService& service_;
  google::protobuf::Empty request_;
  grpc::ServerAsyncWriter<plugin::StdioData> writer_{&context_};
};

class BrokerStream final : public HeldStream {
 public:
  explicit BrokerStream(GRPCBroker::AsyncService& service) : service_(service) {}

 private:
  void Request(grpc::ServerCompletionQueue* queue, void* tag) override {
    service_.RequestStartStream(&context_, &stream_, queue, queue, tag);
  }
  void Greet(void* tag) override { stream_.SendInitialMetadata(tag); }
  void Finish(void* tag) override { stream_.Finish(grpc::Status::OK, tag); }

  GRPCBroker::AsyncService& service_;
  grpc::ServerAsyncReaderWriter<plugin::ConnInfo, plugin::ConnInfo> stream_{&context_};
};

class WatchStream final : public HeldStream {
 public:
  explicit WatchStream(HealthService& service) : service_(service) {}

 private:
  void Request(grpc::ServerCompletionQueue* queue, void* tag) override {
    service_.RequestWatch(&context_, &request_, &writer_, queue, queue, tag);
  }
  void Greet(void* tag) override {
    HealthCheckResponse response;
    response.set_status(IsServed(request_.service()) ? HealthCheckResponse::SERVING
                                                     : HealthCheckResponse::SERVICE_UNKNOWN);
    writer_.Write(response, tag);
  }
  void Finish(void* tag) override { writer_.Finish(grpc::Status::OK, tag); }

  HealthService& service_;
  HealthCheckRequest request_;
  grpc::ServerAsyncWriter<HealthCheckResponse> writer_{&context_};
};

}  // namespace

class PluginServices::Impl {
 public:
  explicit Impl(std::function<void()> on_shutdown) : controller_(std::move(on_shutdown)) {}

  ~Impl() { Drain(); }

  void Drain() {
    if (queue_ == nullptr) return;
    EndStreams();  // no stream may be awaited on a queue that was shut down
    queue_->Shutdown();
    if (thread_.joinable()) thread_.join();
    // Without a thread (the server never started) nobody else empties the queue, as gRPC demands.
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) continue;
    queue_.reset();
  }

  void Register(grpc::ServerBuilder& builder) {
    builder.RegisterService(&controller_);
    builder.RegisterService(&stdio_);
    builder.RegisterService(&broker_);
    builder.RegisterService(&health_);
    queue_ = builder.AddCompletionQueue();
  }

  void Start() {
    {
      const absl::MutexLock lock(&mutex_);
      Await(std::make_unique<StdioStream>(stdio_));
      Await(std::make_unique<BrokerStream>(broker_));
      Await(std::make_unique<WatchStream>(health_));
    }
    thread_ = std::thread([this] { Run(); });
  }

  void EndStreams() {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
    for (const auto& stream : streams_) stream->End();
  }

 private:
  void Await(std::unique_ptr<HeldStream> stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    stream->Await(queue_.get());
    streams_.insert(std::move(stream));
  }

  // One stream of a kind waits for a client at any time.
  void AwaitAnother(const HeldStream& accepted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (dynamic_cast<const StdioStream*>(&accepted) != nullptr) {
      Await(std::make_unique<StdioStream>(stdio_));
    } else if (dynamic_cast<const BrokerStream*>(&accepted) != nullptr) {
      Await(std::make_unique<BrokerStream>(broker_));
    } else {
      Await(std::make_unique<WatchStream>(health_));
    }
  }

  void Run() {
    void* raw = nullptr;
    bool ok = false;
    while (queue_->Next(&raw, &ok)) {
      const auto tag = *static_cast<const HeldStream::Tag*>(raw);
      const absl::MutexLock lock(&mutex_);
      if (tag.event == HeldStream::Event::kAccepted && ok && !ending_) AwaitAnother(*tag.stream);
      if (!tag.stream->Handle(tag.event, ok, ending_)) continue;
      for (auto stream = streams_.begin(); stream != streams_.end(); ++stream) {
        if (stream->get() != tag.stream) continue;
        streams_.erase(stream);
        break;
      }
    }
  }

  Controller controller_;
  GRPCStdio::AsyncService stdio_;
  GRPCBroker::AsyncService broker_;
  HealthService health_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::thread thread_;

  absl::Mutex mutex_;
  std::set<std::unique_ptr<HeldStream>> streams_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

PluginServices::PluginServices(std::function<void()> on_shutdown)
    : impl_(std::make_unique<Impl>(std::move(on_shutdown))) {}
PluginServices::~PluginServices() = default;
void PluginServices::Register(grpc::ServerBuilder& builder) { impl_->Register(builder); }
void PluginServices::Start() { impl_->Start(); }
void PluginServices::EndStreams() { impl_->EndStreams(); }
void PluginServices::Drain() { impl_->Drain(); }

}  // namespace charon::server
