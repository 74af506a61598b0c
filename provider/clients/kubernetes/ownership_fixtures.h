// Objects as a Kubernetes 1.36.3 API server shows them, made for tests: written with kubectl under
// the manager names below, trimmed, times and ids changed.
#pragma once

#include <string>

#include "provider/clients/kubernetes/field_set.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

// A document in YAML; a failed expectation and null if it is none.
Json Y(const std::string& text);

// A path such as ".spec.ports[port=80].name"; a failed expectation and the root if it is none.
FieldPath At(const std::string& text);

// What "charon" applied.
inline constexpr char kShopConfiguration[] = R"yaml(
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {app: web, tier: 3-edge}
  annotations: {shop/owner: ann}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      nodeSelector: {disk: ssd}
      containers:
      - name: app
        image: registry.example.org/web:1.4
        args: [--port, "8080"]
        env:
        - {name: MODE, value: live}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        ports: [{containerPort: 8080}, {containerPort: 53, protocol: UDP}]
        resources: {limits: {memory: 0.5Gi}, requests: {cpu: 0.1, memory: 0.5Gi}}
        volumeMounts: [{name: cache, mountPath: /cache}]
      volumes: [{name: cache, emptyDir: {}}]
)yaml";

// The object some days later: kyverno has added an init container, dnsConfig, a label and an
// annotation, reloader an environment variable, somebody has scaled it, and somebody has edited
// image and arguments.
inline constexpr char kShopDeployment[] = R"json(
{
  "apiVersion": "apps/v1",
  "kind": "Deployment",
  "metadata": {
    "annotations": {"deployment.kubernetes.io/revision": "4", "shop/owner": "ann"},
    "creationTimestamp": "2026-03-01T10:00:00Z",
    "generation": 5,
    "labels": {"app": "web", "team": "a", "tier": "3-edge"},
    "managedFields": [
      {
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
          "f:metadata": {"f:annotations": {"f:shop/owner": {}}, "f:labels": {"f:app": {}, "f:tier": {}}},
          "f:spec": {
            "f:selector": {},
            "f:template": {
              "f:metadata": {"f:labels": {"f:app": {}}},
              "f:spec": {
                "f:containers": {
                  "k:{\"name\":\"app\"}": {
                    ".": {},
                    "f:env": {
                      "k:{\"name\":\"MODE\"}": {".": {}, "f:name": {}, "f:value": {}},
                      "k:{\"name\":\"POD\"}": {".": {}, "f:name": {}, "f:valueFrom": {"f:fieldRef": {}}}
                    },
                    "f:name": {},
                    "f:ports": {
                      "k:{\"containerPort\":53,\"protocol\":\"UDP\"}": {".": {}, "f:containerPort": {}, "f:protocol": {}},
                      "k:{\"containerPort\":8080,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}
                    },
                    "f:resources": {"f:limits": {"f:memory": {}}, "f:requests": {"f:cpu": {}, "f:memory": {}}},
                    "f:volumeMounts": {"k:{\"mountPath\":\"/cache\"}": {".": {}, "f:mountPath": {}, "f:name": {}}}
                  }
                },
                "f:nodeSelector": {},
                "f:volumes": {"k:{\"name\":\"cache\"}": {".": {}, "f:emptyDir": {}, "f:name": {}}}
              }
            }
          }
        },
        "manager": "charon",
        "operation": "Apply",
        "time": "2026-03-01T10:00:00Z"
      },
      {
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
        "manager": "kubectl",
        "operation": "Update",
        "subresource": "scale",
        "time": "2026-03-03T12:00:00Z"
      },
      {
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
          "f:metadata": {"f:labels": {"f:team": {}}},
          "f:spec": {
            "f:template": {
              "f:metadata": {"f:annotations": {".": {}, "f:injected": {}}},
              "f:spec": {
                "f:dnsConfig": {".": {}, "f:options": {}},
                "f:initContainers": {
                  ".": {},
                  "k:{\"name\":\"wait-db\"}": {
                    ".": {},
                    "f:image": {},
                    "f:imagePullPolicy": {},
                    "f:name": {},
                    "f:resources": {},
                    "f:terminationMessagePath": {},
                    "f:terminationMessagePolicy": {}
                  }
                }
              }
            }
          }
        },
        "manager": "kyverno",
        "operation": "Update",
        "time": "2026-03-01T10:00:05Z"
      },
      {
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
          "f:spec": {
            "f:template": {
              "f:spec": {
                "f:containers": {
                  "k:{\"name\":\"app\"}": {"f:env": {"k:{\"name\":\"STAMP\"}": {".": {}, "f:name": {}, "f:value": {}}}}
                }
              }
            }
          }
        },
        "manager": "reloader",
        "operation": "Update",
        "time": "2026-03-02T09:00:00Z"
      },
      {
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
          "f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}},
          "f:status": {
            "f:observedGeneration": {},
            "f:conditions": {".": {}, "k:{\"type\":\"Available\"}": {".": {}, "f:type": {}, "f:status": {}}}
          }
        },
        "manager": "kube-controller-manager",
        "operation": "Update",
        "subresource": "status",
        "time": "2026-03-04T16:00:00Z"
      },
      {
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
          "f:spec": {
            "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {"f:args": {}, "f:image": {}}}}}
          }
        },
        "manager": "kubectl-edit",
        "operation": "Update",
        "time": "2026-03-04T15:30:00Z"
      }
    ],
    "name": "web",
    "namespace": "shop",
    "resourceVersion": "812",
    "uid": "11111111-2222-3333-4444-555555555555"
  },
  "spec": {
    "progressDeadlineSeconds": 600,
    "replicas": 5,
    "revisionHistoryLimit": 10,
    "selector": {"matchLabels": {"app": "web"}},
    "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"},
    "template": {
      "metadata": {"annotations": {"injected": "yes"}, "labels": {"app": "web"}},
      "spec": {
        "containers": [
          {
            "args": ["--port", "8080", "--debug"],
            "env": [
              {"name": "STAMP", "value": "7"},
              {"name": "MODE", "value": "live"},
              {"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}
            ],
            "image": "registry.example.org/web:1.5",
            "imagePullPolicy": "IfNotPresent",
            "name": "app",
            "ports": [{"containerPort": 8080, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}],
            "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "512Mi"}},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "volumeMounts": [{"mountPath": "/cache", "name": "cache"}]
          }
        ],
        "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
        "dnsPolicy": "ClusterFirst",
        "initContainers": [
          {
            "image": "busybox",
            "imagePullPolicy": "Always",
            "name": "wait-db",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File"
          }
        ],
        "nodeSelector": {"disk": "ssd"},
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
        "volumes": [{"emptyDir": {}, "name": "cache"}]
      }
    }
  }
}
)json";

Json Shop();

}  // namespace charon::kubernetes
