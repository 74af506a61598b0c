#include "resources/service/container.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "provider/conventions.h"

namespace charon::service {
namespace {

ObjectRule RequestIsOfSomething() {
  return {
      "`request` needs `http_get` or `grpc`.", [](const Value& object) {
        if (object["request"].IsNull() || !object["http_get"].IsNull() || !object["grpc"].IsNull())
          return absl::OkStatus();
        return At("request", absl::InvalidArgumentError(
                                 "would have no effect: there is neither http_get nor grpc here"));
      }};
}

}  // namespace

absl::StatusOr<Port> ParsePort(absl::string_view text) {
  const auto wrong = [text] {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" must be a port from 1 to 65535, such as 8080, with protocols other than "
                     "TCP behind it: \"51820/UDP\" or "
                     "\"8554/TCP,UDP\" (TCP, UDP, SCTP)"));
  };
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  Port port;
  const bool digits = !parts.first.empty() &&
                      parts.first.find_first_not_of("0123456789") == absl::string_view::npos;
  if (!digits || !absl::SimpleAtoi(parts.first, &port.number) || port.number < 1 ||
      port.number > 65535)
    return wrong();
  if (parts.first.size() == text.size()) {
    port.protocols = {"TCP"};
    return port;
  }
  for (const absl::string_view protocol : absl::StrSplit(parts.second, ',')) {
    const bool known = protocol == "TCP" || protocol == "UDP" || protocol == "SCTP";
    if (!known || !port.protocols.emplace(protocol).second) return wrong();
  }
  return port;
}

Check ContainerPort() {
  return TextRule("is a port such as 8080 or \"51820/UDP\"",
                  [](absl::string_view text) { return ParsePort(text).status(); });
}

Check AbsolutePath() {
  return TextRule("is an absolute path", [](absl::string_view path) {
    if (absl::StartsWith(path, "/")) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("\"", path, "\" must be an absolute path such as \"/data\""));
  });
}

// IANA_SVC_NAME (RFC 6335, section 5.1), as the API server checks it.
Check PortName() {
  return TextRule(
      "is at most 15 of a-z, 0-9 and \"-\", with at least one letter", [](absl::string_view name) {
        const bool characters = std::all_of(name.begin(), name.end(), [](char c) {
          return absl::ascii_islower(static_cast<unsigned char>(c)) ||
                 absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
        });
        const bool letter = std::any_of(name.begin(), name.end(), [](char c) {
          return absl::ascii_isalpha(static_cast<unsigned char>(c));
        });
        const bool dashes = absl::StartsWith(name, "-") || absl::EndsWith(name, "-") ||
                            absl::StrContains(name, "--");
        if (!name.empty() && name.size() <= 15 && characters && letter && !dashes)
          return absl::OkStatus();
        return absl::InvalidArgumentError(absl::StrCat(
            "\"", name, "\"",
            name.size() > 15 ? absl::StrCat(" has ", name.size(), " characters; it") : "",
            " must be at most 15 of a-z, 0-9 and \"-\", with at least one letter, and without "
            "\"-\" at its ends or twice in a row"));
      });
}

const ObjectSpec<ResourcesModel>& ResourcesModel::Describe() {
  using M = ResourcesModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Resources by name: `cpu`, `memory`, `ephemeral-storage`, or any extended resource.",
      {
          Field(&M::size, "size", Optional,
                "One of `conventions.sizes`; what is said beside it replaces its amounts."),
          Field(&M::requests, "requests", Optional, "What the scheduler sets aside.")
              .Check(EachKey(ContainerResource()))
              .Check(EachElement(QuantityText())),
          Field(&M::limits, "limits", Optional, "What the container may use at most.")
              .Check(EachKey(ContainerResource()))
              .Check(EachElement(QuantityText())),
      });
  return spec;
}

const ObjectSpec<MountModel>& MountModel::Describe() {
  using M = MountModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A volume in a container.",
      {
          Field(&M::volume, "volume", Required,
                "Key of `claims`, `volumes`, `files` or `config_dirs`."),
          Field(&M::sub_path, "sub_path", Optional, "Path inside the volume; its root by default."),
          Field(&M::read_only, "read_only", Optional, "Mount it read-only."),
      });
  return spec;
}

const ObjectSpec<RequestModel>& RequestModel::Describe() {
  using M = RequestModel;
  static const auto& spec =
      *new ObjectSpec<M>("More about a request.",
                         {
                             Field(&M::port, "port", Optional,
                                   "A port by name or number; `http`, or the only one, by default.")
                                 .Check(PortText()),
                             Field(&M::scheme, "scheme", Optional, "`HTTP` (default) or `HTTPS`.")
                                 .Check(OneOf({"HTTP", "HTTPS"})),
                             Field(&M::headers, "headers", Optional, "Headers of the request."),
                         });
  return spec;
}

const ObjectSpec<ProbeModel>& ProbeModel::Describe() {
  using M = ProbeModel;
  static const auto& spec = *new ObjectSpec<M>(
      "One probe. What is not set is Kubernetes' default.",
      {
          Field(&M::http_get, "http_get", Optional,
                "Path of an HTTP request, `/healthz`, that must be answered with 200 to 399.")
              .Check(AbsolutePath()),
          Field(&M::tcp_socket, "tcp_socket", Optional,
                "A port by name or number that must accept connections.")
              .Check(PortText()),
          Field(&M::exec, "exec", Optional, "A command that must exit with 0."),
          Field(&M::grpc, "grpc", Optional,
                "Service to ask for in a gRPC health check; empty for the server as a whole."),
          Field(&M::request, "request", Optional,
                "More about the request of `http_get` or `grpc`, which goes to the port `http`, or "
                "to the only one."),
          Field(&M::initial_delay, "initial_delay", Optional,
                "Wait after the start, such as `30s`.")
              .Check(NonNegativeDuration()),
          Field(&M::period, "period", Optional, "Time between two probes; 10s if unset.")
              .Check(PositiveDuration()),
          Field(&M::timeout, "timeout", Optional, "Time for an answer; 1s if unset.")
              .Check(PositiveDuration()),
          Field(&M::success_threshold, "success_threshold", Optional,
                "Successes in a row that count; 1 if unset.")
              .Check(Between(1, 1000)),
          Field(&M::failure_threshold, "failure_threshold", Optional,
                "Failures in a row that count; 3 if unset.")
              .Check(Between(1, 100000)),
      },
      {ExactlyOneOf({"http_get", "tcp_socket", "exec", "grpc"}), RequestIsOfSomething()});
  return spec;
}

const ObjectSpec<ProbesModel>& ProbesModel::Describe() {
  using M = ProbesModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Probes of a container.",
      {
          Field(&M::liveness, "liveness", Optional, "If it fails, the container is restarted."),
          Field(&M::readiness, "readiness", Optional,
                "While it fails, the Service sends no traffic."),
          Field(&M::startup, "startup", Optional, "Until it succeeds, the others wait."),
      });
  return spec;
}

const ObjectSpec<HookModel>& HookModel::Describe() {
  using M = HookModel;
  static const auto& spec = *new ObjectSpec<M>(
      "One hook.",
      {
          Field(&M::exec, "exec", Optional, "A command in the container."),
          Field(&M::http_get, "http_get", Optional, "Path of an HTTP request to the container.")
              .Check(AbsolutePath()),
          Field(&M::request, "request", Optional, "More about the request of `http_get`."),
          Field(&M::sleep, "sleep", Optional, "Just wait, such as `5s` (Kubernetes 1.30).")
              .Check(NonNegativeDuration()),
      },
      {ExactlyOneOf({"exec", "http_get", "sleep"}), Needs("request", "http_get")});
  return spec;
}

const ObjectSpec<HooksModel>& HooksModel::Describe() {
  using M = HooksModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Hooks of a container.",
      {
          Field(&M::post_start, "post_start", Optional, "Right after the start."),
          Field(&M::pre_stop, "pre_stop", Optional, "Before the stop, within the grace period."),
      });
  return spec;
}

const ObjectSpec<EnvFromModel>& EnvFromModel::Describe() {
  using M = EnvFromModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Environment variables that stand elsewhere.",
      {
          Field(&M::secrets, "secrets", Optional,
                "Secrets whose every key becomes one, named as in `env_secret`; a `?` at the end "
                "if one may be missing."),
          Field(&M::config_maps, "config_maps", Optional, "ConfigMaps likewise."),
          Field(&M::fields, "fields", Optional,
                "Name -> field of the pod (`status.podIP`), or resource of the container "
                "(`limits.memory`).")
              .Check(EachKey(EnvName()))
              .Check(EachElement(PodField())),
      });
  return spec;
}

const ObjectSpec<ProcessModel>& ProcessModel::Describe() {
  using M = ProcessModel;
  static const auto& spec =
      *new ObjectSpec<M>("How the process starts.",
                         {
                             Field(&M::working_dir, "working_dir", Optional,
                                   "Working directory; the image's by default."),
                             Field(&M::tty, "tty", Optional, "Allocate a terminal."),
                             Field(&M::stdin, "stdin", Optional, "Keep standard input open."),
                         });
  return spec;
}

const ObjectSpec<CapabilitiesModel>& CapabilitiesModel::Describe() {
  using M = CapabilitiesModel;
  static const auto& spec =
      *new ObjectSpec<M>("Linux capabilities, without `CAP_`.",
                         {
                             Field(&M::add, "add", Optional, "Those to grant."),
                             Field(&M::drop, "drop", Optional, "Taken away; `ALL` for all."),
                         });
  return spec;
}

const ObjectSpec<SecurityContextModel>& SecurityContextModel::Describe() {
  using M = SecurityContextModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Privileges of a container.",
      {
          Field(&M::privileged, "privileged", Optional, "Run with all privileges of the node."),
          Field(&M::run_as_user, "run_as_user", Optional, "Numeric user id of the process.")
              .Check(Between(0, 4294967295)),
          Field(&M::run_as_group, "run_as_group", Optional, "Numeric group id of the process.")
              .Check(Between(0, 4294967295)),
          Field(&M::run_as_non_root, "run_as_non_root", Optional, "Refuse to start as root."),
          Field(&M::read_only_root_filesystem, "read_only_root_filesystem", Optional,
                "Make the image's files read-only."),
          Field(&M::allow_privilege_escalation, "allow_privilege_escalation", Optional,
                "Allow set-user-id programs."),
          Field(&M::capabilities, "capabilities", Optional, "Linux capabilities."),
          Field(&M::seccomp_profile, "seccomp_profile", Optional,
                "`RuntimeDefault`, `Unconfined`, or the path of a profile on the node."),
      });
  return spec;
}

const ObjectSpec<SidecarModel>& SidecarModel::Describe() {
  static const auto& spec = *new ObjectSpec<SidecarModel>(
      "A container beside the main one.",
      ContainerRows<SidecarModel>(Optional, "Image; that of the service by default."));
  return spec;
}

const ObjectSpec<InitContainerModel>& InitContainerModel::Describe() {
  using M = InitContainerModel;
  static const auto& spec = *[] {
    std::vector<ObjectSpec<M>::Row> rows = {
        Field(&M::name, "name", Required, "Name of the container.").Check(DnsLabel()),
        Field(&M::restart_policy, "restart_policy", Optional,
              "`Always` makes it a native sidecar: it starts in its turn and keeps running "
              "(Kubernetes 1.29). Only "
              "then may it have `probes` and `hooks`.")
            .Check(OneOf({"Always"})),
    };
    for (auto& row : ContainerRows<M>(Optional, "Image; that of the service by default."))
      rows.push_back(std::move(row));
    return new ObjectSpec<M>("A container that runs before the others, in the order of the list.",
                             std::move(rows));
  }();
  return spec;
}

}  // namespace charon::service
