// The container shape that charon_service uses three times: for the service itself, its sidecars
// and its init containers.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "provider/schema/checks.h"
#include "provider/schema/field.h"
#include "resources/service/checks.h"

namespace charon::service {

using StringMap = std::map<std::string, std::string>;
using StringList = std::vector<std::string>;

// What a text of `ports` says.
struct Port {
  std::int64_t number = 0;
  std::set<std::string> protocols;  // TCP, if the text has none
};

// "8080", "51820/UDP", "8554/TCP,UDP". InvalidArgument, with what is accepted, for anything else.
absl::StatusOr<Port> ParsePort(absl::string_view text);
// The same for a text that the table has checked.
inline Port PortOf(absl::string_view text) { return ParsePort(text).value_or(Port()); }

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

// What is rarely said about the request of a probe or a hook.
struct RequestModel {
  Attr<std::string> port, scheme;
  Attr<StringMap> headers;
  static const ObjectSpec<RequestModel>& Describe();
};

struct ProbeModel {
  Attr<std::string> http_get, tcp_socket, grpc, initial_delay, period, timeout;
  Attr<RequestModel> request;
  Attr<StringList> exec;
  Attr<std::int64_t> success_threshold, failure_threshold;
  static const ObjectSpec<ProbeModel>& Describe();
};

struct ProbesModel {
  Attr<ProbeModel> liveness, readiness, startup;
  static const ObjectSpec<ProbesModel>& Describe();
};

struct HookModel {
  Attr<StringList> exec;
  Attr<std::string> http_get, sleep;
  Attr<RequestModel> request;
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

struct EnvFromModel {
  Attr<StringList> secrets, config_maps;
  Attr<StringMap> fields;
  static const ObjectSpec<EnvFromModel>& Describe();
};

struct ProcessModel {
  Attr<std::string> working_dir;
  Attr<bool> tty, stdin;
  static const ObjectSpec<ProcessModel>& Describe();
};

struct ContainerModel {
  Attr<std::string> image, image_owner, image_pull_policy, resources_owner;
  Attr<StringList> command, args;
  Attr<StringMap> env, env_secret, ports;
  Attr<EnvFromModel> env_from;
  Attr<ResourcesModel> resources;
  Attr<std::map<std::string, MountModel>> mounts;
  Attr<ProbesModel> probes;
  Attr<HooksModel> hooks;
  Attr<SecurityContextModel> security_context;
  Attr<ProcessModel> process;
};

struct SidecarModel : ContainerModel {
  static const ObjectSpec<SidecarModel>& Describe();
};

struct InitContainerModel : ContainerModel {
  Attr<std::string> name, restart_policy;
  static const ObjectSpec<InitContainerModel>& Describe();
};

// A text that ParsePort() takes.
Check ContainerPort();
// A path that begins with "/".
Check AbsolutePath();
// A name that Kubernetes takes for a container's port: at most 15 of a-z, 0-9 and "-", with a
// letter.
Check PortName();

// The rows of the container shape in the table of `M`. `image_text` says what the image is of.
template <typename M>
std::vector<typename ObjectSpec<M>::Row> ContainerRows(Mode image_mode,
                                                       absl::string_view image_text) {
  using C = ContainerModel;
  return {
      FieldOf<M>(&C::image, "image", image_mode, image_text).Check(LengthBetween(1, 1024)),
      FieldOf<M>(&C::image_owner, "image_owner", Optional,
                 "`terraform` (default), or `external`: the image is set at creation and left to "
                 "an image updater from then on.")
          .Check(OneOf({"terraform", "external"})),
      FieldOf<M>(&C::image_pull_policy, "image_pull_policy", Optional,
                 "`Always`, `IfNotPresent` or `Never`; the server decides by default.")
          .Check(OneOf({"Always", "IfNotPresent", "Never"})),
      FieldOf<M>(&C::command, "command", Optional, "Replaces the image's entrypoint."),
      FieldOf<M>(&C::args, "args", Optional, "Replaces the image's arguments."),
      FieldOf<M>(&C::process, "process", Optional, "Working directory and terminal."),
      FieldOf<M>(&C::ports, "ports", Optional,
                 "Ports that the container listens on, by name: `8080`, or with protocols other "
                 "than TCP `\"51820/UDP\"`, "
                 "`\"8554/TCP,UDP\"`.")
          .Check(EachKey(PortName()))
          .Check(EachElement(ContainerPort())),
      FieldOf<M>(&C::resources, "resources", Optional,
                 "What the container requests, and its limits."),
      FieldOf<M>(&C::resources_owner, "resources_owner", Optional,
                 "`terraform` (default), or `external`: resources are set at creation and left to "
                 "an autoscaler from then on. Without either, what the autoscaler set stays, and "
                 "the rest goes.")
          .Check(OneOf({"terraform", "external"})),
      FieldOf<M>(&C::env, "env", Optional,
                 "Environment variables. `$(NAME)` refers to another one, in any order.")
          .Check(EachKey(EnvName())),
      FieldOf<M>(&C::env_secret, "env_secret", Optional,
                 "Environment variables from Secrets, as `secret/key`; `secret/key?` if it may be "
                 "missing. `secret` is a key of "
                 "`secrets`, `generated`, or the name of any Secret of the namespace.")
          .Check(EachKey(EnvName()))
          .Check(EachElement(SecretReference())),
      FieldOf<M>(&C::env_from, "env_from", Optional,
                 "Environment variables from whole Secrets and ConfigMaps, and from the pod."),
      FieldOf<M>(&C::mounts, "mounts", Optional, "Where volumes are mounted, by path.")
          .Check(EachKey(AbsolutePath())),
      FieldOf<M>(&C::probes, "probes", Optional,
                 "How the kubelet tells whether the container is well."),
      FieldOf<M>(&C::hooks, "hooks", Optional,
                 "What runs after the start and before the stop (`lifecycle` of Kubernetes)."),
      FieldOf<M>(&C::security_context, "security_context", Optional,
                 "Privileges of the container."),
  };
}

}  // namespace charon::service
