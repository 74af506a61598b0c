// The plugin as a process: what a host sees of its start, its output and its end.

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/grpc_controller.grpc.pb.h"
#include "proto/grpc_stdio.grpc.pb.h"
#include "proto/tfplugin6.grpc.pb.h"
#include "provider/server/dynamic_value.h"
#include "provider/server/host_for_test.h"
#include "provider/server/tiny_provider_for_test.h"
#include "provider/testing/checkout.h"

namespace charon::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

constexpr char kCookie[] = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
constexpr absl::Duration kLimit = absl::Seconds(30);  // of a test that hangs; none is waited for
// Terraform kills what takes 2 s. Under ThreadSanitizer all is slow; a minute is what the calls
// would take.
#ifdef __SANITIZE_THREAD__
constexpr absl::Duration kFast = absl::Seconds(5);
#else
constexpr absl::Duration kFast = absl::Milliseconds(500);
#endif

std::string TinyPlugin() { return BuildPath("provider/server/tiny_plugin_for_test"); }

using Variables = std::map<std::string, std::string>;

// A child process with its output in pipes.
class Child {
 public:
  Child(std::vector<std::string> arguments, const Variables& variables) {
    int out[2], err[2];
    EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(err, O_CLOEXEC), 0);
    out_ = out[0];
    err_ = err[0];
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<std::string> texts;
    for (char** variable = environ; *variable != nullptr; ++variable) {
      const absl::string_view text = *variable;
      if (!absl::StartsWith(text, "TF_") && !absl::StartsWith(text, "PLUGIN_") &&
          !absl::StartsWith(text, "TMPDIR=")) {
        texts.emplace_back(text);
      }
    }
    for (const auto& [name, value] : variables) texts.push_back(name + "=" + value);
    std::vector<char*> envp;
    for (std::string& text : texts) envp.push_back(text.data());
    envp.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    EXPECT_EQ(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), envp.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(err[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      Wait();
    }
    ::close(out_);
    ::close(err_);
  }

  pid_t pid() const { return pid_; }

  // Up to the first line feed, without it; what came so far if the stream ends before.
  std::string OutputLine() { return Line(out_); }
  std::string ErrorLine() { return Line(err_); }
  // The first line with this text; empty and a failure if the stream ends before.
  std::string OutputLineWith(absl::string_view text) { return LineWith(out_, text); }
  std::string ErrorLineWith(absl::string_view text) { return LineWith(err_, text); }
  // Everything until all writers have closed it: usually, that the process has ended.
  std::string RestOfOutput() { return Rest(out_); }
  std::string RestOfErrors() { return Rest(err_); }

  // The wait status.
  int Wait() {
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    ended_ = true;
    return status;
  }

 private:
  static bool Readable(int descriptor) {
    struct pollfd wanted = {.fd = descriptor, .events = POLLIN, .revents = 0};
    const bool readable =
        ::poll(&wanted, 1, static_cast<int>(absl::ToInt64Milliseconds(kLimit))) > 0;
    EXPECT_TRUE(readable) << "nothing came";
    return readable;
  }
  // False if the stream ended before the line did.
  static bool ReadLine(int descriptor, std::string& line) {
    line.clear();
    char byte = 0;
    while (Readable(descriptor) && ::read(descriptor, &byte, 1) == 1) {
      if (byte == '\n') return true;
      line.push_back(byte);
    }
    return false;
  }
  static std::string Line(int descriptor) {
    std::string line;
    ReadLine(descriptor, line);
    return line;
  }
  static std::string LineWith(int descriptor, absl::string_view text) {
    std::string before, line;
    while (ReadLine(descriptor, line)) {
      if (absl::StrContains(line, text)) return line;
      absl::StrAppend(&before, line, "\n");
    }
    ADD_FAILURE() << "no \"" << text << "\" in\n" << before << line;
    return "";
  }
  static std::string Rest(int descriptor) {
    std::string text;
    char buffer[4096];
    ssize_t size = 0;
    while (Readable(descriptor) && (size = ::read(descriptor, buffer, sizeof(buffer))) > 0) {
      text.append(buffer, static_cast<std::size_t>(size));
    }
    return text;
  }

  pid_t pid_ = 0;
  int out_ = -1, err_ = -1;
  bool ended_ = false;
};

// The fields of a handshake, and a connection to what it names.
struct Connection {
  explicit Connection(const std::string& line, const HostIdentity* identity)
      : fields(absl::StrSplit(line, '|')) {
    if (fields.size() < 6) return;
    channel = Connect(fields[2] == "unix" ? "unix:" + fields[3] : fields[3], fields[5], identity);
    stub = tfplugin6::Provider::NewStub(channel);
  }

  static void Limit(grpc::ClientContext& context) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + kLimit));
  }
  grpc::Status GetMetadata() const {
    grpc::ClientContext context;
    Limit(context);
    tfplugin6::GetMetadata::Response response;
    return stub->GetMetadata(&context, {}, &response);
  }
  grpc::Status Shutdown() const {
    grpc::ClientContext context;
    Limit(context);
    plugin::Empty response;
    return plugin::GRPCController::NewStub(channel)->Shutdown(&context, {}, &response);
  }
  grpc::Status Create(const std::string& name,
                      tfplugin6::ApplyResourceChange::Response* response) const {
    static const auto& registry = *MakeTinyRegistry().release();
    const ObjectSchema& schema = registry.resources().at("tiny_thing")->schema();
    Value thing = schema.Empty();
    thing.mapping()["name"] = Value::String(name);
    tfplugin6::ApplyResourceChange::Request request;
    request.set_type_name("tiny_thing");
    EXPECT_TRUE(ToProto("it", thing, schema.type(), request.mutable_config()).ok());
    thing.mapping()["id"] = Value::Unknown();
    EXPECT_TRUE(ToProto("it", thing, schema.type(), request.mutable_planned_state()).ok());
    grpc::ClientContext context;
    Limit(context);
    return stub->ApplyResourceChange(&context, request, response);
  }

  std::vector<std::string> fields;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<tfplugin6::Provider::Stub> stub;
};

class Plugin : public ::testing::Test {
 protected:
  Variables FromTerraform() const {
    return {{"TF_PLUGIN_MAGIC_COOKIE", kCookie},
            {"PLUGIN_PROTOCOL_VERSIONS", "6,5"},
            {"PLUGIN_MIN_PORT", "10000"},
            {"PLUGIN_MAX_PORT", "25000"},
            {"PLUGIN_CLIENT_CERT", identity_.certificate_pem}};
  }
  static bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

  const HostIdentity identity_ = MakeHostIdentity();
};

TEST_F(Plugin, HandshakeIsOneExactLine) {
  // Signatures differ in length, so that the certificates of some of these runs would need padding.
  for (int i = 0; i < 8; ++i) {
    Child child({TinyPlugin()}, FromTerraform());
    const std::string line = child.OutputLine();
    EXPECT_THAT(line, MatchesRegex("1\\|6\\|unix\\|/tmp/charon-[A-Za-z0-9]+/plugin.sock\\|grpc\\|"
                                   "[A-Za-z0-9+/]+"));
    const Connection connection(line, &identity_);
    ASSERT_EQ(connection.fields.size(), 6u);
    // At once, without waiting for the server: it served before it said so.
    const grpc::Status status = connection.GetMetadata();
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_TRUE(connection.Shutdown().ok());
    EXPECT_THAT(child.RestOfOutput(), IsEmpty());
    EXPECT_EQ(child.Wait(), 0);
    EXPECT_FALSE(Exists(connection.fields[3]));
  }
}

TEST_F(Plugin, ShutdownIsFastThoughCallsAreUnderWay) {
  Child child({TinyPlugin()}, FromTerraform());
  const Connection connection(child.OutputLine(), &identity_);
  ASSERT_EQ(connection.fields.size(), 6u);
  grpc::ClientContext stdio_context;
  Connection::Limit(stdio_context);
  const auto stdio = plugin::GRPCStdio::NewStub(connection.channel);
  const auto stream = stdio->StreamStdio(&stdio_context, {});
  stream->WaitForInitialMetadata();
  std::thread waiting([&] {
    tfplugin6::ApplyResourceChange::Response response;
    connection.Create("wait", &response).ok();
  });
  ASSERT_TRUE(connection.GetMetadata().ok());
  const absl::Time before = absl::Now();
  EXPECT_TRUE(connection.Shutdown().ok());
  EXPECT_EQ(child.Wait(), 0);
  EXPECT_LT(absl::Now() - before, kFast);
  waiting.join();
  EXPECT_FALSE(Exists(connection.fields[3]));
}

TEST_F(Plugin, InterruptIsForTerraformToHandle) {
  Child child({TinyPlugin()}, FromTerraform());
  const Connection connection(child.OutputLine(), &identity_);
  ASSERT_EQ(connection.fields.size(), 6u);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(::kill(child.pid(), SIGINT), 0);
    ASSERT_EQ(::kill(child.pid(), SIGPIPE), 0);
    EXPECT_TRUE(connection.GetMetadata().ok());
  }
  EXPECT_TRUE(connection.Shutdown().ok());
  EXPECT_EQ(child.Wait(), 0);
}

TEST_F(Plugin, TerminationEndsItCleanly) {
  Variables variables = FromTerraform();
  variables["TF_LOG"] = "TRACE";
  Child child({TinyPlugin()}, variables);
  const Connection connection(child.OutputLine(), &identity_);
  ASSERT_EQ(connection.fields.size(), 6u);
  EXPECT_TRUE(connection.GetMetadata().ok());
  tfplugin6::ApplyResourceChange::Response response;
  grpc::Status status;
  std::thread waiting([&] { status = connection.Create("wait", &response); });
  // Until the call is under way: a stop that came before would not be for it.
  child.ErrorLineWith("ApplyResourceChange");
  ASSERT_EQ(::kill(child.pid(), SIGTERM), 0);
  EXPECT_EQ(child.Wait(), 0);
  waiting.join();
  EXPECT_TRUE(status.ok()) << "what was under way still answers: " << status.error_message();
  ASSERT_EQ(response.diagnostics_size(), 1);
  EXPECT_THAT(response.diagnostics(0).detail(), HasSubstr("topped"));
  EXPECT_FALSE(Exists(connection.fields[3]));
}

TEST_F(Plugin, EndsWhenItsHostIsGone) {
  // A host that starts the plugin in its own process group and dies without a word.
  Child host({"/bin/sh", "-c", absl::StrCat("'", TinyPlugin(), "' & wait")}, FromTerraform());
  const Connection connection(host.OutputLine(), &identity_);
  ASSERT_EQ(connection.fields.size(), 6u);
  ASSERT_TRUE(connection.GetMetadata().ok());
  ASSERT_EQ(::kill(host.pid(), SIGKILL), 0);
  EXPECT_THAT(host.RestOfErrors(), IsEmpty()) << "the stream ends when the plugin does";
  EXPECT_FALSE(Exists(connection.fields[3]));
}

TEST_F(Plugin, PrintsOfLibrariesGoToTheLog) {
  Child child({TinyPlugin()}, FromTerraform());
  const Connection connection(child.OutputLine(), &identity_);
  ASSERT_EQ(connection.fields.size(), 6u);
  tfplugin6::ApplyResourceChange::Response response;
  ASSERT_TRUE(connection.Create("print", &response).ok());
  EXPECT_TRUE(connection.Shutdown().ok());
  EXPECT_EQ(child.Wait(), 0);
  EXPECT_THAT(child.RestOfOutput(), IsEmpty());
  EXPECT_THAT(child.RestOfErrors(), HasSubstr("a library prints this\n"));
}

TEST_F(Plugin, CrashIsShownAsTerraformShowsPanics) {
  Child child({TinyPlugin()}, FromTerraform());
  const Connection connection(child.OutputLine(), &identity_);
  ASSERT_EQ(connection.fields.size(), 6u);
  tfplugin6::ApplyResourceChange::Response response;
  EXPECT_EQ(connection.Create("crash", &response).error_code(), grpc::StatusCode::UNAVAILABLE);
  const std::string errors = child.RestOfErrors();
  EXPECT_THAT(errors, HasSubstr("panic: terraform-provider-tiny: SIGSEGV"));
  EXPECT_GT(std::count(errors.begin(), errors.end(), '\n'), 5) << "a stack trace:\n" << errors;
  const int status = child.Wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) << status;
}

TEST_F(Plugin, LogsRequestsAsTerraformReadsThem) {
  Variables variables = FromTerraform();
  variables["TF_LOG"] = "TRACE";
  Child child({TinyPlugin()}, variables);
  const Connection connection(child.OutputLine(), &identity_);
  ASSERT_EQ(connection.fields.size(), 6u);
  tfplugin6::ApplyResourceChange::Response response;
  ASSERT_TRUE(connection.Create("partial", &response).ok());
  EXPECT_TRUE(connection.Shutdown().ok());
  child.Wait();
  int served = 0, diagnostics = 0;
  const std::string errors = child.RestOfErrors();
  for (absl::string_view text : absl::StrSplit(errors, '\n', absl::SkipEmpty())) {
    const auto line = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
    ASSERT_TRUE(line.is_object()) << text;
    for (const char* key : {"@level", "@message", "@timestamp"}) {
      // Terraform dies of anything but a string here.
      ASSERT_TRUE(line.contains(key) && line.at(key).is_string()) << text;
    }
    if (line.value("tf_rpc", "") != "ApplyResourceChange") continue;
    EXPECT_EQ(line.value("tf_resource_type", ""), "tiny_thing");
    EXPECT_EQ(line.value("tf_provider_addr", ""), "registry.terraform.io/charon/tiny");
    EXPECT_FALSE(line.value("tf_req_id", "").empty());
    if (line.contains("tf_req_duration_ms")) ++served;
    if (line.contains("diagnostic_summary")) ++diagnostics;
  }
  EXPECT_EQ(served, 1) << errors;
  EXPECT_EQ(diagnostics, 1) << errors;
}

TEST_F(Plugin, LogsClientsThatItRefuses) {
  Variables variables = FromTerraform();
  variables["TF_LOG_PROVIDER"] = "ERROR";
  Child child({TinyPlugin()}, variables);
  const HostIdentity other = MakeHostIdentity();
  const Connection connection(child.OutputLine(), &other);
  ASSERT_EQ(connection.fields.size(), 6u);
  EXPECT_EQ(connection.GetMetadata().error_code(), grpc::StatusCode::UNAVAILABLE);
  const auto line = nlohmann::json::parse(child.ErrorLine(), nullptr, false);
  ASSERT_TRUE(line.is_object());
  EXPECT_EQ(line.at("@level"), "error");
  EXPECT_THAT(line.at("@message").get<std::string>(), HasSubstr("certificate verify failed"));
}

TEST_F(Plugin, IsSilentUnlessALogIsWanted) {
  Child child({TinyPlugin()}, FromTerraform());
  const Connection connection(child.OutputLine(), &identity_);
  ASSERT_EQ(connection.fields.size(), 6u);
  EXPECT_TRUE(connection.GetMetadata().ok());
  EXPECT_TRUE(connection.Shutdown().ok());
  child.Wait();
  EXPECT_THAT(child.RestOfErrors(), IsEmpty());
}

TEST_F(Plugin, WithoutClientCertificateItServesPlainText) {
  Variables variables = FromTerraform();
  variables.erase("PLUGIN_CLIENT_CERT");
  Child child({TinyPlugin()}, variables);
  const std::string line = child.OutputLine();
  EXPECT_THAT(line, MatchesRegex("1\\|6\\|unix\\|[^|]+\\|grpc\\|"));
  const Connection connection(line, nullptr);
  ASSERT_EQ(connection.fields.size(), 6u);
  EXPECT_TRUE(connection.GetMetadata().ok());
  EXPECT_TRUE(connection.Shutdown().ok());
  EXPECT_EQ(child.Wait(), 0);
}

TEST_F(Plugin, AddsTheSeventhFieldForHostsThatAsk) {
  Variables variables = FromTerraform();
  variables["PLUGIN_MULTIPLEX_GRPC"] = "true";
  Child child({TinyPlugin()}, variables);
  const std::string line = child.OutputLine();
  EXPECT_TRUE(absl::EndsWith(line, "|false")) << line;
  const Connection connection(line, &identity_);
  EXPECT_TRUE(connection.GetMetadata().ok());
}

TEST_F(Plugin, NonsenseForACertificateIsNotServed) {
  Variables variables = FromTerraform();
  variables["PLUGIN_CLIENT_CERT"] = "nonsense";
  Child child({TinyPlugin()}, variables);
  EXPECT_THAT(child.RestOfOutput(), IsEmpty());
  EXPECT_THAT(child.RestOfErrors(), HasSubstr("PLUGIN_CLIENT_CERT"));
  EXPECT_EQ(WEXITSTATUS(child.Wait()), 1);
}

TEST_F(Plugin, ClosedStreamsAreNotTakenForItsOwn) {
  Variables variables = FromTerraform();
  variables["TF_LOG"] = "DEBUG";
  variables.erase("PLUGIN_CLIENT_CERT");  // its own certificate would be in what nobody can read
  Child child({"/bin/sh", "-c", "exec \"$0\" <&- >&-", TinyPlugin()}, variables);
  const auto serving = nlohmann::json::parse(child.ErrorLineWith("serving"), nullptr, false);
  ASSERT_TRUE(serving.is_object());
  const std::string address = serving.at("address").get<std::string>();
  const Connection connection("1|6|unix|" + address + "|grpc|", nullptr);
  EXPECT_TRUE(connection.GetMetadata().ok());
  ::kill(child.pid(), SIGTERM);
  EXPECT_EQ(WEXITSTATUS(child.Wait()), 0);
}

TEST_F(Plugin, WhereNobodyCanReadItsAddressItDoesNotServe) {
  Child child({"/bin/sh", "-c", "exec \"$0\" >/dev/full", TinyPlugin()}, FromTerraform());
  EXPECT_THAT(child.RestOfErrors(), HasSubstr("standard output"));
  EXPECT_EQ(WEXITSTATUS(child.Wait()), 1);
}

TEST_F(Plugin, StartedByHandItExplainsItself) {
  Child child({TinyPlugin()}, {});
  EXPECT_THAT(child.RestOfOutput(), IsEmpty());
  const std::string errors = child.RestOfErrors();
  EXPECT_THAT(errors, HasSubstr("plugin"));
  EXPECT_THAT(errors, HasSubstr("required_providers"));
  // Not with the host of one program's registry.
  EXPECT_THAT(errors, HasSubstr("source = \"charon/tiny\""));
  EXPECT_THAT(errors, HasSubstr("-debug"));
  EXPECT_EQ(WEXITSTATUS(child.Wait()), 1);
}

TEST_F(Plugin, SaysItsVersionAndItsUsage) {
  for (const char* flag : {"-version", "--version"}) {
    Child child({TinyPlugin(), flag}, {});
    EXPECT_EQ(child.RestOfOutput(), "terraform-provider-tiny 1.2.3 (plugin protocol 6.11)\n");
    EXPECT_EQ(child.Wait(), 0);
  }
  for (const char* flag : {"-help", "--help", "-h"}) {
    Child child({TinyPlugin(), flag}, {});
    EXPECT_THAT(child.RestOfOutput(), HasSubstr("usage: terraform-provider-tiny"));
    EXPECT_EQ(child.Wait(), 0);
  }
  Child child({TinyPlugin(), "--frobnicate"}, FromTerraform());
  EXPECT_THAT(child.RestOfErrors(), HasSubstr("--frobnicate"));
  EXPECT_EQ(WEXITSTATUS(child.Wait()), 1);
}

TEST_F(Plugin, DebugModeServesWhoeverIsTold) {
  for (const char* flag : {"-debug", "--debug"}) {
    Child child({TinyPlugin(), flag}, {});
    const std::string line = child.OutputLineWith("TF_REATTACH_PROVIDERS='");
    const std::size_t from = line.find('\'') + 1;
    const auto json = nlohmann::json::parse(line.substr(from, line.rfind('\'') - from));
    const auto& entry = json.at("registry.terraform.io/charon/tiny");
    EXPECT_EQ(entry.at("Pid"), child.pid());
    EXPECT_EQ(entry.at("ProtocolVersion"), 6);
    const std::string path = entry.at("Addr").at("String");
    // One after the other, as Terraform's commands come.
    for (int i = 0; i < 2; ++i) {
      const Connection connection("1|6|unix|" + path + "|grpc|", nullptr);
      grpc::ClientContext context;
      Connection::Limit(context);
      const auto stdio = plugin::GRPCStdio::NewStub(connection.channel);
      const auto stream = stdio->StreamStdio(&context, {});
      EXPECT_TRUE(connection.GetMetadata().ok());
    }
    ASSERT_EQ(::kill(child.pid(), SIGINT), 0);
    EXPECT_EQ(child.Wait(), 0);
    EXPECT_FALSE(Exists(path));
  }
}

}  // namespace
}  // namespace charon::server
