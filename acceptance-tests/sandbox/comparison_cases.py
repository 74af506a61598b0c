"""The request sequences that test_against_real.py sends to both servers."""

import copy

from comparison import APPLY, JSON_PATCH, MERGE, STRATEGIC


class Step:
    """One request. `body` may be a function of (server's answers so far, namespace)."""

    def __init__(self, method, path, body=None, content_type="application/json", accept=None,
                 ignore=False, keep_status=False, except_for=()):
        self.method, self.path, self.body = method, path, body
        self.content_type, self.accept = content_type, accept
        self.ignore, self.keep_status, self.except_for = ignore, keep_status, except_for

    def run(self, server, ns, answers):
        body = self.body(answers, ns) if callable(self.body) else self.body
        body = fill(body, ns)
        return server.send(self.method, self.path.replace("{ns}", ns), body, self.content_type,
                           self.accept)

    def describe(self, ns):
        return f"{self.method} {self.path.replace('{ns}', ns)}"


def fill(value, ns):
    if isinstance(value, str):
        return value.replace("{ns}", ns)
    if isinstance(value, dict):
        return {fill(k, ns): fill(v, ns) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, ns) for v in value]
    return value


PLURALS = {
    "ConfigMap": "/api/v1/namespaces/{ns}/configmaps",
    "Secret": "/api/v1/namespaces/{ns}/secrets",
    "Service": "/api/v1/namespaces/{ns}/services",
    "Pod": "/api/v1/namespaces/{ns}/pods",
    "LimitRange": "/api/v1/namespaces/{ns}/limitranges",
    "ResourceQuota": "/api/v1/namespaces/{ns}/resourcequotas",
    "ServiceAccount": "/api/v1/namespaces/{ns}/serviceaccounts",
    "PersistentVolumeClaim": "/api/v1/namespaces/{ns}/persistentvolumeclaims",
    "Namespace": "/api/v1/namespaces",
    "Deployment": "/apis/apps/v1/namespaces/{ns}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{ns}/statefulsets",
    "DaemonSet": "/apis/apps/v1/namespaces/{ns}/daemonsets",
    "Job": "/apis/batch/v1/namespaces/{ns}/jobs",
    "CronJob": "/apis/batch/v1/namespaces/{ns}/cronjobs",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses",
    "PriorityClass": "/apis/scheduling.k8s.io/v1/priorityclasses",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers",
    "Lease": "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases",
}
VERSIONS = {
    "Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1",
    "CronJob": "batch/v1", "RoleBinding": "rbac.authorization.k8s.io/v1",
    "Role": "rbac.authorization.k8s.io/v1", "ClusterRole": "rbac.authorization.k8s.io/v1",
    "NetworkPolicy": "networking.k8s.io/v1", "Ingress": "networking.k8s.io/v1",
    "PriorityClass": "scheduling.k8s.io/v1", "StorageClass": "storage.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1", "HorizontalPodAutoscaler": "autoscaling/v2",
    "Lease": "coordination.k8s.io/v1",
}


def obj(kind, name, metadata=None, **rest):
    return {"apiVersion": VERSIONS.get(kind, "v1"), "kind": kind,
            "metadata": {"name": name, **(metadata or {})}, **rest}


def create(body, query="", **options):
    return Step("POST", PLURALS[body["kind"]] + query, body, **options)


def apply(body, manager="one", force=False, query="", sub="", **options):
    path = f"{PLURALS[body['kind']]}/{body['metadata']['name']}{sub}?fieldManager={manager}"
    return Step("PATCH", path + ("&force=true" if force else "") + query, body, APPLY, **options)


def patch(kind, name, body, content_type=MERGE, query="", sub="", **options):
    return Step("PATCH", f"{PLURALS[kind]}/{name}{sub}{query}", body, content_type, **options)


def get(kind, name, sub="", **options):
    return Step("GET", f"{PLURALS[kind]}/{name}{sub}", **options)


def delete(kind, name, body=None, **options):
    return Step("DELETE", f"{PLURALS[kind]}/{name}", body, **options)


def put_changed(kind, name, change, index=-1, query="", **options):
    """PUTs the answer number `index`, changed in place by `change`."""
    def body(answers, _):
        value = copy.deepcopy(answers[index][1])
        change(value)
        return value
    return Step("PUT", f"{PLURALS[kind]}/{name}{query}", body, **options)


def pod_spec(**container):
    return {"containers": [{"name": "app", "image": "example.test/app:1", **container}]}


def deployment(name="web", replicas=0, spec=None, metadata=None, **container):
    return obj("Deployment", name, metadata, spec={
        **({} if replicas is None else {"replicas": replicas}),
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(**container)},
        **(spec or {})})


CASES = {}


def case(name, steps, **options):
    CASES[name] = {"steps": steps, **options}


# ---- plain objects -------------------------------------------------------------------------

case("configmap life", [
    create(obj("ConfigMap", "a", data={"k": "v"})),
    create(obj("ConfigMap", "a", data={"k": "v"})),
    get("ConfigMap", "a"),
    get("ConfigMap", "missing"),
    put_changed("ConfigMap", "a", lambda o: o["data"].update(k="w", n="1"), index=0),
    put_changed("ConfigMap", "a", lambda o: o["data"].update(k="x"), index=0),
    delete("ConfigMap", "missing"),
    delete("ConfigMap", "a"),
    get("ConfigMap", "a"),
])
case("names and metadata", [
    create(obj("ConfigMap", "Not_Valid")),
    create(obj("ConfigMap", "a" * 260)),
    create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}),
    create(obj("ConfigMap", "a", {"labels": {"bad key": "x", "ok": "bad value"}})),
    create(obj("ConfigMap", "a", {"annotations": {"bad key": "x"}})),
    create(obj("ConfigMap", "a", {"namespace": "other"})),
    create(obj("ConfigMap", "a", {"resourceVersion": "5"})),
    create(obj("Namespace", "Bad.Name")),
    create(obj("Service", "1abc", spec={"ports": [{"port": 80}]})),
    create(obj("Service", "UPPER", spec={"ports": [{"port": 80}]})),
    create(obj("ConfigMap", "own", {"ownerReferences": [
        {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": ""}]})),
    create(obj("ConfigMap", "fin", {"finalizers": ["nodomain"]})),
    create(obj("ConfigMap", "x", {"generateName": "y-"})),
])
case("wrong kinds and bodies", [
    Step("POST", PLURALS["ConfigMap"], obj("Secret", "a")),
    Step("POST", PLURALS["ConfigMap"], {"apiVersion": "v2", "kind": "ConfigMap",
                                        "metadata": {"name": "a"}}),
    Step("POST", PLURALS["ConfigMap"], {"metadata": {"name": "nokind"}, "data": {"a": "b"}}),
    Step("POST", PLURALS["ConfigMap"], "{not json"),
    Step("POST", PLURALS["ConfigMap"], "[]"),
    Step("POST", PLURALS["ConfigMap"], obj("ConfigMap", "a", data={"k": 5})),
    Step("POST", PLURALS["Deployment"], deployment(spec={"replicas": "two"})),
    Step("POST", PLURALS["Deployment"], deployment(image=5)),
    Step("POST", PLURALS["Deployment"], deployment(resources={"requests": {"cpu": "1 core"}})),
    Step("POST", PLURALS["Secret"], obj("Secret", "a", data={"k": "%%%"})),
    Step("PATCH", PLURALS["ConfigMap"] + "/a", "{}", "text/plain"),
    Step("GET", "/api/v1/namespaces/{ns}/nothings"),
    Step("GET", "/apis/nothing.test/v1/namespaces/{ns}/nothings"),
    Step("POST", "/api/v1/configmaps", obj("ConfigMap", "a")),
    Step("POST", PLURALS["ConfigMap"].replace("{ns}", "no-such-namespace"),
         obj("ConfigMap", "a")),
    apply(obj("ConfigMap", "a")).__class__(
        "PATCH", PLURALS["ConfigMap"].replace("{ns}", "no-such-namespace")
        + "/a?fieldManager=x", obj("ConfigMap", "a"), APPLY),
])
case("strict field validation", [
    create(obj("ConfigMap", "a", dta={"k": "v"}), "?fieldValidation=Strict"),
    create(deployment(spec={"foo": 1, "bar": 2}, oops=True), "?fieldValidation=Strict"),
    Step("POST", PLURALS["ConfigMap"] + "?fieldValidation=Strict",
         '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"},'
         '"data":{"a":"1","a":"2"}}'),
    create(obj("ConfigMap", "b", dta={"k": "v"}), "?fieldValidation=Ignore"),
    create(obj("ConfigMap", "c", dta={"k": "v"}), "?fieldValidation=Sometimes"),
    create(obj("ConfigMap", "c"), "?dryRun=Some"),
    patch("ConfigMap", "b", {"nope": 1}, query="?fieldValidation=Strict"),
    apply(obj("ConfigMap", "s", dta={"k": "v"})),
    apply(deployment(spec={"foo": 1, "bar": {"x": 1}}), query="&fieldValidation=Strict"),
    apply(deployment(replicas="two")),
    Step("PATCH", PLURALS["ConfigMap"] + "/y?fieldManager=m&fieldValidation=Strict",
         "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata:\n  a: '1'\n  a: '2'\n",
         APPLY),
    Step("PATCH", PLURALS["ConfigMap"] + "/y?fieldManager=m", "a: [", APPLY),
    Step("PATCH", PLURALS["ConfigMap"] + "/y", obj("ConfigMap", "y"), APPLY),
    Step("PATCH", PLURALS["ConfigMap"] + "/y?fieldManager=m", obj("ConfigMap", "z"), APPLY),
    Step("PATCH", PLURALS["ConfigMap"] + "/y?fieldManager=m", obj("Secret", "y"), APPLY),
    Step("PATCH", PLURALS["ConfigMap"] + "/y?fieldManager=m",
         {"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "y"}}, APPLY),
    Step("PATCH", PLURALS["ConfigMap"] + "/y?fieldManager=m", {"metadata": {"name": "y"}}, APPLY),
    Step("PATCH", PLURALS["ConfigMap"] + "/b?force=true", {"data": {"a": "b"}}, MERGE),
])
case("patches", [
    create(deployment()),
    patch("Deployment", "web", {"spec": {"template": {"spec": {"containers": [
        {"name": "app", "env": [{"name": "A", "value": "1"}]}]}}}}, STRATEGIC),
    patch("Deployment", "web", {"spec": {"template": {"spec": {"containers": [
        {"name": "side", "image": "example.test/side:1"}]}}}}, STRATEGIC),
    patch("Deployment", "web", {"spec": {"template": {"spec": {"containers": [
        {"name": "side", "$patch": "delete"}]}}}}, STRATEGIC),
    patch("Deployment", "web", {"spec": {"strategy": {
        "$retainKeys": ["type"], "type": "Recreate"}}}, STRATEGIC),
    patch("Deployment", "web", {"metadata": {"labels": {"x": "y"}}}),
    patch("Deployment", "web", {"metadata": {"labels": {"x": None}}}),
    patch("Deployment", "web", {"spec": {"replicas": -1}}),
    patch("Deployment", "web", [{"op": "add", "path": "/metadata/labels", "value": {"j": "p"}},
                                {"op": "test", "path": "/spec/replicas", "value": 0}], JSON_PATCH),
    patch("Deployment", "web", [{"op": "test", "path": "/spec/replicas", "value": 7}], JSON_PATCH),
    patch("Deployment", "web", [{"op": "remove", "path": "/spec/nothing"}], JSON_PATCH),
    patch("Deployment", "web", [{"op": "replace", "path": "/spec/no/thing", "value": 1}],
          JSON_PATCH),
    patch("Deployment", "web", [{"op": "add", "path": "/spec/no/thing", "value": 1}], JSON_PATCH),
    patch("Deployment", "web", [{"op": "add", "path": "/spec/template/spec/containers/9",
                                 "value": {}}], JSON_PATCH),
    patch("Deployment", "web", {"op": "add"}, JSON_PATCH),
    patch("Deployment", "web", [1, 2]),
    patch("Deployment", "missing", {"spec": {"replicas": 1}}),
    patch("Deployment", "web", {"metadata": {"name": "other"}}),
    patch("Deployment", "web", {"metadata": {"resourceVersion": "1"}}),
    patch("Deployment", "web", {"metadata": {"uid": "other"}}),
    patch("Deployment", "web", {"spec": {"selector": {"matchLabels": {"app": "other"}}}}),
])

# ---- server-side apply ---------------------------------------------------------------------

case("apply creates and changes", [
    apply(deployment(ports=[{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}],
                     env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])),
    apply(deployment(ports=[{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}],
                     env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])),
    apply(deployment(env=[{"name": "B", "value": "3"}])),
    apply(deployment(env=[{"name": "B", "value": "3"}], resources={
        "requests": {"cpu": "1000m", "memory": "0.5Gi"}, "limits": {"memory": "1024Mi"}})),
    apply(deployment(env=[{"name": "B", "value": "3"}], resources={
        "requests": {"cpu": "1000m", "memory": "0.5Gi"}, "limits": {"memory": "1024Mi"}})),
    apply(deployment(replicas=None)),
    get("Deployment", "web"),
])
case("apply conflicts", [
    apply(deployment(replicas=0)),
    apply(deployment(replicas=1), "two"),
    apply(deployment(replicas=1, image="example.test/app:2"), "two"),
    apply(deployment(replicas=1), "two", force=True),
    apply(deployment(replicas=0)),
    apply(deployment(replicas=None)),
    apply(deployment(replicas=None), "two"),
    get("Deployment", "web"),
])
case("apply shared and removed", [
    apply(obj("ConfigMap", "a", data={"x": "1", "y": "2", "z": "3"})),
    apply(obj("ConfigMap", "a", data={"x": "1", "w": "4"}), "two"),
    apply(obj("ConfigMap", "a", data={"y": "2"})),
    apply(obj("ConfigMap", "a", data={"w": "4"}), "two"),
    apply(obj("ConfigMap", "a", data={}), "two"),
    apply(obj("ConfigMap", "a")),
    apply(obj("ConfigMap", "a", {"labels": {"l": "1"}, "annotations": {"n": "1"},
                                 "finalizers": ["example.test/a", "example.test/b"]})),
    apply(obj("ConfigMap", "a", {"finalizers": ["example.test/c"]}), "two"),
    apply(obj("ConfigMap", "a")),
    apply(obj("ConfigMap", "a"), "two"),
])
case("apply after update", [
    create(deployment(), "?fieldManager=creator"),
    apply(deployment(replicas=1)),
    apply(deployment(replicas=0, image="example.test/app:2")),
    apply(deployment(replicas=0, image="example.test/app:2"), force=True),
    put_changed("Deployment", "web", lambda o: o["spec"].update(minReadySeconds=5),
                query="?fieldManager=putter"),
    patch("Deployment", "web", {"spec": {"paused": True}}, query="?fieldManager=patcher"),
    apply(deployment(replicas=0, image="example.test/app:2",
                     spec={"paused": False, "minReadySeconds": 6})),
    get("Deployment", "web"),
])
case("apply lists", [
    apply(obj("Service", "s", spec={
        "selector": {"a": "b"},
        "ports": [{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"},
                  {"name": "dnst", "port": 53}]})),
    apply(obj("Service", "s", spec={
        "selector": {"a": "b"}, "ports": [{"name": "more", "port": 443}]}), "two"),
    apply(obj("Service", "s", spec={
        "selector": {"a": "c"}, "ports": [{"name": "more", "port": 443}]}), "two"),
    apply(obj("Service", "s", spec={
        "selector": {"a": "b"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]})),
    apply(obj("Service", "dup", spec={"ports": [{"name": "a", "port": 80},
                                                {"name": "b", "port": 80}]})),
    apply(deployment("vol", spec={"template": {
        "metadata": {"labels": {"app": "vol"}},
        "spec": {**pod_spec(volumeMounts=[{"name": "v", "mountPath": "/a"},
                                          {"name": "v", "mountPath": "/b", "readOnly": True}]),
                 "volumes": [{"name": "v", "emptyDir": {}},
                             {"name": "s", "secret": {"secretName": "s"}}],
                 "imagePullSecrets": [{"name": "reg"}],
                 "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["x"]}],
                 "tolerations": [{"key": "k", "operator": "Exists"}],
                 "nodeSelector": {"disk": "ssd"},
                 "topologySpreadConstraints": [{
                     "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
                     "labelSelector": {"matchLabels": {"app": "vol"}}}],
                 "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                     "nodeSelectorTerms": [{"matchExpressions": [
                         {"key": "a", "operator": "In", "values": ["b"]}]}]}}}}}})),
    apply(deployment("vol", spec={"template": {
        "metadata": {"labels": {"app": "vol"}},
        "spec": {**pod_spec(), "initContainers": [{"name": "init", "image": "example.test/i:1"}],
                 "tolerations": [{"key": "z", "operator": "Exists"}]}}}), "two"),
    apply(deployment("vol", spec={"template": {
        "metadata": {"labels": {"app": "vol"}},
        "spec": {**pod_spec(), "initContainers": [{"name": "init", "image": "example.test/i:1"}]}}}),
        "two"),
    get("Deployment", "vol"),
])
case("apply with metadata it may not have", [
    apply(obj("ConfigMap", "a", {"managedFields": []})),
    apply(obj("ConfigMap", "a", {"managedFields": [{}]})),
    apply(obj("ConfigMap", "a", {"resourceVersion": "7"})),
    apply(obj("ConfigMap", "a", {"uid": "7"})),
    apply(obj("ConfigMap", "a", {"creationTimestamp": None}, data={"a": None})),
    apply(obj("ConfigMap", "a", {"resourceVersion": "7"})),
    apply(obj("ConfigMap", "a", {"uid": "7"})),
    apply(obj("ConfigMap", "a", {"namespace": "other"})),
    apply(obj("ConfigMap", "a", data={"a": "1"}), query="&dryRun=All"),
    apply(obj("ConfigMap", "new", data={"a": "1"}), query="&dryRun=All"),
    get("ConfigMap", "new"),
    get("ConfigMap", "a"),
])
case("managed fields edited", [
    apply(obj("ConfigMap", "a", data={"x": "1", "y": "1"})),
    apply(obj("ConfigMap", "a", data={"z": "1"}), "two"),
    patch("ConfigMap", "a", {"metadata": {"managedFields": [{}]}}),
    patch("ConfigMap", "a", {"data": {"u": "1"}}, query="?fieldManager=u"),
    apply(obj("ConfigMap", "a", data={"x": "2"}), "three"),
    apply(obj("ConfigMap", "a", data={"x": "2"}), "three", force=True),
    patch("ConfigMap", "a", [{"op": "replace", "path": "/metadata/managedFields", "value": [
        {"manager": "four", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
         "fieldsV1": {"f:data": {"f:x": {}, "f:y": {}}}}]}], JSON_PATCH),
    apply(obj("ConfigMap", "a", data={"x": "2"}), "four"),
    patch("ConfigMap", "a", {"metadata": {"managedFields": []}}),
    patch("ConfigMap", "a", [{"op": "replace", "path": "/metadata/managedFields", "value": [
        {"manager": "five", "operation": "Nonsense"}]}], JSON_PATCH),
    patch("ConfigMap", "a", [{"op": "add", "path": "/metadata/managedFields", "value": [
        {"manager": "five", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
         "fieldsV1": {"nonsense": {}}}]}], JSON_PATCH),
    get("ConfigMap", "a"),
])
case("kubectl moves from client-side apply", [
    create(obj("ConfigMap", "a", {"annotations": {
        "kubectl.kubernetes.io/last-applied-configuration":
            '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"annotations":{},"name":"a",'
            '"namespace":"{ns}"},"data":{"x":"1","y":"1"}}\n'}}, data={"x": "1", "y": "1"}),
        "?fieldManager=kubectl-client-side-apply"),
    apply(obj("ConfigMap", "a", data={"x": "2", "y": "1"}), "kubectl"),
    patch("ConfigMap", "a", {"data": {"x": "9"}}, query="?fieldManager=someone"),
    apply(obj("ConfigMap", "a", data={"x": "2", "y": "1"}), "kubectl"),
    get("ConfigMap", "a"),
])
case("status and scale", [
    create(deployment(spec={"paused": True})),
    apply(obj("Deployment", "web", status={"replicas": 7}), "statuser", sub="/status",
          keep_status=True, except_for=[".status"]),
    apply(obj("Deployment", "web", status={"replicas": 7}, spec={"replicas": 2}), "statuser"),
    Step("GET", PLURALS["Deployment"] + "/web/scale"),
    patch("Deployment", "web", {"spec": {"replicas": 1}}, sub="/scale",
          query="?fieldManager=scaler"),
    get("Deployment", "web"),
    patch("Deployment", "web", {"spec": {"replicas": -2}}, sub="/scale"),
    apply(deployment(replicas=0), "two"),
    patch("Deployment", "web", {"metadata": {"annotations": {"via": "status"}},
                                "spec": {"replicas": 5}}, sub="/status", query="?fieldManager=m"),
    Step("GET", PLURALS["ConfigMap"] + "/kube-root-ca.crt/status"),
    Step("GET", PLURALS["ConfigMap"] + "/kube-root-ca.crt/scale"),
    Step("POST", PLURALS["Deployment"] + "/web/scale", {}),
])
