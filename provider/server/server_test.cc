// Real gRPC over a Unix socket with mutual TLS, against the tiny provider.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/grpc_broker.grpc.pb.h"
#include "proto/grpc_controller.grpc.pb.h"
#include "proto/grpc_health.grpc.pb.h"
#include "proto/grpc_stdio.grpc.pb.h"
#include "proto/tfplugin6.grpc.pb.h"
#include "provider/server/dynamic_value.h"
#include "provider/server/host_for_test.h"
#include "provider/server/plugin_server.h"
#include "provider/server/provider_service.h"
#include "provider/server/tiny_provider_for_test.h"

namespace charon::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Served : public ::testing::Test {
 protected:
  void SetUp() override {
    host_.client_certificate = identity_.certificate_pem;
    Start();
  }

  void Start() {
    auto started = PluginServer::Start(host_, provider_.methods(), [this] { ++shutdowns_; });
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    channel_ = Connect(server_->address().grpc_target(), server_->certificate(), &identity_);
    stub_ = tfplugin6::Provider::NewStub(channel_);
  }

  // Deadlines keep a test that fails from hanging; none is waited for.
  static void Limit(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(120));
    context.set_wait_for_ready(false);
  }

  // A call that answers once.
  template <typename Method, typename Request, typename Response>
  grpc::Status Call(Method method, const Request& request, Response* response) {
    grpc::ClientContext context;
    Limit(context);
    return (stub_.get()->*method)(&context, request, response);
  }

  static const ObjectSchema& ThingSchema() {
    static const auto& registry = *MakeTinyRegistry().release();
    return registry.resources().at("tiny_thing")->schema();
  }
  static const ObjectSchema& ThingIdentity() {
    static const auto& registry = *MakeTinyRegistry().release();
    return *registry.resources().at("tiny_thing")->identity_schema();
  }
  static Value ThingNamed(const std::string& name, Value id = Value::Null()) {
    Value thing = ThingSchema().Empty();
    thing.mapping()["name"] = Value::String(name);
    thing.mapping()["id"] = std::move(id);
    return thing;
  }
  static void Put(const Value& value, tfplugin6::DynamicValue* out) {
    ASSERT_TRUE(ToProto("it", value, ThingSchema().type(), out).ok());
  }
  static Value Get(const tfplugin6::DynamicValue& message) {
    const auto value = FromProto("it", message, ThingSchema().type());
    EXPECT_TRUE(value.ok()) << value.status();
    return value.value_or(Value::Null());
  }

  tfplugin6::ApplyResourceChange::Request CreateRequest(const std::string& name) {
    tfplugin6::ApplyResourceChange::Request request;
    request.set_type_name("tiny_thing");
    Put(ThingNamed(name), request.mutable_config());
    Put(ThingNamed(name, Value::Unknown()), request.mutable_planned_state());
    Put(Value::Null(), request.mutable_prior_state());
    return request;
  }

  const HostIdentity identity_ = MakeHostIdentity();
  HostSettings host_;
  ProviderService provider_{"registry.terraform.io/charon/tiny", MakeTinyRegistry};
  std::atomic<int> shutdowns_ = 0;
  std::unique_ptr<PluginServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<tfplugin6::Provider::Stub> stub_;
};

// ---- Who may connect ----

TEST_F(Served, HostsP521CertificateIsAccepted) {
  EXPECT_EQ(server_->address().network, Address::Network::kUnix);
  EXPECT_GT(server_->certificate().size(), 50u) << "shorter fields are not looked at";
  EXPECT_EQ(server_->certificate().find('='), std::string::npos);
  tfplugin6::GetProviderSchema::Response response;
  const grpc::Status status = Call(&tfplugin6::Provider::Stub::GetProviderSchema,
                                   tfplugin6::GetProviderSchema::Request(), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.resource_schemas_size(), 1);
  EXPECT_THAT(response.diagnostics(), IsEmpty());
}

TEST_F(Served, AnotherClientCertificateIsRefused) {
  const HostIdentity other = MakeHostIdentity();
  channel_ = Connect(server_->address().grpc_target(), server_->certificate(), &other);
  stub_ = tfplugin6::Provider::NewStub(channel_);
  tfplugin6::GetMetadata::Response response;
  EXPECT_EQ(
      Call(&tfplugin6::Provider::Stub::GetMetadata, tfplugin6::GetMetadata::Request(), &response)
          .error_code(),
      grpc::StatusCode::UNAVAILABLE);
}

TEST_F(Served, ClientWithoutCertificateIsRefused) {
  channel_ = Connect(server_->address().grpc_target(), server_->certificate(), nullptr);
  stub_ = tfplugin6::Provider::NewStub(channel_);
  tfplugin6::GetMetadata::Response response;
  EXPECT_EQ(
      Call(&tfplugin6::Provider::Stub::GetMetadata, tfplugin6::GetMetadata::Request(), &response)
          .error_code(),
      grpc::StatusCode::UNAVAILABLE);
}

TEST_F(Served, PlainTextClientIsRefused) {
  channel_ = Connect(server_->address().grpc_target(), "", nullptr);
  stub_ = tfplugin6::Provider::NewStub(channel_);
  tfplugin6::GetMetadata::Response response;
  EXPECT_EQ(
      Call(&tfplugin6::Provider::Stub::GetMetadata, tfplugin6::GetMetadata::Request(), &response)
          .error_code(),
      grpc::StatusCode::UNAVAILABLE);
}

TEST_F(Served, PlainTextIfTheHostWantsIt) {
  server_.reset();
  host_.client_certificate.clear();
  Start();
  EXPECT_THAT(server_->certificate(), IsEmpty());
  tfplugin6::GetMetadata::Response response;
  const grpc::Status status =
      Call(&tfplugin6::Provider::Stub::GetMetadata, tfplugin6::GetMetadata::Request(), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.resources(0).type_name(), "tiny_thing");
  EXPECT_EQ(response.functions_size(), 2);
}

TEST_F(Served, TcpWithMutualTlsWhereNoUnixSocketCanBeHad) {
  server_.reset();
  host_.socket_folder = "/dev/null/nowhere";
  host_.min_port = 20000;
  host_.max_port = 30000;
  Start();
  ASSERT_EQ(server_->address().network, Address::Network::kTcp);
  ASSERT_TRUE(absl::StartsWith(server_->address().text, "127.0.0.1:")) << server_->address().text;
  const int port = std::stoi(server_->address().text.substr(10));
  EXPECT_GE(port, 20000);
  EXPECT_LE(port, 30000);
  tfplugin6::GetMetadata::Response response;
  const grpc::Status status =
      Call(&tfplugin6::Provider::Stub::GetMetadata, tfplugin6::GetMetadata::Request(), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  const auto stranger = tfplugin6::Provider::NewStub(
      Connect(server_->address().grpc_target(), server_->certificate(), nullptr));
  grpc::ClientContext context;
  Limit(context);
  EXPECT_FALSE(stranger->GetMetadata(&context, {}, &response).ok());

  // A second one gets a port of its own.
  ProviderService other("x", MakeTinyRegistry);
  const auto second = PluginServer::Start(host_, other.methods(), [] {});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE((*second)->address().text, server_->address().text);
}

TEST_F(Served, PlainTextOverTcpIsRefusedAndSaysWhatToDo) {
  host_.client_certificate.clear();
  host_.socket_folder = "/dev/null/nowhere";
  const auto started = PluginServer::Start(host_, provider_.methods(), [] {});
  ASSERT_TRUE(absl::IsFailedPrecondition(started.status())) << started.status();
  EXPECT_THAT(std::string(started.status().message()), HasSubstr("/dev/null/nowhere"));
}

TEST_F(Served, SocketGoesAwayWithTheServer) {
  const std::string path = server_->address().text;
  EXPECT_EQ(::access(path.c_str(), F_OK), 0);
  EXPECT_TRUE(server_->Shutdown(absl::Seconds(5)));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  EXPECT_NE(::access(path.substr(0, path.rfind('/')).c_str(), F_OK), 0);
}

// ---- The host's services ----

TEST_F(Served, ShutdownIsAnsweredAndSignalled) {
  grpc::ClientContext context;
  Limit(context);
  plugin::Empty response;
  EXPECT_TRUE(plugin::GRPCController::NewStub(channel_)->Shutdown(&context, {}, &response).ok());
  EXPECT_EQ(shutdowns_, 1);
}

TEST_F(Served, OpenStreamsDoNotHoldTheEnd) {
  auto stdio = plugin::GRPCStdio::NewStub(channel_);
  auto broker = plugin::GRPCBroker::NewStub(channel_);
  auto health = grpc::health::v1::Health::NewStub(channel_);
  grpc::ClientContext stdio_context, second_context, broker_context, watch_context;
  for (auto* context : {&stdio_context, &second_context, &broker_context, &watch_context})
    Limit(*context);
  const auto stdio_stream = stdio->StreamStdio(&stdio_context, {});
  const auto second_stream = stdio->StreamStdio(&second_context, {});
  const auto broker_stream = broker->StartStream(&broker_context);
  const auto watch_stream = health->Watch(&watch_context, {});
  grpc::health::v1::HealthCheckResponse health_status;
  stdio_stream->WaitForInitialMetadata();
  second_stream->WaitForInitialMetadata();
  broker_stream->WaitForInitialMetadata();
  ASSERT_TRUE(watch_stream->Read(&health_status));
  EXPECT_EQ(health_status.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  broker_stream->Write({});

  const absl::Time before = absl::Now();
  EXPECT_TRUE(server_->Shutdown(absl::Seconds(10)));
  EXPECT_LT(absl::Now() - before, absl::Seconds(5));
  // Ended in order, not torn off.
  plugin::StdioData data;
  EXPECT_FALSE(stdio_stream->Read(&data));
  EXPECT_TRUE(stdio_stream->Finish().ok());
  EXPECT_FALSE(second_stream->Read(&data));
  EXPECT_TRUE(second_stream->Finish().ok());
  EXPECT_FALSE(watch_stream->Read(&health_status));
  EXPECT_TRUE(watch_stream->Finish().ok());
}

TEST_F(Served, ClientMayCloseItsStreams) {
  auto stdio = plugin::GRPCStdio::NewStub(channel_);
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    Limit(context);
    const auto stream = stdio->StreamStdio(&context, {});
    stream->WaitForInitialMetadata();
    context.TryCancel();
    plugin::StdioData data;
    EXPECT_FALSE(stream->Read(&data));
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  EXPECT_TRUE(server_->Shutdown(absl::Seconds(10)));
}

TEST_F(Served, HealthKnowsThePlugin) {
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  grpc::health::v1::HealthCheckRequest request;
  grpc::health::v1::HealthCheckResponse response;
  for (const char* service : {"", "plugin", "tfplugin6.Provider"}) {
    request.set_service(service);
    grpc::ClientContext context;
    Limit(context);
    ASSERT_TRUE(health->Check(&context, request, &response).ok()) << service;
    EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  }
  request.set_service("other");
  grpc::ClientContext context;
  Limit(context);
  EXPECT_EQ(health->Check(&context, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(Served, MessagesBeyondFourMebibytesPass) {
  tfplugin6::UpgradeResourceState::Request request;
  request.set_type_name("tiny_thing");
  request.set_version(3);
  const std::string name((4 << 20) + 1, 'n');
  request.mutable_raw_state()->set_json(absl::StrCat("{\"id\":\"1\",\"name\":\"", name, "\"}"));
  tfplugin6::UpgradeResourceState::Response response;
  const grpc::Status status =
      Call(&tfplugin6::Provider::Stub::UpgradeResourceState, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Get(response.upgraded_state())["name"].string(), name);
}

// ---- The provider's calls ----

TEST_F(Served, ProviderIsConfigured) {
  tfplugin6::ConfigureProvider::Request request;
  const Type type = Type::Object({{"greeting", Type::String()}});
  ASSERT_TRUE(ToProto("it", Value::Of(Value::Mapping{{"greeting", Value::String("bad")}}), type,
                      request.mutable_config())
                  .ok());
  tfplugin6::ConfigureProvider::Response response;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::ConfigureProvider, request, &response).ok());
  ASSERT_EQ(response.diagnostics_size(), 1);
  EXPECT_EQ(response.diagnostics(0).attribute().steps(0).attribute_name(), "greeting");
}

TEST_F(Served, ResourceLivesItsLife) {
  // Validate and plan the creation.
  tfplugin6::ValidateResourceConfig::Request validate;
  validate.set_type_name("tiny_thing");
  Put(ThingNamed("ann"), validate.mutable_config());
  tfplugin6::ValidateResourceConfig::Response validated;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::ValidateResourceConfig, validate, &validated).ok());
  EXPECT_THAT(validated.diagnostics(), IsEmpty());

  tfplugin6::PlanResourceChange::Request plan;
  plan.set_type_name("tiny_thing");
  Put(ThingNamed("ann"), plan.mutable_config());
  Put(ThingNamed("ann"), plan.mutable_proposed_new_state());
  tfplugin6::PlanResourceChange::Response planned;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::PlanResourceChange, plan, &planned).ok());
  ASSERT_THAT(planned.diagnostics(), IsEmpty());
  EXPECT_TRUE(Get(planned.planned_state())["id"].IsUnknown());
  EXPECT_FALSE(planned.legacy_type_system());
  EXPECT_FALSE(planned.has_deferred());

  tfplugin6::ApplyResourceChange::Request apply;
  apply.set_type_name("tiny_thing");
  *apply.mutable_config() = plan.config();
  *apply.mutable_planned_state() = planned.planned_state();
  apply.set_planned_private(planned.planned_private());
  tfplugin6::ApplyResourceChange::Response applied;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::ApplyResourceChange, apply, &applied).ok());
  ASSERT_THAT(applied.diagnostics(), IsEmpty());
  EXPECT_EQ(Get(applied.new_state())["id"].string(), "id-of-ann");
  const auto identity = IdentityFromProto(applied.new_identity(), &ThingIdentity());
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ((*identity)["id"].string(), "id-of-ann");

  tfplugin6::ReadResource::Request read;
  read.set_type_name("tiny_thing");
  *read.mutable_current_state() = applied.new_state();
  *read.mutable_current_identity() = applied.new_identity();
  read.set_private_(applied.private_());
  tfplugin6::ReadResource::Response state;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::ReadResource, read, &state).ok());
  EXPECT_EQ(Get(state.new_state()), Get(applied.new_state()));

  // A new name replaces it.
  plan.clear_proposed_new_state();
  *plan.mutable_prior_state() = applied.new_state();
  Put(ThingNamed("bea", Value::String("id-of-ann")), plan.mutable_proposed_new_state());
  Put(ThingNamed("bea"), plan.mutable_config());
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::PlanResourceChange, plan, &planned).ok());
  ASSERT_EQ(planned.requires_replace_size(), 1);
  EXPECT_EQ(planned.requires_replace(0).steps(0).attribute_name(), "name");

  // And it can be destroyed.
  apply.clear_config();
  *apply.mutable_prior_state() = applied.new_state();
  Put(Value::Null(), apply.mutable_planned_state());
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::ApplyResourceChange, apply, &applied).ok());
  EXPECT_THAT(applied.diagnostics(), IsEmpty());
  EXPECT_TRUE(Get(applied.new_state()).IsNull());
}

TEST_F(Served, GoneIsNullAndNoError) {
  tfplugin6::ReadResource::Request read;
  read.set_type_name("tiny_thing");
  Put(ThingNamed("x", Value::String("gone")), read.mutable_current_state());
  tfplugin6::ReadResource::Response state;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::ReadResource, read, &state).ok());
  EXPECT_THAT(state.diagnostics(), IsEmpty());
  EXPECT_EQ(state.new_state().msgpack(), "\xc0");
}

TEST_F(Served, ExceptionIsADiagnosticAndTheServerLives) {
  tfplugin6::ApplyResourceChange::Response response;
  const grpc::Status status =
      Call(&tfplugin6::Provider::Stub::ApplyResourceChange, CreateRequest("throw"), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.diagnostics_size(), 1);
  EXPECT_THAT(response.diagnostics(0).detail(), HasSubstr("thrown on purpose"));
  EXPECT_TRUE(
      Call(&tfplugin6::Provider::Stub::ApplyResourceChange, CreateRequest("fine"), &response).ok());
}

TEST_F(Served, ExceptionOfTheRegistryIsADiagnosticToo) {
  ProviderService broken("x", []() -> std::unique_ptr<sdk::Registry> {
    throw std::runtime_error("no registry today");
  });
  const auto started = PluginServer::Start(host_, broken.methods(), [] {});
  ASSERT_TRUE(started.ok()) << started.status();
  const auto stub = tfplugin6::Provider::NewStub(
      Connect((*started)->address().grpc_target(), (*started)->certificate(), &identity_));
  broken.Prepare();
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    Limit(context);
    tfplugin6::GetProviderSchema::Response response;
    ASSERT_TRUE(stub->GetProviderSchema(&context, {}, &response).ok());
    ASSERT_EQ(response.diagnostics_size(), 1);
    EXPECT_THAT(response.diagnostics(0).detail(), HasSubstr("no registry today"));
  }
}

TEST_F(Served, PartialStateTravelsWithItsError) {
  tfplugin6::ApplyResourceChange::Response response;
  ASSERT_TRUE(
      Call(&tfplugin6::Provider::Stub::ApplyResourceChange, CreateRequest("partial"), &response)
          .ok());
  EXPECT_EQ(response.diagnostics_size(), 1);
  EXPECT_EQ(Get(response.new_state())["id"].string(), "id-of-partial");
}

TEST_F(Served, MessagesThatAreNoUtf8Arrive) {
  tfplugin6::ApplyResourceChange::Response response;
  const grpc::Status status =
      Call(&tfplugin6::Provider::Stub::ApplyResourceChange, CreateRequest("bytes"), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.diagnostics_size(), 1);
  EXPECT_THAT(response.diagnostics(0).detail(), HasSubstr("server said \xef\xbf\xbd\xef\xbf\xbd"));
}

TEST_F(Served, UnknownTypesAndForeignValuesAreDiagnostics) {
  tfplugin6::ApplyResourceChange::Request request = CreateRequest("x");
  request.set_type_name("tiny_nothing");
  tfplugin6::ApplyResourceChange::Response response;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::ApplyResourceChange, request, &response).ok());
  ASSERT_EQ(response.diagnostics_size(), 1);
  EXPECT_EQ(response.diagnostics(0).summary(), "Unknown type");
  EXPECT_THAT(response.diagnostics(0).detail(), HasSubstr("tiny_nothing"));

  // What cannot be read does not cost the state.
  request = CreateRequest("x");
  Put(ThingNamed("old", Value::String("7")), request.mutable_prior_state());
  request.mutable_planned_state()->set_msgpack("\x81\xa1x\x01");
  request.set_planned_private("kept");
  response.Clear();
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::ApplyResourceChange, request, &response).ok());
  ASSERT_EQ(response.diagnostics_size(), 1);
  EXPECT_EQ(Get(response.new_state())["id"].string(), "7");
  EXPECT_EQ(response.private_(), "kept");
}

TEST_F(Served, StateOfTerraform011IsRefused) {
  tfplugin6::UpgradeResourceState::Request request;
  request.set_type_name("tiny_thing");
  (*request.mutable_raw_state()->mutable_flatmap())["id"] = "1";
  tfplugin6::UpgradeResourceState::Response response;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::UpgradeResourceState, request, &response).ok());
  ASSERT_EQ(response.diagnostics_size(), 1);
  EXPECT_THAT(response.diagnostics(0).detail(), HasSubstr("Terraform 0.11"));
}

TEST_F(Served, ImportsByIdAndByIdentity) {
  tfplugin6::ImportResourceState::Request request;
  request.set_type_name("tiny_thing");
  request.set_id("7");
  tfplugin6::ImportResourceState::Response response;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::ImportResourceState, request, &response).ok());
  ASSERT_EQ(response.imported_resources_size(), 1) << response.diagnostics(0).detail();
  EXPECT_EQ(response.imported_resources(0).type_name(), "tiny_thing");
  EXPECT_EQ(Get(response.imported_resources(0).state())["id"].string(), "7");

  request.clear_id();
  ASSERT_TRUE(
      ToProto("it", Value::Of(Value::Mapping{{"id", Value::String("8")}, {"where", Value::Null()}}),
              ThingIdentity().type(), request.mutable_identity()->mutable_identity_data())
          .ok());
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::ImportResourceState, request, &response).ok());
  ASSERT_EQ(response.imported_resources_size(), 1) << response.diagnostics(0).detail();
  EXPECT_EQ(Get(response.imported_resources(0).state())["id"].string(), "8");
  EXPECT_TRUE(response.imported_resources(0).has_identity());
}

TEST_F(Served, MovesAndGeneratesConfiguration) {
  tfplugin6::MoveResourceState::Request move;
  move.set_target_type_name("tiny_thing");
  move.set_source_type_name("other_thing");
  move.set_source_provider_address("registry.terraform.io/other/other");
  move.mutable_source_state()->set_json("{}");
  tfplugin6::MoveResourceState::Response moved;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::MoveResourceState, move, &moved).ok());
  ASSERT_THAT(moved.diagnostics(), IsEmpty());
  EXPECT_EQ(Get(moved.target_state())["id"].string(), "moved");
  EXPECT_TRUE(moved.has_target_identity());

  move.set_source_type_name("strange_thing");
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::MoveResourceState, move, &moved).ok());
  EXPECT_EQ(moved.diagnostics_size(), 1);

  tfplugin6::GenerateResourceConfig::Request generate;
  generate.set_type_name("tiny_thing");
  Put(ThingNamed("ann", Value::String("7")), generate.mutable_state());
  tfplugin6::GenerateResourceConfig::Response generated;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::GenerateResourceConfig, generate, &generated).ok());
  EXPECT_EQ(Get(generated.config())["name"].string(), "ann");
  EXPECT_TRUE(Get(generated.config())["id"].IsNull());
}

TEST_F(Served, DataSourceAnswers) {
  const Type type = Type::Object({{"name", Type::String()}, {"length", Type::Number()}});
  tfplugin6::ReadDataSource::Request request;
  request.set_type_name("tiny_lookup");
  ASSERT_TRUE(
      ToProto("it",
              Value::Of(Value::Mapping{{"name", Value::String("four")}, {"length", Value::Null()}}),
              type, request.mutable_config())
          .ok());
  tfplugin6::ReadDataSource::Response response;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::ReadDataSource, request, &response).ok());
  const auto state = FromProto("it", response.state(), type);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ((*state)["length"].number(), Number(4));
}

TEST_F(Served, EphemeralIsOpenedRenewedAndClosed) {
  tfplugin6::OpenEphemeralResource::Request open;
  open.set_type_name("tiny_token");
  const Type type = Type::Object({{"token", Type::String()}});
  ASSERT_TRUE(ToProto("it", Value::Of(Value::Mapping{{"token", Value::Null()}}), type,
                      open.mutable_config())
                  .ok());
  tfplugin6::OpenEphemeralResource::Response opened;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::OpenEphemeralResource, open, &opened).ok());
  ASSERT_THAT(opened.diagnostics(), IsEmpty());
  EXPECT_EQ(opened.renew_at().seconds(), 1'700'000'000);
  EXPECT_EQ(opened.renew_at().nanos(), 250'000'000);
  EXPECT_EQ((*FromProto("it", opened.result(), type))["token"].string(), "t-0");

  tfplugin6::RenewEphemeralResource::Request renew;
  renew.set_type_name("tiny_token");
  renew.set_private_(opened.private_());
  tfplugin6::RenewEphemeralResource::Response renewed;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::RenewEphemeralResource, renew, &renewed).ok());
  EXPECT_EQ(renewed.renew_at().seconds(), 1'700'000'060);

  tfplugin6::CloseEphemeralResource::Request close;
  close.set_type_name("tiny_token");
  close.set_private_(opened.private_());
  tfplugin6::CloseEphemeralResource::Response closed;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::CloseEphemeralResource, close, &closed).ok());
  EXPECT_THAT(closed.diagnostics(), IsEmpty());
}

TEST_F(Served, FunctionsAnswerOrNameTheArgument) {
  tfplugin6::CallFunction::Request request;
  request.set_name("shout");
  ASSERT_TRUE(ToProto("it", Value::String("hi"), Type::String(), request.add_arguments()).ok());
  tfplugin6::CallFunction::Response response;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::CallFunction, request, &response).ok());
  EXPECT_FALSE(response.has_error());
  EXPECT_EQ(FromProto("it", response.result(), Type::String())->string(), "HI");

  ASSERT_TRUE(ToProto("it", Value::String(""), Type::String(), request.mutable_arguments(0)).ok());
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::CallFunction, request, &response).ok());
  EXPECT_EQ(response.error().text(), "voice[1]: nothing to shout\n\nSay something");
  EXPECT_TRUE(response.error().has_function_argument());
  EXPECT_EQ(response.error().function_argument(), 0);
  EXPECT_FALSE(response.has_result());

  request.clear_arguments();
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::CallFunction, request, &response).ok());
  EXPECT_THAT(response.error().text(), HasSubstr("takes 1 arguments, not 0"));

  request.set_name("whisper");
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::CallFunction, request, &response).ok());
  EXPECT_THAT(response.error().text(), HasSubstr("whisper"));
}

TEST_F(Served, VariadicFunctionsTakeAnyNumber) {
  tfplugin6::CallFunction::Request request;
  request.set_name("first");
  tfplugin6::CallFunction::Response response;
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::CallFunction, request, &response).ok());
  EXPECT_TRUE(response.has_error());
  EXPECT_FALSE(response.error().has_function_argument());
  for (const char* text : {"a", "b", "c"}) {
    ASSERT_TRUE(ToProto("it", Value::String(text), Type::String(), request.add_arguments()).ok());
  }
  response.Clear();
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::CallFunction, request, &response).ok());
  EXPECT_EQ(FromProto("it", response.result(), Type::String())->string(), "a");
  ASSERT_TRUE(ToProto("it", Value::String("throw"), Type::String(), request.add_arguments()).ok());
  ASSERT_TRUE(Call(&tfplugin6::Provider::Stub::CallFunction, request, &response).ok());
  EXPECT_THAT(response.error().text(), HasSubstr("thrown on purpose"));
}

// ---- Streams ----

tfplugin6::ListResource::Request ListRequest(std::int64_t limit) {
  tfplugin6::ListResource::Request request;
  request.set_type_name("tiny_thing");
  request.set_limit(limit);
  request.set_include_resource_object(true);
  const Type type = Type::Object({{"prefix", Type::String()}});
  EXPECT_TRUE(ToProto("it", Value::Of(Value::Mapping{{"prefix", Value::String("p")}}), type,
                      request.mutable_config())
                  .ok());
  return request;
}

TEST_F(Served, ListStopsAtItsLimit) {
  grpc::ClientContext context;
  Limit(context);
  const auto reader = stub_->ListResource(&context, ListRequest(3));
  std::vector<std::string> names;
  tfplugin6::ListResource::Event event;
  while (reader->Read(&event)) {
    EXPECT_THAT(event.diagnostic(), IsEmpty());
    EXPECT_TRUE(event.has_identity());
    EXPECT_EQ(Get(event.resource_object())["id"].string(), event.display_name());
    names.push_back(event.display_name());
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_THAT(names, ::testing::ElementsAre("p1", "p2", "p3"));
}

TEST_F(Served, CancelledListStopsWaiting) {
  grpc::ClientContext context;
  Limit(context);
  const auto reader = stub_->ListResource(&context, ListRequest(100));
  tfplugin6::ListResource::Event event;
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(reader->Read(&event));
  context.TryCancel();
  while (reader->Read(&event)) continue;
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The handler waits for a minute unless it hears of it; the server's end waits for the handler.
  const absl::Time before = absl::Now();
  server_.reset();
  EXPECT_LT(absl::Now() - before, absl::Seconds(10));
}

TEST_F(Served, ActionReportsAndCompletesOnce) {
  const Type type = Type::Object({{"times", Type::Number()}});
  for (const int times : {0, 2, 13}) {
    tfplugin6::InvokeAction::Request request;
    request.set_action_type("tiny_poke");
    ASSERT_TRUE(ToProto("it", Value::Of(Value::Mapping{{"times", Value::Of(Number(times))}}), type,
                        request.mutable_config())
                    .ok());
    grpc::ClientContext context;
    Limit(context);
    const auto reader = stub_->InvokeAction(&context, request);
    int progress = 0, completed = 0, errors = 0;
    tfplugin6::InvokeAction::Event event;
    while (reader->Read(&event)) {
      EXPECT_EQ(completed, 0) << "nothing comes after the end";
      if (event.has_progress()) ++progress;
      if (event.has_completed()) ++completed, errors += event.completed().diagnostics_size();
    }
    EXPECT_TRUE(reader->Finish().ok());
    EXPECT_EQ(progress, times);
    EXPECT_EQ(completed, 1);
    EXPECT_EQ(errors, times == 13 ? 1 : 0);
  }
  tfplugin6::InvokeAction::Request unknown;
  unknown.set_action_type("tiny_kick");
  grpc::ClientContext context;
  Limit(context);
  const auto reader = stub_->InvokeAction(&context, unknown);
  tfplugin6::InvokeAction::Event event;
  ASSERT_TRUE(reader->Read(&event));
  ASSERT_TRUE(event.has_completed());
  EXPECT_EQ(event.completed().diagnostics_size(), 1);
}

// ---- Stopping ----

TEST_F(Served, StopEndsWaitsAndGoesOnServing) {
  absl::Notification done;
  tfplugin6::ApplyResourceChange::Response response;
  const auto request = CreateRequest("wait");
  std::thread waiting([&] {
    EXPECT_TRUE(Call(&tfplugin6::Provider::Stub::ApplyResourceChange, request, &response).ok());
    done.Notify();
  });
  // The stop may come before the call: then the next one ends it.
  tfplugin6::StopProvider::Response stopped;
  const absl::Time before = absl::Now();
  do {
    ASSERT_TRUE(
        Call(&tfplugin6::Provider::Stub::StopProvider, tfplugin6::StopProvider::Request(), &stopped)
            .ok());
    EXPECT_THAT(stopped.error(), IsEmpty());
  } while (!done.WaitForNotificationWithTimeout(absl::Milliseconds(50)) &&
           absl::Now() - before < absl::Seconds(10));
  waiting.join();
  EXPECT_LT(absl::Now() - before, absl::Seconds(10));
  ASSERT_EQ(response.diagnostics_size(), 1);
  EXPECT_THAT(response.diagnostics(0).detail(), HasSubstr("stopped"));

  // Later calls are not stopped: waiting again would end at once if they were.
  ASSERT_TRUE(
      Call(&tfplugin6::Provider::Stub::ApplyResourceChange, CreateRequest("fine"), &response).ok());
  EXPECT_THAT(response.diagnostics(), IsEmpty());
}

TEST_F(Served, CallsThatWaitHoldNoOther) {
  constexpr int kWaiting = 40;  // more than a machine has cores, and than Terraform's default
  std::atomic<int> ended = 0;
  std::vector<std::thread> waiting;
  for (int i = 0; i < kWaiting; ++i) {
    waiting.emplace_back([&] {
      tfplugin6::ApplyResourceChange::Response response;
      EXPECT_TRUE(
          Call(&tfplugin6::Provider::Stub::ApplyResourceChange, CreateRequest("wait"), &response)
              .ok());
      ++ended;
    });
  }
  tfplugin6::ApplyResourceChange::Response response;
  EXPECT_TRUE(
      Call(&tfplugin6::Provider::Stub::ApplyResourceChange, CreateRequest("fine"), &response).ok());
  tfplugin6::GetMetadata::Response metadata;
  EXPECT_TRUE(
      Call(&tfplugin6::Provider::Stub::GetMetadata, tfplugin6::GetMetadata::Request(), &metadata)
          .ok());
  EXPECT_LT(ended, kWaiting) << "they wait for a minute";
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (ended < kWaiting && absl::Now() < deadline) {
    tfplugin6::StopProvider::Response stopped;
    ASSERT_TRUE(
        Call(&tfplugin6::Provider::Stub::StopProvider, tfplugin6::StopProvider::Request(), &stopped)
            .ok());
  }
  EXPECT_EQ(ended, kWaiting);
  for (std::thread& thread : waiting) thread.join();
}

TEST_F(Served, RequestsThatCannotBeDecodedAreRefused) {
  grpc::GenericStub stub(channel_);
  const auto status_of = [&](const std::string& method, const std::string& bytes) {
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    Limit(context);
    const grpc::Slice slice(bytes);
    const auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&slice, 1), &queue);
    grpc::ByteBuffer response;
    grpc::Status status;
    void* tag = nullptr;
    bool ok = false;
    call->StartCall();
    call->Finish(&response, &status, nullptr);
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return status;
  };
  for (const char* method : {"ReadResource", "ValidateResourceConfig", "StopProvider"}) {
    const grpc::Status status = status_of(absl::StrCat("/tfplugin6.Provider/", method), "\xff");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
    EXPECT_THAT(status.error_message(), HasSubstr(method));
  }
  EXPECT_EQ(status_of("/grpc.health.v1.Health/Watch", "\xff").error_code(),
            grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status_of("/tfplugin6.Provider/Nonsense", "").error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(Served, StateStoresAreNotOffered) {
  tfplugin6::GetStates::Response response;
  const grpc::Status status =
      Call(&tfplugin6::Provider::Stub::GetStates, tfplugin6::GetStates::Request(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("not offered"));
  grpc::ClientContext context;
  Limit(context);
  tfplugin6::WriteStateBytes::Response written;
  const auto writer = stub_->WriteStateBytes(&context, &written);
  writer->WritesDone();
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(Served, ManyCallsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> fine = 0;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 10; ++j) {
        tfplugin6::ApplyResourceChange::Response response;
        const std::string name = absl::StrCat("n", i, "-", j);
        if (Call(&tfplugin6::Provider::Stub::ApplyResourceChange, CreateRequest(name), &response)
                .ok() &&
            response.diagnostics().empty() &&
            Get(response.new_state())["id"].string() == "id-of-" + name) {
          ++fine;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fine, 160);
}

}  // namespace
}  // namespace charon::server
