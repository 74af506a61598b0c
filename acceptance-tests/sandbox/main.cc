// charon-sandbox: the APIs that the provider speaks, in memory and on loopback.

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bootstrap.h"
#include "cloudflare_site.h"
#include "controllers.h"
#include "discovery.h"
#include "headscale_site.h"
#include "http_server.h"
#include "kubernetes_site.h"
#include "route53_site.h"
#include "tls.h"

namespace charon::sandbox {
namespace {

constexpr char kUsage[] =
    "charon-sandbox: Kubernetes, Headscale, Cloudflare's DNS and Route 53, in memory and on "
    "loopback, to\n"
    "rehearse a stack without servers and to test against.\n"
    "\n"
    "usage: charon-sandbox --dir DIR [options]\n"
    "  --dir DIR            where kubeconfig, ca.crt, requests.jsonl and a file for each API go\n"
    "  --port N             port of Kubernetes on 127.0.0.1 (default 0: a free one)\n"
    "  --plain              HTTP without TLS\n"
    "  --token TOKEN        bearer token of the admin user (default: random)\n"
    "  --powerless-token T  bearer token of a user who may do nothing (default: random)\n"
    "  --seed N             seed of names and uids, for repeatable runs (default: random)\n"
    "  --version, --help\n"
    "\n"
    "KUBECONFIG=DIR/kubeconfig kubectl get nodes\n";

struct Options {
  std::string dir, token, powerless_token;
  int port = 0;
  bool plain = false;
  std::uint64_t seed = 0;
};

[[noreturn]] void Fail(const std::string& message) {
  std::cerr << "charon-sandbox: " << message << "\n";
  std::exit(2);
}

Options ParseOptions(int argc, char** argv) {
  Options out;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    std::string value;
    bool has_value = false;
    if (const auto equals = name.find('=');
        absl::StartsWith(name, "--") && equals != std::string::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
      has_value = true;
    }
    const auto take = [&]() -> std::string {
      if (has_value) return value;
      if (i + 1 >= argc) Fail(name + " needs a value; see --help");
      return argv[++i];
    };
    if (name == "--help" || name == "-h") {
      std::cout << kUsage;
      std::exit(0);
    } else if (name == "--version") {
      std::cout << "charon-sandbox (Kubernetes " << kKubernetesVersion
                << ", Headscale 0.29.2 and 0.23.0)\n";
      std::exit(0);
    } else if (name == "--dir") {
      out.dir = take();
    } else if (name == "--port") {
      if (!absl::SimpleAtoi(take(), &out.port) || out.port < 0 || out.port > 65535) {
        Fail("--port takes a number from 0 to 65535");
      }
    } else if (name == "--plain") {
      out.plain = true;
    } else if (name == "--token") {
      out.token = take();
    } else if (name == "--powerless-token") {
      out.powerless_token = take();
    } else if (name == "--seed") {
      if (!absl::SimpleAtoi(take(), &out.seed)) Fail("--seed takes a number");
    } else {
      Fail(absl::StrCat("unknown option ", name, "; see --help"));
    }
  }
  if (out.dir.empty()) Fail("--dir is required; see --help");
  if (out.token.empty()) out.token = RandomHex(24);
  if (out.powerless_token.empty()) out.powerless_token = RandomHex(24);
  if (out.seed == 0) {
    out.seed = std::stoull(RandomHex(8), nullptr, 16);
  }
  return out;
}

// Secrets are in these files: readable by the owner only.
void WriteFile(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path fresh = path.string() + ".new";
  {
    std::ofstream file(fresh, std::ios::trunc);
    chmod(fresh.c_str(), 0600);
    file << text;
    if (!file.good()) Fail(absl::StrCat("cannot write ", path.string()));
  }
  std::error_code error;
  std::filesystem::rename(fresh, path, error);
  if (error) Fail(absl::StrCat("cannot write ", path.string(), ": ", error.message()));
}

std::string Kubeconfig(const std::string& url, const std::string& ca_pem, const Options& options) {
  const std::string trust =
      options.plain
          ? ""
          : absl::StrCat("    certificate-authority-data: ", absl::Base64Escape(ca_pem), "\n");
  return absl::StrCat(
      "apiVersion: v1\nkind: Config\ncurrent-context: sandbox\nclusters:\n- name: sandbox\n"
      "  cluster:\n    server: ",
      url, "\n", trust, "users:\n- name: admin\n  user:\n    token: ", options.token,
      "\n- name: powerless\n  user:\n    token: ", options.powerless_token,
      "\ncontexts:\n- name: sandbox\n  context:\n    cluster: sandbox\n    user: admin\n"
      "- name: powerless\n  context:\n    cluster: sandbox\n    user: powerless\n");
}

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  // Signals are waited for by one thread; all others are born with them blocked.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const std::filesystem::path dir = std::filesystem::absolute(options.dir);
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) Fail(absl::StrCat("cannot make ", dir.string(), ": ", error.message()));

  absl::StatusOr<ServerIdentity> identity = MakeServerIdentity();
  if (!identity.ok()) Fail(std::string(identity.status().message()));

  Cluster cluster;
  {
    absl::MutexLock lock(&cluster.mu);
    cluster.random.seed(options.seed);
    Bootstrap(cluster, identity->ca_pem);
  }
  const auto now = [&cluster] {
    absl::MutexLock lock(&cluster.mu);
    return cluster.Now();
  };
  HeadscaleSite headscale(headscale::Dialect::k029, options.seed + 1, now);
  HeadscaleSite headscale_023(headscale::Dialect::k023, options.seed + 2, now);
  const CloudflareSite::Tokens cloudflare_tokens = {RandomHex(20), RandomHex(20)};
  CloudflareSite cloudflare(cloudflare_tokens, options.seed + 3, now);
  const aws::Credentials credentials = {absl::StrCat("AKIA", absl::AsciiStrToUpper(RandomHex(8))),
                                        RandomHex(20)};
  Route53Site route53(credentials, options.seed + 4, now);
  FaultScript faults;
  RequestLog log((dir / "requests.jsonl").string());
  ApiServer api(cluster, {options.token, options.powerless_token});
  ControlApi control(api, faults, log, {&headscale, &headscale_023, &cloudflare, &route53});
  Controllers controllers(cluster);
  controllers.Start();
  KubernetesSite kubernetes(api, control);
  HttpServer server(kubernetes, faults, log, options.plain ? nullptr : &*identity);
  const absl::StatusOr<int> port = server.Bind(options.port);
  if (!port.ok()) Fail(std::string(port.status().message()));

  // Each of the others has a port of its own, without TLS.
  std::vector<std::unique_ptr<HttpServer>> others;
  const auto serve = [&](Site& site) {
    others.push_back(std::make_unique<HttpServer>(site, faults, log, nullptr));
    const absl::StatusOr<int> bound = others.back()->Bind(0);
    if (!bound.ok()) Fail(std::string(bound.status().message()));
    return absl::StrCat("http://127.0.0.1:", *bound);
  };
  for (const auto& [site, file] : {std::pair{&headscale, "headscale.json"},
                                   std::pair{&headscale_023, "headscale-0.23.json"}}) {
    const std::string endpoint = serve(*site);
    WriteFile(dir / file, Json{{"endpoint", endpoint},
                               {"api_key", site->api_key()},
                               {"version", site->version()},
                               {"dialect", site->dialect()},
                               {"base_domain", "tailnet.example.org"},
                               {"processes", Json::array({{{"pid", getpid()}, {"log", ""}}})}}
                                  .dump(2) +
                              "\n");
  }
  WriteFile(dir / "cloudflare.json", Json{{"base_url", serve(cloudflare) + "/client/v4"},
                                          {"api_token", cloudflare_tokens.write},
                                          {"powerless_token", cloudflare_tokens.read}}
                                             .dump(2) +
                                         "\n");
  WriteFile(dir / "route53.json", Json{{"endpoint", serve(route53)},
                                       {"access_key", credentials.access_key},
                                       {"secret_key", credentials.secret_key}}
                                          .dump(2) +
                                      "\n");

  const std::string url = absl::StrCat(options.plain ? "http" : "https", "://127.0.0.1:", *port);
  const std::string kubeconfig = (dir / "kubeconfig").string();
  if (!options.plain) WriteFile(dir / "ca.crt", identity->ca_pem);
  WriteFile(kubeconfig, Kubeconfig(url, identity->ca_pem, options));
  WriteFile(dir / "sandbox.json", Json{{"url", url},
                                       {"port", *port},
                                       {"token", options.token},
                                       {"powerless_token", options.powerless_token},
                                       {"kubeconfig", kubeconfig},
                                       {"ca", options.plain ? "" : (dir / "ca.crt").string()},
                                       {"pid", getpid()}}
                                          .dump(2) +
                                      "\n");

  std::thread waiter([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    for (const auto& other : others) other->Stop();
    server.Stop();
  });
  std::vector<std::thread> threads;
  for (const auto& other : others) threads.emplace_back([&other] { other->Run(); });
  std::cout << "charon-sandbox listening on " << url << " (kubeconfig: " << kubeconfig << ")"
            << std::endl;
  server.Run();
  waiter.join();
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace charon::sandbox

int main(int argc, char** argv) { return charon::sandbox::Main(argc, argv); }
