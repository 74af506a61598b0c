"""Objects and changes that a server refuses, and nearly all the reasons it gives."""

from comparison import JSON_PATCH
from comparison_cases import (
    PLURALS, apply, case, create, deployment, get, has_condition, obj, patch, pod_spec,
    pod_template, put_changed, refused, until)

refused("refused deployments 1", [
    deployment(replicas=-1),
    obj("Deployment", "x"),
    obj("Deployment", "x", spec={}),
    deployment(spec={"selector": {"matchLabels": {"a": "other"}}}),
    deployment(spec={"selector": {}}),
    deployment(
        spec={
            "selector": {
                "matchExpressions": [
                    {"key": "a", "operator": "Foo"}, {"key": "a", "operator": "In"},
                    {"key": "a", "operator": "Exists", "values": ["x"]}]}}),
    deployment(spec={"strategy": {"type": "Foo"}}),
    deployment(spec={"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}),
    deployment(spec={"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}),
    deployment(
        spec={"strategy": {"rollingUpdate": {"maxSurge": "x", "maxUnavailable": "150%"}}}),
    deployment(
        spec={"minReadySeconds": -1, "revisionHistoryLimit": -1, "progressDeadlineSeconds": 0}),
    deployment(spec={"minReadySeconds": 700}),
])
refused("refused deployments 2", [
    deployment(
        spec={"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}}),
    deployment(
        spec={
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{}]}}}),
    deployment(
        spec={
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {"name": "Bad_N", "image": " x "}, {"name": "a", "image": "i"},
                        {"name": "a", "image": "i"}]}}}),
    deployment(spec=pod_template({"restartPolicy": "Never"})),
    deployment(spec=pod_template({"restartPolicy": "Foo", "dnsPolicy": "Bar"})),
    deployment(spec=pod_template(imagePullPolicy="Foo", terminationMessagePolicy="Foo")),
    deployment(
        spec=pod_template(
            ports=[
                {"containerPort": 0}, {"containerPort": 70000},
                {"containerPort": 80, "protocol": "FOO"},
                {"containerPort": 80, "name": "Bad_Name"}, {"name": "a", "containerPort": 1},
                {"name": "a", "containerPort": 2}])),
    deployment(
        spec=pod_template(
            env=[
                {"name": ""}, {"name": "1=2", "value": "x"},
                {
                    "name": "A", "value": "x",
                    "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "B", "valueFrom": {}},
                {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "foo"}}},
                {"name": "D", "valueFrom": {"secretKeyRef": {"name": "", "key": "k"}}},
                {"name": "E", "valueFrom": {"configMapKeyRef": {"name": "x", "key": ""}}}])),
    deployment(spec=pod_template(envFrom=[{}, {"configMapRef": {"name": ""}}])),
    deployment(spec=pod_template(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})),
    deployment(spec=pod_template(resources={"requests": {"cpu": "-1"}, "limits": {"foo": "1"}})),
    deployment(spec=pod_template(resources={"requests": {"example.com/gpu": "1"}})),
])
refused("refused deployments 3", [
    deployment(spec=pod_template(resources={"limits": {"example.com/gpu": "1.5"}})),
    deployment(
        spec=pod_template(
            volumeMounts=[{"name": "v", "mountPath": "/a"}, {"name": "", "mountPath": ""}])),
    deployment(
        spec=pod_template(
            {
                "volumes": [
                    {"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}},
                    {"name": "Bad_", "emptyDir": {}, "secret": {"secretName": "x"}},
                    {"emptyDir": {}}, {"name": "h", "hostPath": {"path": ""}},
                    {"name": "n", "nfs": {"server": "", "path": "x"}},
                    {"name": "p", "persistentVolumeClaim": {}}, {"name": "s", "secret": {}},
                    {"name": "c", "configMap": {}}]},
            volumeMounts=[{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}])),
    deployment(
        spec=pod_template(
            livenessProbe={}, readinessProbe={"httpGet": {"port": 0}, "tcpSocket": {"port": 1}},
            startupProbe={"exec": {"command": []}, "periodSeconds": -1})),
    deployment(
        spec=pod_template(livenessProbe={"httpGet": {"port": 80}, "successThreshold": 3})),
    deployment(
        spec=pod_template(
            {
                "terminationGracePeriodSeconds": -1, "activeDeadlineSeconds": 0,
                "hostNetwork": True},
            ports=[{"containerPort": 80, "hostPort": 81}])),
    deployment(
        spec=pod_template(
            {"serviceAccountName": "Bad_", "nodeName": "Bad_", "priorityClassName": "Bad_"})),
    deployment(
        spec=pod_template(
            {
                "tolerations": [
                    {"operator": "Foo"}, {"key": "a", "operator": "Exists", "value": "x"},
                    {"effect": "Foo", "key": "a"}, {"key": "", "operator": "Equal"},
                    {"tolerationSeconds": 5, "operator": "Exists"}]})),
    deployment(
        spec=pod_template(
            {
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": []}},
                    "podAntiAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [
                            {"labelSelector": {}}]}}})),
    deployment(
        spec=pod_template(
            {
                "topologySpreadConstraints": [
                    {"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "X"}]})),
    deployment(
        spec=pod_template(
            {
                "hostAliases": [{"ip": "x"}], "imagePullSecrets": [{"name": ""}],
                "dnsConfig": {"nameservers": ["x"], "searches": ["-"]}})),
    deployment(
        spec=pod_template(
            securityContext={
                "privileged": False, "allowPrivilegeEscalation": False, "runAsUser": -5,
                "capabilities": {"add": ["x"]}})),
])
refused("refused deployments 4", [
    deployment(
        spec=pod_template(
            securityContext={"privileged": True, "allowPrivilegeEscalation": False})),
    deployment(
        spec=pod_template(
            {
                "securityContext": {
                    "runAsUser": -1, "fsGroup": -1,
                    "sysctls": [{"name": "bad name", "value": "x"}]}})),
    deployment(
        spec=pod_template(
            {
                "initContainers": [
                    {"name": "app", "image": "x"}, {"name": "i"},
                    {"name": "r", "image": "x", "restartPolicy": "Never"},
                    {"name": "l", "image": "x", "livenessProbe": {"tcpSocket": {"port": 1}}}]})),
    deployment(spec=pod_template(command="x")),
])
refused("refused services 1", [
    obj("Service", "s"),
    obj("Service", "s", spec={}),
    obj(
        "Service", "s",
        spec={"ports": [{"port": 0}, {"port": 80, "protocol": "X", "nodePort": 5}]}),
    obj("Service", "s", spec={"type": "Foo", "ports": [{"port": 80}]}),
    obj("Service", "s", spec={"type": "ExternalName"}),
    obj("Service", "s", spec={"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]}),
    obj("Service", "s", spec={"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]}),
    obj("Service", "s", spec={"ports": [{"port": 80}, {"port": 81}]}),
    obj("Service", "s", spec={"clusterIP": "1.2.3.4", "ports": [{"port": 80}]}),
    obj("Service", "s", spec={"clusterIP": "x", "ports": [{"port": 80}]}),
    obj("Service", "s", spec={"clusterIP": "None", "type": "NodePort", "ports": [{"port": 80}]}),
    obj("Service", "s", spec={"ports": [{"port": 80, "nodePort": 30080}]}),
])
refused("refused services 2", [
    obj("Service", "s", spec={"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}),
    obj(
        "Service", "s",
        spec={
            "ports": [{"port": 80, "targetPort": "Bad_Name"}], "selector": {"bad key": "x"},
            "sessionAffinity": "X", "externalTrafficPolicy": "X"}),
    obj(
        "Service", "s",
        spec={
            "ports": [{"port": 80}], "externalIPs": ["x"], "loadBalancerSourceRanges": ["x"],
            "externalTrafficPolicy": "Local"}),
])
refused("refused configuration", [
    obj("Secret", "s", data={"bad key": "eA=="}),
    obj("Secret", "s", type="kubernetes.io/tls", data={}),
    obj(
        "Secret", "s", type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": "eA=="}),
    obj("Secret", "s", type="kubernetes.io/basic-auth"),
    obj("Secret", "s", type="kubernetes.io/ssh-auth"),
    obj("Secret", "s", type="kubernetes.io/service-account-token"),
    obj("ConfigMap", "c", data={"bad key": "x", "a": "b"}, binaryData={"a": "eA=="}),
    obj("ConfigMap", "c", data={"a": "x" * 1048577}),
])
refused("refused quotas and limits", [
    obj(
        "ResourceQuota", "q",
        spec={
            "hard": {
                "cpu": "-1", "Bad Name": "1", "pods": "1.5", "foo": "1",
                "requests.storage": "1Gi"}}),
    obj(
        "ResourceQuota", "q",
        spec={"hard": {"pods": "1"}, "scopes": ["Foo", "BestEffort", "NotBestEffort"]}),
    obj(
        "LimitRange", "l",
        spec={
            "limits": [
                {
                    "type": "Container", "max": {"cpu": "1"}, "min": {"cpu": "2"},
                    "default": {"cpu": "5"}, "defaultRequest": {"cpu": "6"}},
                {"type": "Foo"}, {"type": "Pod", "default": {"cpu": "1"}}, {"type": "Container"}]}),
    obj(
        "LimitRange", "l",
        spec={
            "limits": [
                {"type": "PersistentVolumeClaim"},
                {"type": "Container", "maxLimitRequestRatio": {"cpu": "0.5"}}]}),
])
refused("refused permissions", [
    obj(
        "Role", "r",
        rules=[
            {}, {"verbs": ["get"]}, {"verbs": ["get"], "apiGroups": [""]},
            {"verbs": ["get"], "nonResourceURLs": ["/x"]}]),
    obj("RoleBinding", "r"),
    obj(
        "RoleBinding", "r", roleRef={"kind": "Foo", "name": "x", "apiGroup": "a"},
        subjects=[
            {"kind": "User", "name": ""}, {"kind": "ServiceAccount", "name": "x"},
            {"kind": "Foo", "name": "x"},
            {"kind": "User", "name": "x", "namespace": "y", "apiGroup": "z"}]),
])
refused("refused network", [
    obj(
        "NetworkPolicy", "n",
        spec={
            "podSelector": {"matchLabels": {"bad key": "x"}}, "policyTypes": ["Foo"],
            "ingress": [
                {
                    "ports": [
                        {"port": 0}, {"protocol": "X"}, {"port": "Bad_"},
                        {"port": 80, "endPort": 70}],
                    "from": [
                        {}, {"ipBlock": {"cidr": "x"}},
                        {
                            "ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]},
                            "podSelector": {}}]}]}),
    obj("NetworkPolicy", "n"),
    obj("Ingress", "i"),
    obj(
        "Ingress", "i",
        spec={
            "rules": [
                {
                    "host": "Bad_",
                    "http": {
                        "paths": [
                            {"path": "x", "backend": {}},
                            {
                                "path": "/x", "pathType": "Foo",
                                "backend": {"service": {"name": "", "port": {}}}},
                            {
                                "pathType": "Prefix", "path": "x",
                                "backend": {
                                    "service": {
                                        "name": "a", "port": {"number": 80, "name": "x"}},
                                    "resource": {"kind": "x", "name": "y"}}}]}}],
            "tls": [{"hosts": ["*.*"], "secretName": "Bad_"}]}),
])
refused("refused classes", [
    obj("PriorityClass", "system-x", value=1),
    obj("PriorityClass", "cmp-x", value=2000000000),
    obj("PriorityClass", "cmp-x"),
    obj("PriorityClass", "cmp-x", value=5, preemptionPolicy="Foo"),
    obj("StorageClass", "cmp-x"),
    obj("StorageClass", "cmp-x", provisioner="a b", reclaimPolicy="X", volumeBindingMode="X"),
])
refused("refused other workloads 1", [
    obj(
        "StatefulSet", "s",
        spec={
            "serviceName": "x", "selector": {"matchLabels": {"app": "web"}},
            "podManagementPolicy": "X", "updateStrategy": {"type": "X"}, "replicas": -1,
            **pod_template()}),
    obj("StatefulSet", "s", spec={}),
    obj(
        "DaemonSet", "s",
        spec={
            "selector": {"matchLabels": {"app": "web"}}, "updateStrategy": {"type": "X"},
            **pod_template()}),
    obj("DaemonSet", "s", spec={}),
    obj(
        "Job", "j",
        spec={
            "parallelism": -1, "completions": -1, "backoffLimit": -1,
            "activeDeadlineSeconds": -1, "ttlSecondsAfterFinished": -1, "completionMode": "X",
            **pod_template()}),
    obj(
        "Job", "j",
        spec={
            "selector": {"matchLabels": {"a": "b"}}, **pod_template({"restartPolicy": "Never"})}),
    obj("Job", "j"),
    obj(
        "CronJob", "c",
        spec={
            "schedule": "x", "concurrencyPolicy": "X", "startingDeadlineSeconds": -1,
            "successfulJobsHistoryLimit": -1, "timeZone": "Nowhere/X",
            "jobTemplate": {"spec": pod_template()}}),
    obj("CronJob", "c"),
    obj(
        "CronJob", "c" * 60,
        spec={
            "schedule": "* * * * *",
            "jobTemplate": {"spec": pod_template({"restartPolicy": "Never"})}}),
    obj("Pod", "p", spec={}),
    obj("Pod", "p", spec={"containers": [{"name": "a"}]}),
])
refused("refused other workloads 2", [
    obj("Pod", "p", spec={**pod_spec(), "restartPolicy": "X"}),
])
refused("refused the rest", [
    obj("PersistentVolumeClaim", "p", spec={}),
    obj(
        "PersistentVolumeClaim", "p",
        spec={
            "accessModes": ["X"], "resources": {"requests": {"storage": "0"}},
            "storageClassName": "Bad_", "volumeMode": "X"}),
    obj(
        "PodDisruptionBudget", "p",
        spec={"minAvailable": 1, "maxUnavailable": 1, "selector": {}}),
    obj("PodDisruptionBudget", "p", spec={"minAvailable": "x%", "selector": {}}),
    obj(
        "HorizontalPodAutoscaler", "h",
        spec={"maxReplicas": 0, "minReplicas": -1, "scaleTargetRef": {}}),
    obj(
        "HorizontalPodAutoscaler", "h",
        spec={
            "maxReplicas": 1, "minReplicas": 2,
            "scaleTargetRef": {"kind": "Deployment", "name": "x"},
            "metrics": [{"type": "Foo"}, {"type": "Resource"}]}),
    obj("Lease", "l", spec={"leaseDurationSeconds": 0}),
])


# ---- what cannot be changed ----------------------------------------------------------------

NODES = {"required": {"nodeSelectorTerms": [{"matchExpressions": [
    {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}]}}


def volume(**spec):
    return obj("PersistentVolume", "{ns}", spec={
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
        "storageClassName": "none", "hostPath": {"path": "/a"}, **spec})


def change(kind, name, spec):
    return patch(kind, name, {"spec": spec})


case("volumes that exist", [
    create(volume(hostPath=None), "?dryRun=All"),
    create(volume(nfs={"server": "s", "path": "/"}), "?dryRun=All"),
    create(volume()),
    change("PersistentVolume", "{ns}", {"hostPath": {"path": "/b"}}),
    change("PersistentVolume", "{ns}", {"hostPath": {"type": "Directory"}}),
    change("PersistentVolume", "{ns}", {"hostPath": None, "nfs": {"server": "s", "path": "/"}}),
    change("PersistentVolume", "{ns}", {"hostPath": None}),
    change("PersistentVolume", "{ns}", {"nfs": {"server": "s", "path": "/"}}),
    change("PersistentVolume", "{ns}", {"volumeMode": "Block"}),
    change("PersistentVolume", "{ns}", {"volumeMode": "Block", "hostPath": {"path": "/b"}}),
    apply(volume(hostPath={"path": "/b"}), force=True),
    apply(volume(hostPath={"path": "/b"}), force=True, query="&dryRun=All"),
    put_changed("PersistentVolume", "{ns}", lambda o: o["spec"]["hostPath"].update(path="/b"), 2),
    # These may change, node affinity until it is set.
    change("PersistentVolume", "{ns}", {
        "capacity": {"storage": "2Gi"}, "accessModes": ["ReadOnlyMany"],
        "storageClassName": "other", "persistentVolumeReclaimPolicy": "Delete",
        "mountOptions": ["ro"]}),
    change("PersistentVolume", "{ns}", {"nodeAffinity": NODES}),
    change("PersistentVolume", "{ns}", {"nodeAffinity": {"required": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "Exists"}]}]}}}),
    change("PersistentVolume", "{ns}", {"nodeAffinity": None}),
    get("PersistentVolume", "{ns}"),
], cleanup=[("DELETE", PLURALS["PersistentVolume"] + "/{ns}")])


def job(name="j", spec=None, metadata=None, **container):
    body = obj("Job", name, spec={
        **(spec or {}), **pod_template({"restartPolicy": "Never"}, **container)})
    body["spec"]["template"]["metadata"].update(metadata or {})
    return body


def change_pods(name, **spec):
    return change("Job", name, {"template": {"spec": spec}})


def change_container(name, **fields):
    return patch("Job", name, [
        {"op": "add", "path": f"/spec/template/spec/containers/0/{key}", "value": value}
        for key, value in fields.items()], JSON_PATCH)


def without_generated(body):
    """A Job as its author wrote it."""
    del body["spec"]["selector"]
    body["spec"]["template"]["metadata"]["labels"] = {"app": "web"}


IGNORED = {"rules": [{"action": "Ignore", "onPodConditions": [
    {"type": "DisruptionTarget", "status": "True"}]}]}
FIRST_INDEX = {"rules": [{"succeededIndexes": "0"}]}
ENOUGH = {"rules": [{"succeededCount": 1}]}
case("jobs that exist", [
    create(job()),
    change_container("j", image="example.test/app:2"),
    change_container("j", env=[{"name": "A", "value": "b"}]),
    change_container("j", resources={"limits": {"cpu": "1"}}),
    change_pods("j", terminationGracePeriodSeconds=5),
    change_pods("j", nodeSelector={"a": "b"}),
    change_pods("j", nodeSelector={}),
    change("Job", "j", {"template": {"metadata": {"labels": {"more": "x"}}}}),
    change("Job", "j", {"template": {"metadata": {"annotations": {"more": "x"}}}}),
    apply(job(), force=True),
    apply(job(image="example.test/app:2"), force=True),
    apply(job(image="example.test/app:2"), force=True, query="&dryRun=All"),
    put_changed("Job", "j", lambda o: o["spec"]["template"]["spec"].update(hostname="x"), 0),
    put_changed("Job", "j", without_generated, 0),
    change("Job", "j", {"selector": {"matchLabels": {"a": "b"}}}),
    change("Job", "j", {"selector": None}),
    change("Job", "j", {"manualSelector": True}),
    change("Job", "j", {"completionMode": "Indexed"}),
    change("Job", "j", {"completions": 3}),
    change("Job", "j", {"completions": 3, "parallelism": 3}),
    change("Job", "j", {"completions": None}),
    change("Job", "j", {"podFailurePolicy": IGNORED}),
    change("Job", "j", {"backoffLimitPerIndex": 1}),
    change("Job", "j", {"managedBy": "example.test/other"}),
    change("Job", "j", {"successPolicy": ENOUGH}),
    change("Job", "j", {"completions": 3, "completionMode": "Indexed",
                        "template": {"spec": {"hostname": "x"}}}),
    # These may change.
    change("Job", "j", {"podReplacementPolicy": "Failed"}),
    change("Job", "j", {"parallelism": 2, "backoffLimit": 3, "activeDeadlineSeconds": 100,
                        "ttlSecondsAfterFinished": 1000}),
    change("Job", "j", {"suspend": True}),
    change("Job", "j", {"suspend": False}),
    get("Job", "j"),
])
case("indexed jobs that exist", [
    create(job(spec={"completionMode": "Indexed"}), "?dryRun=All"),
    create(job(spec={
        "completionMode": "Indexed", "completions": 2, "parallelism": 2, "backoffLimitPerIndex": 1,
        "podFailurePolicy": IGNORED, "successPolicy": FIRST_INDEX})),
    change("Job", "j", {"completions": 3}),
    change("Job", "j", {"completions": 3, "parallelism": 3}),
    change("Job", "j", {"podFailurePolicy": None}),
    change("Job", "j", {"podFailurePolicy": {"rules": [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1, 2]}}]}}),
    change("Job", "j", {"backoffLimitPerIndex": 2}),
    change("Job", "j", {"successPolicy": ENOUGH}),
    change("Job", "j", {"successPolicy": None}),
    change_container("j", image="example.test/app:2"),
    get("Job", "j"),
])


def at_rest(job_):
    return has_condition("Suspended")(job_) and not job_["status"].get("active")


case("suspended jobs", [
    create(job(spec={"suspend": True})),
    until("Job", "j", at_rest),
    change_container("j", image="example.test/app:2"),
    change_container("j", resources={"limits": {"cpu": "1"}}),
    change_container("j", image="example.test/app:2", resources={"limits": {"cpu": "2"}}),
    change_pods("j", nodeSelector={"a": "b"}, tolerations=[{"operator": "Exists"}],
                schedulingGates=[{"name": "example.test/gate"}]),
    change("Job", "j", {"template": {"metadata": {
        "labels": {"more": "x"}, "annotations": {"more": "x"}}}}),
    change_pods("j", affinity={"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": NODES["required"]}}),
    change_pods("j", affinity={"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "a", "labelSelector": {"matchLabels": {"a": "b"}}}]}}),
    change_pods("j", affinity=None),
    change_pods("j", terminationGracePeriodSeconds=5),
    change("Job", "j", {"completions": 3}),
    apply(job(spec={"suspend": True}, image="example.test/app:2"), force=True),
    # What the Job was before the change decides.
    change("Job", "j", {"suspend": False, "template": {"spec": {"nodeSelector": {"c": "d"}}}}),
    change_pods("j", nodeSelector={"e": "f"}),
    get("Job", "j"),
    # One that has had pods.
    create(job("ran", metadata={"annotations": {"test/never-ready": ""}})),
    until("Job", "ran", lambda o: o.get("status", {}).get("active") == 1),
    change("Job", "ran", {"suspend": True}),
    until("Job", "ran", at_rest),
    change_pods("ran", nodeSelector={"a": "b"}),
    change_container("ran", resources={"limits": {"cpu": "1"}}),
    change_container("ran", image="example.test/app:2"),
    get("Job", "ran"),
])
