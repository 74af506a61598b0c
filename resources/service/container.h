// The container shape that charon_service uses three times: for the service itself, its sidecars and its init containers.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "provider/schema/checks.h"
#include "provider/schema/field.h"

namespace charon::service {

using StringMap = std::map<std::string, std::string>;
using StringList = std::vector<std::string>;

struct PortModel {
  Attr<std::int64_t> number, service_port;
  Attr<std::set<std::string>> protocols;
  Attr<std::string> app_protocol;
  static const ObjectSpec<PortModel>& Describe();
};

struct ResourcesModel {
  Attr<std::string> size;
  Attr<StringMap> requests, limits;
  static const ObjectSpec<ResourcesModel>& Describe();
};

struct MountModel {
  Attr<std::string> volume, sub_path;
  Attr<bool> read_only;
  static const ObjectSpec<MountModel>& Describe();
};

struct HttpGetModel {
  Attr<std::string> path, port, scheme;
  Attr<StringMap> headers;
  static const ObjectSpec<HttpGetModel>& Describe();
};

struct GrpcModel {
  Attr<std::string> port, service;
  static const ObjectSpec<GrpcModel>& Describe();
};

struct ProbeModel {
  Attr<HttpGetModel> http_get;
  Attr<std::string> tcp_socket, initial_delay, period, timeout;
  Attr<StringList> exec;
  Attr<GrpcModel> grpc;
  Attr<std::int64_t> success_threshold, failure_threshold;
  static const ObjectSpec<ProbeModel>& Describe();
};

struct ProbesModel {
  Attr<ProbeModel> liveness, readiness, startup;
  static const ObjectSpec<ProbesModel>& Describe();
};

struct HookModel {
  Attr<StringList> exec;
  Attr<HttpGetModel> http_get;
  Attr<std::string> sleep;
  static const ObjectSpec<HookModel>& Describe();
};

struct HooksModel {
  Attr<HookModel> post_start, pre_stop;
  static const ObjectSpec<HooksModel>& Describe();
};

struct CapabilitiesModel {
  Attr<std::set<std::string>> add, drop;
  static const ObjectSpec<CapabilitiesModel>& Describe();
};

struct SecurityContextModel {
  Attr<bool> privileged, run_as_non_root, read_only_root_filesystem, allow_privilege_escalation;
  Attr<std::int64_t> run_as_user, run_as_group;
  Attr<CapabilitiesModel> capabilities;
  Attr<std::string> seccomp_profile;
  static const ObjectSpec<SecurityContextModel>& Describe();
};

struct ContainerModel {
  Attr<std::string> image, image_owner, image_pull_policy, working_dir, resources_owner;
  Attr<StringList> command, args, env_from_secrets, env_from_config_maps;
  Attr<StringMap> env, env_secret, env_field;
  Attr<std::map<std::string, PortModel>> ports;
  Attr<ResourcesModel> resources;
  Attr<std::map<std::string, MountModel>> mounts;
  Attr<ProbesModel> probes;
  Attr<HooksModel> hooks;
  Attr<SecurityContextModel> security_context;
  Attr<bool> tty, stdin;
};

struct SidecarModel : ContainerModel {
  static const ObjectSpec<SidecarModel>& Describe();
};

struct InitContainerModel : ContainerModel {
  Attr<std::string> name, restart_policy;
  static const ObjectSpec<InitContainerModel>& Describe();
};

// A name that Kubernetes takes for a container's port: at most 15 of a-z, 0-9 and "-", with a letter.
Check PortName();

// The rows of the container shape in the table of `M`. `image_text` says what the image is of.
template <typename M>
std::vector<typename ObjectSpec<M>::Row> ContainerRows(Mode image_mode, absl::string_view image_text) {
  using C = ContainerModel;
  return {
      FieldOf<M>(&C::image, "image", image_mode, image_text).Check(LengthBetween(1, 1024)),
      FieldOf<M>(&C::image_owner, "image_owner", Optional,
                 "`terraform` (default), or `external`: the image is set at creation and left to an image updater from then on.")
          .Check(OneOf({"terraform", "external"})),
      FieldOf<M>(&C::image_pull_policy, "image_pull_policy", Optional,
                 "`Always`, `IfNotPresent` or `Never`; the server decides by default.")
          .Check(OneOf({"Always", "IfNotPresent", "Never"})),
      FieldOf<M>(&C::command, "command", Optional, "Replaces the image's entrypoint."),
      FieldOf<M>(&C::args, "args", Optional, "Replaces the image's arguments."),
      FieldOf<M>(&C::working_dir, "working_dir", Optional, "Working directory; the image's by default."),
      FieldOf<M>(&C::ports, "ports", Optional, "Ports by name.").Check(EachKey(PortName())),
      FieldOf<M>(&C::resources, "resources", Optional, "What the container requests, and its limits."),
      FieldOf<M>(&C::resources_owner, "resources_owner", Optional,
                 "`terraform` (default), or `external`: resources are set at creation and left to an autoscaler from then on.")
          .Check(OneOf({"terraform", "external"})),
      FieldOf<M>(&C::env, "env", Optional,
                 "Environment variables. `$(NAME)` refers to another one, in any order.")
          .Check(EachKey(LengthBetween(1, 255))),
      FieldOf<M>(&C::env_secret, "env_secret", Optional,
                 "Environment variables from Secrets, as `secret/key`; `secret/key?` if it may be missing. `secret` is a key of "
                 "`secrets`, `generated`, or the name of any Secret of the namespace."),
      FieldOf<M>(&C::env_field, "env_field", Optional,
                 "Environment variables from the pod: a field (`status.podIP`), or a resource of the container "
                 "(`limits.memory`)."),
      FieldOf<M>(&C::env_from_secrets, "env_from_secrets", Optional,
                 "Secrets whose every key becomes an environment variable; a `?` at the end if one may be missing."),
      FieldOf<M>(&C::env_from_config_maps, "env_from_config_maps", Optional,
                 "ConfigMaps likewise."),
      FieldOf<M>(&C::mounts, "mounts", Optional, "Where volumes are mounted, by path.")
          .Check(EachKey(TextRule("is an absolute path",
                                  [](absl::string_view path) {
                                    if (!path.empty() && path[0] == '/') return absl::OkStatus();
                                    return absl::InvalidArgumentError(
                                        absl::StrCat("\"", path, "\" must be an absolute path such as \"/data\""));
                                  }))),
      FieldOf<M>(&C::probes, "probes", Optional, "How the kubelet tells whether the container is well."),
      FieldOf<M>(&C::hooks, "hooks", Optional, "What runs after the start and before the stop (`lifecycle` of Kubernetes)."),
      FieldOf<M>(&C::security_context, "security_context", Optional, "Privileges of the container."),
      FieldOf<M>(&C::tty, "tty", Optional, "Allocate a terminal."),
      FieldOf<M>(&C::stdin, "stdin", Optional, "Keep standard input open."),
  };
}

}  // namespace charon::service
