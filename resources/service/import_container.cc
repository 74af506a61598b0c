// What a container is found as.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/object.h"
#include "resources/service/import_parts.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

using Json = nlohmann::json;
using kubernetes::Field;
using kubernetes::Text;

// --- Environment

bool LooksSecret(const std::string& name) {
  const std::string upper = absl::AsciiStrToUpper(name);
  return absl::StrContains(upper, "PASSWORD") || absl::StrContains(upper, "PASSWD") ||
         absl::StrContains(upper, "SECRET") || absl::StrContains(upper, "TOKEN") ||
         absl::StrContains(upper, "CREDENTIAL") || absl::EndsWith(upper, "KEY") ||
         absl::EndsWith(upper, "_PASS") || absl::EndsWith(upper, "_PW") ||
         absl::EndsWith(upper, "_DSN");
}

// Whether a value has anything beside what it takes from other variables: $(NAME).
bool HoldsMore(std::string value) {
  for (const std::string& name : References(value))
    absl::StrReplaceAll({{absl::StrCat("$(", name, ")"), ""}}, &value);
  return !value.empty();
}

// Whether a value brings its own login: postgres://user:password@host. $(NAME) is another
// variable's.
bool HasLogin(const std::string& value) {
  const std::size_t scheme = value.find("://");
  if (scheme == std::string::npos) return false;
  const std::string host = value.substr(scheme + 3, value.find('/', scheme + 3) - scheme - 3);
  const std::size_t colon = host.find(':'), at = host.rfind('@');
  if (at == std::string::npos || colon >= at) return false;
  return HoldsMore(host.substr(colon + 1, at - colon - 1));
}

std::string Reference(const Json& ref, const char* separator, const std::string& key) {
  return absl::StrCat(Text(ref, "name"), separator, key, ref.value("optional", false) ? "?" : "");
}

void Environment(const Json& container, ContainerModel& model, std::vector<std::string>& left_out) {
  StringMap literals, secrets, fields;
  for (const Json& entry : Field(container, "env")) {
    const std::string name = Text(entry, "name");
    const Json& from = Field(entry, "valueFrom");
    if (const Json& ref = Field(from, "secretKeyRef"); ref.is_object()) {
      secrets[name] = Reference(ref, "/", Text(ref, "key"));
    } else if (const std::string path = Text(from, "fieldRef.fieldPath"); !path.empty()) {
      fields[name] = path;
    } else if (const Json& resource = Field(from, "resourceFieldRef"); resource.is_object()) {
      // Of another container, or in another unit: only Kubernetes can say it.
      const std::string of = Text(resource, "containerName");
      const std::string divisor = Text(resource, "divisor");
      if ((of.empty() || of == Text(container, "name")) && (divisor.empty() || divisor == "0"))
        fields[name] = Text(resource, "resource");
    } else if (!from.is_object()) {
      const std::string value = Text(entry, "value");
      if ((LooksSecret(name) && HoldsMore(value)) || HasLogin(value)) {
        left_out.push_back(name);
      } else {
        literals[name] = value;
      }
    }
  }
  StringList from_secrets, from_config_maps;
  for (const Json& source : Field(container, "envFrom")) {
    if (!Text(source, "prefix").empty()) continue;
    if (const Json& ref = Field(source, "secretRef"); ref.is_object())
      from_secrets.push_back(Reference(ref, "", ""));
    if (const Json& ref = Field(source, "configMapRef"); ref.is_object())
      from_config_maps.push_back(Reference(ref, "", ""));
  }
  model.env = Filled(std::move(literals));
  model.env_secret = Filled(std::move(secrets));
  if (from_secrets.empty() && from_config_maps.empty() && fields.empty()) return;
  EnvFromModel from;
  if (!from_secrets.empty()) from.secrets = std::move(from_secrets);
  if (!from_config_maps.empty()) from.config_maps = std::move(from_config_maps);
  from.fields = Filled(std::move(fields));
  model.env_from = std::move(from);
}

// --- Ports, probes, hooks

// Each named port. One without a name is a second protocol of a named one, which bears the name as
// rendering gives it; else it cannot be said.
void Ports(const Json& container, ContainerModel& model) {
  struct Found {
    std::map<std::string, std::string> named;  // name -> protocol
    std::set<std::string> unnamed;
  };
  std::map<std::int64_t, Found> by_number;
  for (const Json& port : Field(container, "ports")) {
    const Json& number = Field(port, "containerPort");
    if (!number.is_number_integer()) continue;
    const std::string name = Text(port, "name"), given = Text(port, "protocol");
    const std::string protocol = given.empty() ? "TCP" : given;
    Found& found = by_number[number.get<std::int64_t>()];
    if (name.empty()) {
      found.unnamed.insert(protocol);
    } else {
      found.named.emplace(name, protocol);
    }
  }
  StringMap ports;
  for (const auto& [number, found] : by_number) {
    for (const auto& [name, protocol] : found.named) {
      std::set<std::string> protocols = {protocol};
      if (found.named.size() == 1) protocols.insert(found.unnamed.begin(), found.unnamed.end());
      const std::string& bearer = protocols.count("TCP") != 0 ? "TCP" : *protocols.begin();
      if (protocol != bearer) protocols = {protocol};
      ports[name] = protocols == std::set<std::string>{"TCP"}
                        ? absl::StrCat(number)
                        : absl::StrCat(number, "/", absl::StrJoin(protocols, ","));
    }
  }
  model.ports = Filled(std::move(ports));
}

// How a port is said: null where rendering takes it by itself. Nullopt for the name of a port that
// the container has not.
std::optional<Attr<std::string>> ProbePort(const Json& port, const ContainerModel& container) {
  const StringMap ports = container.ports.value_or({});
  if (port.is_number_integer()) return Attr<std::string>(absl::StrCat(port.get<std::int64_t>()));
  const std::string name = port.is_string() ? port.get<std::string>() : "";
  if (ports.count(name) == 0) return std::nullopt;
  return name == "http" || ports.size() == 1 ? Attr<std::string>() : Attr<std::string>(name);
}

std::optional<RequestModel> HttpRequest(const Json& get, const ContainerModel& container) {
  const std::optional<Attr<std::string>> port = ProbePort(Field(get, "port"), container);
  if (!port || !absl::StartsWith(Text(get, "path"), "/")) return std::nullopt;
  RequestModel request;
  request.port = *port;
  if (const std::string scheme = Text(get, "scheme"); scheme != "HTTP")
    request.scheme = NonEmpty(scheme);
  StringMap headers;
  for (const Json& header : Field(get, "httpHeaders")) {
    const std::string name = Text(header, "name");
    // A login belongs into no state.
    if (LooksSecret(name) || absl::EqualsIgnoreCase(name, "Authorization") ||
        absl::EqualsIgnoreCase(name, "Cookie"))
      continue;
    headers[name] = Text(header, "value");
  }
  request.headers = Filled(std::move(headers));
  return request;
}

// Nothing if there is nothing to say about it.
Attr<RequestModel> Said(const RequestModel& request) {
  const bool usual = request.port.IsNull() && request.scheme.IsNull() && request.headers.IsNull();
  return usual ? Attr<RequestModel>() : Attr<RequestModel>(request);
}

Attr<ProbeModel> Probe(const Json& probe, const ContainerModel& container) {
  ProbeModel model;
  RequestModel request;
  if (const Json& get = Field(probe, "httpGet"); get.is_object()) {
    const std::optional<RequestModel> found = HttpRequest(get, container);
    if (!found) return {};
    model.http_get = Text(get, "path");
    request = *found;
  } else if (const Json& socket = Field(probe, "tcpSocket"); socket.is_object()) {
    const Json& port = Field(socket, "port");
    if (!ProbePort(port, container)) return {};
    model.tcp_socket =
        port.is_string() ? port.get<std::string>() : absl::StrCat(port.get<std::int64_t>());
  } else if (const Json& exec = Field(probe, "exec"); exec.is_object()) {
    model.exec = TextList(Field(exec, "command"));
    if (model.exec.IsNull()) return {};
  } else if (const Attr<std::int64_t> port = WholeNumber(Field(probe, "grpc.port"));
             port.IsKnown()) {
    model.grpc = Text(probe, "grpc.service");
    const StringMap ports = container.ports.value_or({});
    const auto by_itself =
        ports.count("http") != 0 || ports.size() != 1 ? ports.find("http") : ports.begin();
    if (by_itself == ports.end() || service::PortOf(by_itself->second).number != *port)
      request.port = absl::StrCat(*port);
  } else {
    return {};
  }
  model.request = Said(request);
  // What the server fills in is not said: SetDefaults_Probe of
  // k8s.io/kubernetes/pkg/apis/core/v1/defaults.go.
  const auto unless = [&probe](const char* field, std::int64_t usual) {
    const Json& value = Field(probe, field);
    return value == usual ? Json() : value;
  };
  model.initial_delay = DurationOf(Field(probe, "initialDelaySeconds"));
  model.period = DurationOf(unless("periodSeconds", 10));
  model.timeout = DurationOf(unless("timeoutSeconds", 1));
  model.success_threshold = WholeNumber(unless("successThreshold", 1));
  model.failure_threshold = WholeNumber(unless("failureThreshold", 3));
  return model;
}

Attr<HookModel> Hook(const Json& hook, const ContainerModel& container) {
  HookModel model;
  if (const Json& get = Field(hook, "httpGet"); get.is_object()) {
    const std::optional<RequestModel> request = HttpRequest(get, container);
    if (!request) return {};
    model.http_get = Text(get, "path");
    model.request = Said(*request);
  } else {
    model.exec = TextList(Field(hook, "exec.command"));
    model.sleep = DurationOf(Field(hook, "sleep.seconds"));
    if (model.exec.IsNull() && model.sleep.IsNull()) return {};
  }
  return model;
}

// --- Security

Attr<std::set<std::string>> Set(const Json& list) {
  const Attr<StringList> texts = TextList(list);
  if (texts.IsNull()) return {};
  return std::set<std::string>(texts->begin(), texts->end());
}

Attr<SecurityContextModel> ContainerSecurity(const Json& context) {
  SecurityContextModel model;
  model.privileged = Flag(Field(context, "privileged"));
  model.run_as_user = WholeNumber(Field(context, "runAsUser"));
  model.run_as_group = WholeNumber(Field(context, "runAsGroup"));
  model.run_as_non_root = Flag(Field(context, "runAsNonRoot"));
  model.read_only_root_filesystem = Flag(Field(context, "readOnlyRootFilesystem"));
  model.allow_privilege_escalation = Flag(Field(context, "allowPrivilegeEscalation"));
  model.seccomp_profile = SeccompProfile(Field(context, "seccompProfile"));
  CapabilitiesModel capabilities{Set(Field(context, "capabilities.add")),
                                 Set(Field(context, "capabilities.drop"))};
  if (!capabilities.add.IsNull() || !capabilities.drop.IsNull())
    model.capabilities = std::move(capabilities);
  return context.is_object() && !context.empty() ? Attr<SecurityContextModel>(std::move(model))
                                                 : Attr<SecurityContextModel>();
}

}  // namespace

// The policy that the server fills in goes by the image's tag (SetDefaults_Container of
// k8s.io/kubernetes/pkg/apis/core/v1/defaults.go; parsers.ParseImageName: a name without tag and
// digest is `latest`).
std::string UsualPullPolicy(const std::string& image) {
  const std::string name = image.substr(image.rfind('/') + 1);
  if (absl::StrContains(name, "@")) return "IfNotPresent";
  return !absl::StrContains(name, ":") || absl::EndsWith(name, ":latest") ? "Always"
                                                                          : "IfNotPresent";
}

void FillInContainer(const Json& container, ContainerModel& model,
                     std::vector<std::string>& left_out) {
  model.image = Text(container, "image");
  if (const std::string policy = Text(container, "imagePullPolicy");
      policy != UsualPullPolicy(*model.image)) {
    model.image_pull_policy = NonEmpty(policy);
  }
  model.command = TextList(Field(container, "command"));
  model.args = TextList(Field(container, "args"));
  ProcessModel process;
  process.working_dir = NonEmpty(Text(container, "workingDir"));
  process.tty = Flag(Field(container, "tty"));
  process.stdin = Flag(Field(container, "stdin"));
  if (!process.working_dir.IsNull() || !process.tty.IsNull() || !process.stdin.IsNull())
    model.process = std::move(process);
  Ports(container, model);
  Environment(container, model, left_out);
  ResourcesModel resources;
  resources.requests = Texts(Field(container, "resources.requests"));
  resources.limits = Texts(Field(container, "resources.limits"));
  if (!resources.requests.IsNull() || !resources.limits.IsNull())
    model.resources = std::move(resources);
  std::map<std::string, MountModel> mounts;
  for (const Json& mount : Field(container, "volumeMounts")) {
    const std::string path = Text(mount, "mountPath");
    if (!absl::StartsWith(path, "/")) continue;
    mounts[path] = {Text(mount, "name"), NonEmpty(Text(mount, "subPath")),
                    Flag(Field(mount, "readOnly"))};
  }
  if (!mounts.empty()) model.mounts = std::move(mounts);
  ProbesModel probes{Probe(Field(container, "livenessProbe"), model),
                     Probe(Field(container, "readinessProbe"), model),
                     Probe(Field(container, "startupProbe"), model)};
  if (!probes.liveness.IsNull() || !probes.readiness.IsNull() || !probes.startup.IsNull())
    model.probes = std::move(probes);
  HooksModel hooks{Hook(Field(container, "lifecycle.postStart"), model),
                   Hook(Field(container, "lifecycle.preStop"), model)};
  if (!hooks.post_start.IsNull() || !hooks.pre_stop.IsNull()) model.hooks = std::move(hooks);
  model.security_context = ContainerSecurity(Field(container, "securityContext"));
}

Attr<std::string> DurationOf(const Json& seconds) {
  const Attr<std::int64_t> number = WholeNumber(seconds);
  if (number.IsNull() || *number < 0) return {};
  if (*number == 0) return "0s";
  if (*number % 3600 == 0) return absl::StrCat(*number / 3600, "h");
  return *number % 60 == 0 ? absl::StrCat(*number / 60, "m") : absl::StrCat(*number, "s");
}

Attr<std::int64_t> WholeNumber(const Json& value) {
  return value.is_number_integer() ? Attr<std::int64_t>(value.get<std::int64_t>())
                                   : Attr<std::int64_t>();
}

Attr<bool> Flag(const Json& value) {
  return value.is_boolean() ? Attr<bool>(value.get<bool>()) : Attr<bool>();
}

Attr<StringList> TextList(const Json& list) {
  if (!list.is_array() || list.empty()) return {};
  StringList texts;
  for (const Json& item : list) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

Attr<std::string> NonEmpty(std::string text) {
  return text.empty() ? Attr<std::string>() : Attr<std::string>(std::move(text));
}

Attr<StringMap> Filled(StringMap map) {
  return map.empty() ? Attr<StringMap>() : Attr<StringMap>(std::move(map));
}

Attr<StringMap> Texts(const Json& map) {
  StringMap texts;
  if (!map.is_object()) return {};
  for (const auto& [name, text] : map.items()) {
    if (text.is_string()) texts[name] = text.get<std::string>();
  }
  return Filled(std::move(texts));
}

Attr<std::string> SeccompProfile(const Json& profile) {
  const std::string type = Text(profile, "type");
  return NonEmpty(type == "Localhost" ? Text(profile, "localhostProfile") : type);
}

}  // namespace charon::service
