#include "provider/server/handshake.h"

#include <grp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/server/listener.h"

namespace charon::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

HostSettings Read(std::map<std::string, std::string> variables) {
  return HostSettings::Read([&](const char* name) { return variables[name]; });
}

TEST(HostSettings, ReadsWhatTerraformSets) {
  const HostSettings host = Read({
      {"TF_PLUGIN_MAGIC_COOKIE",
       "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"},
      {"PLUGIN_PROTOCOL_VERSIONS", "6,5"},
      {"PLUGIN_MIN_PORT", "10000"},
      {"PLUGIN_MAX_PORT", "25000"},
      {"PLUGIN_CLIENT_CERT", "PEM"},
  });
  EXPECT_TRUE(host.started_by_terraform);
  EXPECT_THAT(host.protocol_versions, ElementsAre(6, 5));
  EXPECT_TRUE(host.OffersOurVersion());
  EXPECT_EQ(host.min_port, 10000);
  EXPECT_EQ(host.max_port, 25000);
  EXPECT_EQ(host.client_certificate, "PEM");
  EXPECT_FALSE(host.wants_multiplexing_field);
}

TEST(HostSettings, TellsAPersonFromTerraform) {
  EXPECT_FALSE(Read({}).started_by_terraform);
  EXPECT_FALSE(Read({{"TF_PLUGIN_MAGIC_COOKIE", "d602"}}).started_by_terraform);
}

TEST(HostSettings, VersionsThatAreMissingOrForeign) {
  EXPECT_FALSE(Read({}).OffersOurVersion());
  EXPECT_FALSE(Read({{"PLUGIN_PROTOCOL_VERSIONS", "4,5"}}).OffersOurVersion());
  EXPECT_TRUE(Read({{"PLUGIN_PROTOCOL_VERSIONS", "5, x,6"}}).OffersOurVersion());
}

TEST(HostSettings, NonsensePortsMeanAnyPort) {
  EXPECT_EQ(Read({{"PLUGIN_MIN_PORT", "20"}, {"PLUGIN_MAX_PORT", "10"}}).min_port, 0);
  EXPECT_EQ(Read({{"PLUGIN_MIN_PORT", "-1"}, {"PLUGIN_MAX_PORT", "99999"}}).max_port, 0);
  EXPECT_EQ(Read({{"PLUGIN_MIN_PORT", "10"}}).max_port, 0);
}

TEST(HandshakeLine, IsExact) {
  const Address unix_socket{Address::Network::kUnix, "/tmp/x/plugin.sock"};
  EXPECT_EQ(HandshakeLine({}, unix_socket, "MIIB"), "1|6|unix|/tmp/x/plugin.sock|grpc|MIIB\n");
  const Address tcp{Address::Network::kTcp, "127.0.0.1:10000"};
  EXPECT_EQ(HandshakeLine({}, tcp, ""), "1|6|tcp|127.0.0.1:10000|grpc|\n");
}

TEST(HandshakeLine, HasTheSeventhFieldOnlyOnRequest) {
  const HostSettings host = Read({{"PLUGIN_MULTIPLEX_GRPC", "true"}});
  EXPECT_EQ(HandshakeLine(host, {Address::Network::kUnix, "/s"}, "MIIB"),
            "1|6|unix|/s|grpc|MIIB|false\n");
}

TEST(ReattachJson, IsWhatTerraformReads) {
  const auto json = nlohmann::json::parse(ReattachJson("registry.terraform.io/charon/charon",
                                                       {Address::Network::kUnix, "/tmp/s"}, 4711));
  const auto& entry = json.at("registry.terraform.io/charon/charon");
  EXPECT_EQ(entry.at("Protocol"), "grpc");
  EXPECT_EQ(entry.at("ProtocolVersion"), 6);
  EXPECT_EQ(entry.at("Pid"), 4711);
  EXPECT_EQ(entry.at("Test"), true);
  EXPECT_EQ(entry.at("Addr").at("Network"), "unix");
  EXPECT_EQ(entry.at("Addr").at("String"), "/tmp/s");
  EXPECT_EQ(json.at("registry.opentofu.org/charon/charon"), entry);  // what OpenTofu reads
}

// ---- Where to listen ----

class Folders : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/charon-test-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { ASSERT_EQ(std::system(("rm -rf " + folder_).c_str()), 0); }

  std::string folder_;
};

TEST_F(Folders, SocketFolderIsPrivateAndGoesAway) {
  HostSettings host;
  host.temporary_folder = folder_ + "/";
  std::string path;
  {
    const auto made = SocketFolder::Make(host);
    ASSERT_TRUE(made.ok()) << made.status();
    path = (*made)->socket_path();
    EXPECT_TRUE(absl::StartsWith(path, folder_ + "/charon-")) << path;
    struct stat info {};
    ASSERT_EQ(::stat(path.substr(0, path.rfind('/')).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700u);
    std::ofstream(path) << "socket";
  }
  EXPECT_NE(::access(path.substr(0, path.rfind('/')).c_str(), F_OK), 0);
}

TEST_F(Folders, LongTemporaryFolderIsPassedOver) {
  HostSettings host;
  host.temporary_folder = folder_ + "/" + std::string(90, 'x');
  ASSERT_EQ(::mkdir(host.temporary_folder.c_str(), 0700), 0);
  const auto made = SocketFolder::Make(host);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(absl::StartsWith((*made)->socket_path(), "/tmp/charon-"));
  EXPECT_LT((*made)->socket_path().size(), 104u);
}

TEST_F(Folders, HostsFolderIsUsedOrNone) {
  HostSettings host;
  host.socket_folder = folder_;
  host.temporary_folder = "/tmp";
  {
    const auto made = SocketFolder::Make(host);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_TRUE(absl::StartsWith((*made)->socket_path(), folder_ + "/"));
  }
  // The host looks for the socket there and nowhere else.
  host.socket_folder = folder_ + "/missing";
  const auto missing = SocketFolder::Make(host);
  EXPECT_TRUE(absl::IsFailedPrecondition(missing.status())) << missing.status();
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr(host.socket_folder));
}

TEST_F(Folders, CharactersOfTheHandshakeAreRefused) {
  HostSettings host;
  for (const char* name : {"/a|b", "/a\nb"}) {
    host.socket_folder = folder_ + name;
    ASSERT_EQ(::mkdir(host.socket_folder.c_str(), 0700), 0);
    EXPECT_FALSE(SocketFolder::Make(host).ok()) << name;
  }
  host.socket_folder = "relative";
  EXPECT_FALSE(SocketFolder::Make(host).ok());
}

TEST_F(Folders, GroupMayConnect) {
  HostSettings host;
  host.socket_folder = folder_;
  const auto made = SocketFolder::Make(host);
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string path = (*made)->socket_path();
  std::ofstream(path) << "socket";
  ASSERT_TRUE((*made)->OpenToGroup("").ok());
  struct stat info {};
  ASSERT_EQ(::stat(path.substr(0, path.rfind('/')).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u) << "no group was named";

  const gid_t own = ::getegid();
  ASSERT_TRUE((*made)->OpenToGroup(absl::StrCat(own)).ok());
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0660u);
  EXPECT_EQ(info.st_gid, own);
  ASSERT_EQ(::stat(path.substr(0, path.rfind('/')).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0710u)
      << "the group must reach the socket and not list the folder";

  const struct group* named = ::getgrgid(own);
  if (named != nullptr) {
    EXPECT_TRUE((*made)->OpenToGroup(named->gr_name).ok()) << named->gr_name;
  }

  const absl::Status unknown = (*made)->OpenToGroup("no-such-group");
  EXPECT_TRUE(absl::IsNotFound(unknown));
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("no-such-group"));
}

// A listening socket on a port that the kernel chose.
class TakenPort {
 public:
  TakenPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_, 1), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~TakenPort() { ::close(fd_); }
  int port() const { return port_; }

 private:
  int fd_;
  int port_ = 0;
};

TEST(FreePort, SkipsTakenPorts) {
  const TakenPort taken;
  HostSettings host;
  host.min_port = taken.port();
  host.max_port = std::min(taken.port() + 200, 65535);
  const auto port = FreePort(host, 0);
  ASSERT_TRUE(port.ok()) << port.status();
  EXPECT_GT(*port, taken.port());
  EXPECT_LE(*port, host.max_port);
}

TEST(FreePort, SaysSoIfAllAreTaken) {
  const TakenPort taken;
  HostSettings host;
  host.min_port = host.max_port = taken.port();
  const auto port = FreePort(host, 0);
  EXPECT_TRUE(absl::IsResourceExhausted(port.status()));
  EXPECT_THAT(std::string(port.status().message()), HasSubstr("PLUGIN_MIN_PORT"));
}

TEST(FreePort, LeavesTheChoiceToTheKernelWithoutARange) { EXPECT_EQ(*FreePort({}, 0), 0); }

}  // namespace
}  // namespace charon::server
