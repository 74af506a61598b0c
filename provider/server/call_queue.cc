#include "provider/server/call_queue.h"

#include <google/protobuf/message_lite.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "provider/server/workers.h"

namespace charon::server {
namespace {

using google::protobuf::MessageLite;

grpc::ByteBuffer Encode(const MessageLite& message) {
  grpc::Slice slice(message.ByteSizeLong());
  // The slice is new and nobody else's.
  message.SerializeWithCachedSizesToArray(const_cast<std::uint8_t*>(slice.begin()));
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

class CallQueue::Impl {
 public:
  explicit Impl(Methods methods) : methods_(std::move(methods)) {}

  ~Impl() {
    if (queue_ == nullptr) return;
    End();            // no call may be awaited on a queue that was shut down
    workers_.Join();  // nor may a handler use one
    queue_->Shutdown();
    if (thread_.joinable()) {
      thread_.join();
    } else {
      Loop();  // the server never started, and gRPC demands that somebody empties the queue
    }
  }

  void Register(grpc::ServerBuilder& builder) {
    builder.RegisterAsyncGenericService(&service_);
    queue_ = builder.AddCompletionQueue();
  }

  void Start() {
    AwaitCall();
    thread_ = std::thread([this] { Loop(); });
  }

  void End() {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
    for (HeldCall* call : held_) call->End();
  }

 private:
  // A call lives as long as gRPC has an event for it to come, or its handler runs.
  class OneCall;
  // What there is to say to calls that are held; under the lock of the queue.
  class HeldCall {
   public:
    virtual ~HeldCall() = default;
    virtual void End() = 0;
  };

  void AwaitCall();
  void Loop();

  const Methods methods_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::thread thread_;

  absl::Mutex mutex_;
  std::set<HeldCall*> held_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;

  Workers workers_;
};

class CallQueue::Impl::OneCall final : public Exchange, public CallQueue::Impl::HeldCall {
 public:
  enum class Event { kAccepted, kRead, kGreeted, kSent, kFinished, kDone };
  struct Tag {
    OneCall* call = nullptr;
    Event event = Event::kAccepted;
  };

  explicit OneCall(Impl& server) : server_(server) {}

  void Await() {
    context_.AsyncNotifyWhenDone(&done_);
    server_.service_.RequestCall(&context_, &stream_, server_.queue_.get(), server_.queue_.get(),
                                 &accepted_);
  }

  // On the thread of the queue.
  void On(Event event, bool ok) {
    switch (event) {
      case Event::kAccepted:
        // Not accepted: the server shuts down, and the done event of a call that never was does not
        // come.
        if (!ok) {
          delete this;
          return;
        }
        server_.AwaitCall();
        pending_ = 1;  // the done event
        Accepted();
        return;
      case Event::kRead:
        Read(ok);
        break;
      case Event::kGreeted:
        Greeted();
        break;
      case Event::kSent: {
        const absl::MutexLock lock(&mutex_);
        sending_ = false;
        sent_ = ok;
        break;
      }
      case Event::kFinished:
        break;
      case Event::kDone:
        Done();
        break;
    }
    Release();
  }

  // ---- Exchange ----

  bool Parse(MessageLite& request) const override {
    grpc::ByteBuffer buffer = request_;  // shares the bytes
    grpc::ProtoBufferReader reader(&buffer);
    return request.ParseFromZeroCopyStream(&reader) && reader.status().ok();
  }

  void Answer(const MessageLite& response) override { answer_ = Encode(response); }

  bool Send(const MessageLite& message) override {
    const absl::MutexLock lock(&mutex_);
    if (gone_) return false;
    sending_ = true;
    ++pending_;
    stream_.Write(Encode(message), &sent_tag_);
    mutex_.Await(absl::Condition(
        +[](bool* sending) { return !*sending; }, &sending_));
    return sent_;
  }

  std::stop_token given_up() override {
    const absl::MutexLock lock(&mutex_);
    if (!stop_) stop_.emplace();
    if (gone_) stop_->request_stop();
    return stop_->get_token();
  }

  // ---- HeldCall ----

  void End() override {
    if (greeting_ || finished_) return;
    finished_ = true;
    Finish(grpc::Status::OK);
  }

 private:
  void Accepted() {
    const auto method = server_.methods_.find(context_.method());
    if (method == server_.methods_.end()) {
      Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                          absl::StrCat("not offered: ", context_.method())));
      return;
    }
    method_ = &method->second;
    ++pending_;
    if (method_->serve == nullptr) {
      Hold();
      stream_.SendInitialMetadata(&greeted_);
    } else {
      stream_.Read(&request_, &read_);
    }
  }

  void Read(bool ok) {
    if (!ok) {
      Finish(grpc::Status(grpc::StatusCode::INTERNAL, "the call ended before its message came"));
    } else if (method_->way == Method::Way::kOwnThread) {
      ++pending_;
      server_.workers_.Run([this] {
        Serve();
        Release();
      });
    } else {
      Serve();
    }
  }

  void Serve() {
    const grpc::Status status = method_->serve(*this);
    if (!status.ok() || method_->way != Method::Way::kHeld) {
      Finish(status);
      return;
    }
    Hold();
    ++pending_;
    stream_.Write(std::exchange(answer_, std::nullopt).value_or(grpc::ByteBuffer()), &greeted_);
  }

  void Hold() {
    const absl::MutexLock lock(&server_.mutex_);
    greeting_ = true;
    if (!finished_) server_.held_.insert(this);
  }

  void Greeted() {
    const absl::MutexLock lock(&server_.mutex_);
    greeting_ = false;
    if (server_.ending_) End();
  }

  void Finish(const grpc::Status& status) {
    ++pending_;
    if (status.ok() && answer_) {
      stream_.WriteAndFinish(*answer_, grpc::WriteOptions(), status, &finished_tag_);
    } else {
      stream_.Finish(status, &finished_tag_);
    }
  }

  void Done() {
    if (method_ != nullptr && method_->way == Method::Way::kHeld) {
      const absl::MutexLock lock(&server_.mutex_);
      finished_ = true;
      server_.held_.erase(this);
    }
    std::optional<std::stop_source> stop;
    {
      const absl::MutexLock lock(&mutex_);
      gone_ = true;
      stop = stop_;
    }
    if (stop) stop->request_stop();
  }

  void Release() {
    if (--pending_ == 0) delete this;
  }

  Impl& server_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  Tag accepted_{this, Event::kAccepted}, read_{this, Event::kRead}, greeted_{this, Event::kGreeted},
      sent_tag_{this, Event::kSent}, finished_tag_{this, Event::kFinished},
      done_{this, Event::kDone};
  const Method* method_ = nullptr;
  grpc::ByteBuffer request_;
  std::optional<grpc::ByteBuffer> answer_;
  std::atomic<int> pending_ = 0;

  // Of a held call; guarded by the queue's mutex. Finished: ended by us, or gone.
  bool greeting_ = false, finished_ = false;

  absl::Mutex mutex_;
  bool sending_ ABSL_GUARDED_BY(mutex_) = false, sent_ ABSL_GUARDED_BY(mutex_) = false;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<std::stop_source> stop_ ABSL_GUARDED_BY(mutex_);
};

void CallQueue::Impl::AwaitCall() {
  const absl::MutexLock lock(&mutex_);
  if (!ending_) (new OneCall(*this))->Await();
}

void CallQueue::Impl::Loop() {
  void* raw = nullptr;
  bool ok = false;
  while (queue_->Next(&raw, &ok)) {
    const auto tag = *static_cast<const OneCall::Tag*>(raw);
    tag.call->On(tag.event, ok);
  }
}

CallQueue::CallQueue(Methods methods) : impl_(std::make_unique<Impl>(std::move(methods))) {}
CallQueue::~CallQueue() = default;
void CallQueue::Register(grpc::ServerBuilder& builder) { impl_->Register(builder); }
void CallQueue::Start() { impl_->Start(); }
void CallQueue::End() { impl_->End(); }

}  // namespace charon::server
