#include "resources/service/import_workload.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/object.h"

namespace charon::service {
namespace {

using Json = nlohmann::json;
using kubernetes::Field;
using kubernetes::Text;

Attr<StringList> Texts(const Json& list) {
  if (!list.is_array() || list.empty()) return {};
  StringList texts;
  for (const Json& item : list) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

// Null for none.
Attr<StringMap> Filled(StringMap map) { return map.empty() ? Attr<StringMap>() : Attr<StringMap>(std::move(map)); }

Attr<StringMap> Amounts(const Json& map) {
  StringMap amounts;
  for (const auto& [name, amount] : map.items()) {
    if (amount.is_string()) amounts[name] = amount.get<std::string>();
  }
  return Filled(std::move(amounts));
}

bool LooksSecret(const std::string& name) {
  const std::string upper = absl::AsciiStrToUpper(name);
  return absl::StrContains(upper, "PASSWORD") || absl::StrContains(upper, "PASSWD") || absl::StrContains(upper, "SECRET") ||
         absl::StrContains(upper, "TOKEN") || absl::StrContains(upper, "CREDENTIAL") || absl::EndsWith(upper, "KEY") ||
         absl::EndsWith(upper, "_PASS") || absl::EndsWith(upper, "_PW") || absl::EndsWith(upper, "_DSN");
}

// Whether a value brings its own login: postgres://user:password@host.
bool HasLogin(const std::string& value) {
  const std::size_t scheme = value.find("://");
  if (scheme == std::string::npos) return false;
  const std::string host = value.substr(scheme + 3, value.find('/', scheme + 3) - scheme - 3);
  return host.find(':') < host.find('@') && absl::StrContains(host, "@");
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
      if ((of.empty() || of == Text(container, "name")) && (divisor.empty() || divisor == "0")) fields[name] = Text(resource, "resource");
    } else if (!from.is_object()) {
      const std::string value = Text(entry, "value");
      if (!value.empty() && (LooksSecret(name) || HasLogin(value))) {
        left_out.push_back(name);
      } else {
        literals[name] = value;
      }
    }
  }
  StringList from_secrets, from_config_maps;
  for (const Json& source : Field(container, "envFrom")) {
    if (!Text(source, "prefix").empty()) continue;
    if (const Json& ref = Field(source, "secretRef"); ref.is_object()) from_secrets.push_back(Reference(ref, "", ""));
    if (const Json& ref = Field(source, "configMapRef"); ref.is_object()) from_config_maps.push_back(Reference(ref, "", ""));
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

// Each named port; a second protocol of it has no name of its own.
void Ports(const Json& container, ContainerModel& model) {
  std::map<std::int64_t, std::set<std::string>> protocols;
  std::map<std::string, std::int64_t> named;
  for (const Json& port : Field(container, "ports")) {
    const Json& number = Field(port, "containerPort");
    if (!number.is_number_integer()) continue;
    const std::string protocol = Text(port, "protocol");
    protocols[number.get<std::int64_t>()].insert(protocol.empty() ? "TCP" : protocol);
    if (const std::string name = Text(port, "name"); !name.empty()) named[name] = number.get<std::int64_t>();
  }
  std::map<std::int64_t, int> names_of;
  for (const auto& [name, number] : named) ++names_of[number];
  StringMap ports;
  for (const auto& [name, number] : named) {
    const std::set<std::string>& of = protocols[number];
    if (names_of[number] > 1) continue;  // which protocol is whose?
    ports[name] = of == std::set<std::string>{"TCP"} ? absl::StrCat(number) : absl::StrCat(number, "/", absl::StrJoin(of, ","));
  }
  model.ports = Filled(std::move(ports));
}

}  // namespace

std::vector<std::string> FillInFromWorkload(const Json& workload, ServiceModel& model) {
  std::vector<std::string> left_out;
  if (const Json& replicas = Field(workload, "spec.replicas"); replicas.is_number_integer() && replicas != 1) {
    model.replicas = replicas.get<std::int64_t>();
  }
  const Json& pod = Field(workload, "spec.template.spec");
  // The API server fills in `default` where there is none, and `serviceAccount` beside it.
  if (const std::string account = Text(pod, "serviceAccountName"); !account.empty() && account != "default") {
    ServiceAccountModel own;
    own.name = account;
    if (const Json& automount = Field(pod, "automountServiceAccountToken"); automount.is_boolean()) own.automount = automount.get<bool>();
    IdentityModel identity;
    identity.service_account = std::move(own);
    model.identity = std::move(identity);
  }
  const Json& containers = Field(pod, "containers");
  if (!containers.is_array() || containers.empty()) return left_out;
  const auto main = std::find_if(containers.begin(), containers.end(), [&](const Json& c) { return Text(c, "name") == model.NameOrDefault(); });
  const Json& container = main == containers.end() ? containers[0] : *main;
  model.image = Text(container, "image");
  model.command = Texts(Field(container, "command"));
  model.args = Texts(Field(container, "args"));
  ProcessModel process;
  if (const std::string directory = Text(container, "workingDir"); !directory.empty()) process.working_dir = directory;
  if (Field(container, "tty") == true) process.tty = true;
  if (Field(container, "stdin") == true) process.stdin = true;
  if (!process.working_dir.IsNull() || !process.tty.IsNull() || !process.stdin.IsNull()) model.process = std::move(process);
  Ports(container, model);
  Environment(container, model, left_out);
  ResourcesModel resources;
  resources.requests = Amounts(Field(container, "resources.requests"));
  resources.limits = Amounts(Field(container, "resources.limits"));
  if (!resources.requests.IsNull() || !resources.limits.IsNull()) model.resources = std::move(resources);
  return left_out;
}

}  // namespace charon::service
