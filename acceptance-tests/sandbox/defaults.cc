#include "defaults.h"

#include <algorithm>
#include <limits>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "custom_schema.h"
#include "kinds.h"

namespace charon::sandbox {
namespace {

void Default(Json& object, const char* name, Json value) {
  if (!object.contains(name)) object[name] = std::move(value);
}

// Each object in the list under `name`.
template <typename Visitor>
void ForEach(Json& parent, const char* name, Visitor visit) {
  if (!parent.is_object()) return;
  const auto it = parent.find(name);
  if (it == parent.end() || !it->is_array()) return;
  for (Json& item : *it) {
    if (item.is_object()) visit(item);
  }
}

template <typename Visitor>
void With(Json& parent, const char* name, Visitor visit) {
  if (!parent.is_object()) return;
  const auto it = parent.find(name);
  if (it != parent.end() && it->is_object()) visit(*it);
}

// ":latest" and untagged images are pulled always.
bool IsLatest(const std::string& image) {
  if (absl::StrContains(image, '@')) return false;
  const auto slash = image.rfind('/');
  const auto colon = image.rfind(':');
  if (colon == std::string::npos || (slash != std::string::npos && colon < slash)) return true;
  return image.substr(colon + 1) == "latest";
}

void DefaultProbe(Json& container, const char* name) {
  With(container, name, [](Json& probe) {
    Default(probe, "timeoutSeconds", 1);
    Default(probe, "periodSeconds", 10);
    Default(probe, "successThreshold", 1);
    Default(probe, "failureThreshold", 3);
    With(probe, "httpGet", [](Json& get) {
      Default(get, "path", "/");
      Default(get, "scheme", "HTTP");
    });
    With(probe, "grpc", [](Json& grpc) { Default(grpc, "service", ""); });
  });
}

void DefaultContainer(Json& container) {
  Default(container, "imagePullPolicy",
          IsLatest(Text(container, {"image"})) ? "Always" : "IfNotPresent");
  Default(container, "terminationMessagePath", "/dev/termination-log");
  Default(container, "terminationMessagePolicy", "File");
  Default(container, "resources", Json::object());
  ForEach(container, "ports", [](Json& port) { Default(port, "protocol", "TCP"); });
  ForEach(container, "env", [](Json& env) {
    With(env, "valueFrom", [](Json& from) {
      With(from, "fieldRef", [](Json& ref) { Default(ref, "apiVersion", "v1"); });
      With(from, "resourceFieldRef", [](Json& ref) { Default(ref, "divisor", "0"); });
    });
  });
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    DefaultProbe(container, probe);
  }
  With(container, "lifecycle", [](Json& lifecycle) {
    for (const char* hook : {"postStart", "preStop"}) {
      With(lifecycle, hook, [](Json& handler) {
        With(handler, "httpGet", [](Json& get) {
          Default(get, "path", "/");
          Default(get, "scheme", "HTTP");
        });
      });
    }
  });
  // A limit without a request is the request too; set when pods are made, and in templates left.
}

void DefaultVolume(Json& volume) {
  With(volume, "secret", [](Json& v) { Default(v, "defaultMode", 420); });
  With(volume, "configMap", [](Json& v) { Default(v, "defaultMode", 420); });
  With(volume, "downwardAPI", [](Json& v) {
    Default(v, "defaultMode", 420);
    ForEach(v, "items", [](Json& item) {
      With(item, "fieldRef", [](Json& ref) { Default(ref, "apiVersion", "v1"); });
      With(item, "resourceFieldRef", [](Json& ref) { Default(ref, "divisor", "0"); });
    });
  });
  With(volume, "projected", [](Json& v) {
    Default(v, "defaultMode", 420);
    ForEach(v, "sources", [](Json& source) {
      With(source, "serviceAccountToken",
           [](Json& token) { Default(token, "expirationSeconds", 3600); });
      With(source, "downwardAPI", [](Json& api) {
        ForEach(api, "items", [](Json& item) {
          With(item, "fieldRef", [](Json& ref) { Default(ref, "apiVersion", "v1"); });
        });
      });
    });
  });
  With(volume, "hostPath", [](Json& v) { Default(v, "type", ""); });
  With(volume, "iscsi", [](Json& v) { Default(v, "iscsiInterface", "default"); });
  With(volume, "ephemeral", [](Json& v) {
    With(v, "volumeClaimTemplate", [](Json& claim) {
      With(claim, "spec", [](Json& spec) { Default(spec, "volumeMode", "Filesystem"); });
    });
  });
  // A volume that names no source is an empty directory.
  if (volume.size() == 1 && volume.contains("name")) volume["emptyDir"] = Json::object();
}

void DefaultWorkload(Json& object) {
  With(object, "spec", [](Json& spec) {
    With(spec, "template", [](Json& pod) {
      With(pod, "spec", [](Json& pod_spec) { DefaultPodSpec(pod_spec, true); });
    });
  });
}

void DefaultClaim(Json& object) {
  With(object, "spec", [](Json& spec) {
    Default(spec, "volumeMode", "Filesystem");
    With(spec, "dataSource", [&spec](Json& source) {
      if (!spec.contains("dataSourceRef")) spec["dataSourceRef"] = source;
    });
  });
}

void DefaultService(Json& object) {
  Json& spec = Ensure(object, {"spec"});
  Default(spec, "sessionAffinity", "None");
  Default(spec, "type", "ClusterIP");
  if (Text(spec, {"sessionAffinity"}) == "ClientIP") {
    Json& config = Ensure(spec, {"sessionAffinityConfig", "clientIP"});
    Default(config, "timeoutSeconds", 10800);
  }
  ForEach(spec, "ports", [](Json& port) {
    Default(port, "protocol", "TCP");
    const Json* target = Find(port, {"targetPort"});
    if (target == nullptr || *target == 0 || *target == "") {
      if (const Json* number = Find(port, {"port"})) port["targetPort"] = Json(*number);
    }
  });
  const std::string type = Text(spec, {"type"});
  if (type == "NodePort" || type == "LoadBalancer") {
    Default(spec, "externalTrafficPolicy", "Cluster");
  }
  if (type != "ExternalName") Default(spec, "internalTrafficPolicy", "Cluster");
  if (type == "LoadBalancer") Default(spec, "allocateLoadBalancerNodePorts", true);
}

void DefaultDeployment(Json& object) {
  Json& spec = Ensure(object, {"spec"});
  Default(spec, "replicas", 1);
  Default(spec, "revisionHistoryLimit", 10);
  Default(spec, "progressDeadlineSeconds", 600);
  Json& strategy = Ensure(spec, {"strategy"});
  Default(strategy, "type", "RollingUpdate");
  if (strategy["type"] == "RollingUpdate") {
    Json& rolling = Ensure(strategy, {"rollingUpdate"});
    Default(rolling, "maxUnavailable", "25%");
    Default(rolling, "maxSurge", "25%");
  }
  DefaultWorkload(object);
}

void DefaultStatefulSet(Json& object) {
  Json& spec = Ensure(object, {"spec"});
  Default(spec, "podManagementPolicy", "OrderedReady");
  Default(spec, "replicas", 1);
  Default(spec, "revisionHistoryLimit", 10);
  Json& strategy = Ensure(spec, {"updateStrategy"});
  Default(strategy, "type", "RollingUpdate");
  if (strategy["type"] == "RollingUpdate") {
    Default(Ensure(strategy, {"rollingUpdate"}), "partition", 0);
  }
  Json& retention = Ensure(spec, {"persistentVolumeClaimRetentionPolicy"});
  Default(retention, "whenDeleted", "Retain");
  Default(retention, "whenScaled", "Retain");
  ForEach(spec, "volumeClaimTemplates", [](Json& claim) {
    claim["apiVersion"] = "v1";
    claim["kind"] = "PersistentVolumeClaim";
    DefaultClaim(claim);
    Ensure(claim, {"status"})["phase"] = "Pending";
  });
  DefaultWorkload(object);
}

void DefaultDaemonSet(Json& object) {
  Json& spec = Ensure(object, {"spec"});
  // An old field that lives on as an annotation.
  Default(Ensure(object, {"metadata", "annotations"}), "deprecated.daemonset.template.generation",
          "1");
  Default(spec, "revisionHistoryLimit", 10);
  Json& strategy = Ensure(spec, {"updateStrategy"});
  Default(strategy, "type", "RollingUpdate");
  if (strategy["type"] == "RollingUpdate") {
    Json& rolling = Ensure(strategy, {"rollingUpdate"});
    Default(rolling, "maxUnavailable", 1);
    Default(rolling, "maxSurge", 0);
  }
  DefaultWorkload(object);
}

void DefaultJobSpec(Json& spec, bool in_template) {
  if (!spec.contains("completions") && !spec.contains("parallelism")) {
    spec["completions"] = 1;
    spec["parallelism"] = 1;
  }
  Default(spec, "parallelism", 1);
  Default(spec, "backoffLimit",
          spec.contains("backoffLimitPerIndex") ? std::numeric_limits<std::int32_t>::max() : 6);
  Default(spec, "completionMode", "NonIndexed");
  Default(spec, "suspend", false);
  Default(spec, "podReplacementPolicy",
          spec.contains("podFailurePolicy") ? "Failed" : "TerminatingOrFailed");
  if (!in_template) Default(spec, "manualSelector", false);
}

void DefaultSubjects(Json& object) {
  With(object, "roleRef", [](Json& ref) {
    if (Text(ref, {"apiGroup"}).empty()) ref["apiGroup"] = "rbac.authorization.k8s.io";
  });
  ForEach(object, "subjects", [](Json& subject) {
    const std::string kind = Text(subject, {"kind"});
    if ((kind == "User" || kind == "Group") && Text(subject, {"apiGroup"}).empty()) {
      subject["apiGroup"] = "rbac.authorization.k8s.io";
    }
  });
}

void DefaultNetworkPolicy(Json& object) {
  With(object, "spec", [](Json& spec) {
    for (const char* direction : {"ingress", "egress"}) {
      ForEach(spec, direction, [](Json& rule) {
        ForEach(rule, "ports", [](Json& port) { Default(port, "protocol", "TCP"); });
      });
    }
    if (!spec.contains("policyTypes")) {
      spec["policyTypes"] = Json::array({"Ingress"});
      if (!Items(spec, {"egress"}).empty()) spec["policyTypes"].push_back("Egress");
    }
  });
}

void DefaultLimitRange(Json& object) {
  With(object, "spec", [](Json& spec) {
    ForEach(spec, "limits", [](Json& item) {
      if (Text(item, {"type"}) != "Container") return;
      const auto copy = [&item](const char* from, const char* to) {
        const Json values = Members(item, {from});
        for (const auto& [name, value] : values.items()) {
          Json& target = Ensure(item, {to});
          if (!target.contains(name)) target[name] = value;
        }
      };
      copy("max", "default");
      copy("default", "defaultRequest");
      copy("min", "defaultRequest");
    });
  });
}

}  // namespace

void DefaultPodSpec(Json& spec, bool in_template) {
  Default(spec, "dnsPolicy", "ClusterFirst");
  Default(spec, "restartPolicy", "Always");
  Default(spec, "terminationGracePeriodSeconds", 30);
  Default(spec, "securityContext", Json::object());
  Default(spec, "schedulerName", "default-scheduler");
  if (!in_template) Default(spec, "enableServiceLinks", true);
  if (Flag(spec, {"hostNetwork"})) {
    for (const char* list : {"containers", "initContainers"}) {
      ForEach(spec, list, [](Json& container) {
        ForEach(container, "ports", [](Json& port) {
          if (port.contains("containerPort"))
            Default(port, "hostPort", Json(port["containerPort"]));
        });
      });
    }
  }
  for (const char* list : {"containers", "initContainers", "ephemeralContainers"}) {
    ForEach(spec, list, DefaultContainer);
  }
  ForEach(spec, "volumes", DefaultVolume);
  // The old name of the service account follows the new one.
  const std::string account = Text(spec, {"serviceAccountName"});
  const std::string old_name = Text(spec, {"serviceAccount"});
  if (!account.empty()) spec["serviceAccount"] = account;
  if (account.empty() && !old_name.empty()) spec["serviceAccountName"] = old_name;
  ForEach(spec, "topologySpreadConstraints", [](Json&) {});
  if (in_template) return;
  // A pod's limit is its request where it names none.
  for (const char* list : {"containers", "initContainers"}) {
    ForEach(spec, list, [](Json& container) {
      const Json limits = Members(container, {"resources", "limits"});
      for (const auto& [name, value] : limits.items()) {
        Json& requests = Ensure(container, {"resources", "requests"});
        if (!requests.contains(name)) requests[name] = value;
      }
    });
  }
}

void ApplyDefaults(const Resource& resource, Json& object) {
  if (resource.is_custom()) return DefaultCustom(*resource.custom, object);
  const std::string key = resource.storage_key();
  if (key == "/pods") {
    With(object, "spec", [](Json& spec) { DefaultPodSpec(spec, false); });
  } else if (key == "/namespaces") {
    const std::string name = Text(object, {"metadata", "name"});
    if (!name.empty()) {
      Json& labels = Ensure(object, {"metadata", "labels"});
      labels["kubernetes.io/metadata.name"] = name;
    }
  } else if (key == "/secrets") {
    Default(object, "type", "Opaque");
    // Write-only: goes into data at once.
    const Json texts = Members(object, {"stringData"});
    for (const auto& [name, text] : texts.items()) {
      Ensure(object, {"data"})[name] = absl::Base64Escape(GoValue(text));
    }
    object.erase("stringData");
  } else if (key == "/services") {
    DefaultService(object);
  } else if (key == "/persistentvolumeclaims") {
    DefaultClaim(object);
  } else if (key == "/persistentvolumes") {
    With(object, "spec", [](Json& spec) {
      Default(spec, "persistentVolumeReclaimPolicy", "Retain");
      Default(spec, "volumeMode", "Filesystem");
      With(spec, "hostPath", [](Json& v) { Default(v, "type", ""); });
    });
  } else if (key == "/limitranges") {
    DefaultLimitRange(object);
  } else if (key == "apps/deployments") {
    DefaultDeployment(object);
  } else if (key == "apps/replicasets" || key == "/replicationcontrollers") {
    Default(Ensure(object, {"spec"}), "replicas", 1);
    DefaultWorkload(object);
  } else if (key == "apps/statefulsets") {
    DefaultStatefulSet(object);
  } else if (key == "apps/daemonsets") {
    DefaultDaemonSet(object);
  } else if (key == "batch/jobs") {
    DefaultJobSpec(Ensure(object, {"spec"}), false);
    const Json labels = Members(object, {"spec", "template", "metadata", "labels"});
    if (Members(object, {"metadata", "labels"}).empty() && !labels.empty()) {
      Ensure(object, {"metadata"})["labels"] = labels;
    }
    DefaultWorkload(object);
  } else if (key == "batch/cronjobs") {
    Json& spec = Ensure(object, {"spec"});
    Default(spec, "concurrencyPolicy", "Allow");
    Default(spec, "suspend", false);
    Default(spec, "successfulJobsHistoryLimit", 3);
    Default(spec, "failedJobsHistoryLimit", 1);
    With(spec, "jobTemplate", [](Json& job) { DefaultWorkload(job); });
  } else if (key == "networking.k8s.io/networkpolicies") {
    DefaultNetworkPolicy(object);
  } else if (key == "rbac.authorization.k8s.io/rolebindings" ||
             key == "rbac.authorization.k8s.io/clusterrolebindings") {
    DefaultSubjects(object);
  } else if (key == "scheduling.k8s.io/priorityclasses") {
    Default(object, "preemptionPolicy", "PreemptLowerPriority");
  } else if (key == "storage.k8s.io/storageclasses") {
    Default(object, "reclaimPolicy", "Delete");
    Default(object, "volumeBindingMode", "Immediate");
  } else if (key == "autoscaling/horizontalpodautoscalers") {
    With(object, "spec", [](Json& spec) {
      Default(spec, "minReplicas", 1);
      if (Items(spec, {"metrics"}).empty()) {
        spec["metrics"] =
            Json::array({{{"type", "Resource"},
                          {"resource",
                           {{"name", "cpu"},
                            {"target", {{"type", "Utilization"}, {"averageUtilization", 80}}}}}}});
      }
    });
  } else if (key == "apiextensions.k8s.io/customresourcedefinitions") {
    Json& spec = Ensure(object, {"spec"});
    if (!spec.contains("conversion")) spec["conversion"] = {{"strategy", "None"}};
    Json& names = Ensure(spec, {"names"});
    std::string kind = Text(names, {"kind"});
    if (!names.contains("listKind") && !kind.empty()) names["listKind"] = kind + "List";
    if (!names.contains("singular") && !kind.empty()) {
      std::transform(kind.begin(), kind.end(), kind.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      });
      names["singular"] = kind;
    }
  }
}

}  // namespace charon::sandbox
