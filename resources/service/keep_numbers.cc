#include "resources/service/keep_numbers.h"

#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/object.h"

namespace charon::service {
namespace {

using Json = nlohmann::json;

// The number of the port of that name that a workload's containers have; null: none has it.
Json ContainerPort(const Json& workload, const Json& name, const Json& like) {
  for (const char* containers :
       {"spec.template.spec.containers", "spec.template.spec.initContainers"}) {
    const Json& list = kubernetes::Field(workload, containers);
    if (!list.is_array()) continue;
    for (const Json& container : list) {
      for (const Json& port : container.value("ports", Json::array())) {
        if (port.value("name", Json()) == name &&
            port.value("protocol", "TCP") == like.value("protocol", "TCP"))
          return port.value("containerPort", Json());
      }
    }
  }
  return nullptr;
}

}  // namespace

bool KeepNumbers(const Json& workload, absl::FunctionRef<const Json&()> running, const Json& live,
                 Json& service) {
  if (!kubernetes::Field(service, "spec.ports").is_array() ||
      !kubernetes::Field(live, "spec.ports").is_array())
    return false;
  bool changed = false;
  for (Json& port : service["spec"]["ports"]) {
    const Json wanted = port.value("targetPort", Json());
    const Json number = ContainerPort(workload, wanted, port);
    if (!wanted.is_string() || number.is_null()) continue;
    for (const Json& before : kubernetes::Field(live, "spec.ports")) {
      if (before.value("port", Json()) != port["port"] ||
          before.value("protocol", "TCP") != port.value("protocol", "TCP"))
        continue;
      Json leads_to = before.value("targetPort", Json());
      if (leads_to == wanted) continue;
      if (leads_to.is_string()) leads_to = ContainerPort(running(), leads_to, port);
      if (leads_to != number) continue;
      port["targetPort"] = number;
      changed = true;
    }
  }
  return changed;
}

}  // namespace charon::service
