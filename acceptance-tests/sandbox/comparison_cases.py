"""The request sequences that test_against_real.py sends to both servers."""

import copy
import time

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


class Wait:
    """Repeats a GET until `check` holds for the answer; None waits for a 404."""

    ignore, keep_status, except_for = True, False, ()

    def __init__(self, path, check, seconds=15):
        self.path, self.check, self.seconds = path, check, seconds

    def run(self, server, ns, _):
        deadline = time.monotonic() + self.seconds
        while True:
            answer = server.send("GET", self.path.replace("{ns}", ns))
            if self.check is None and answer[0] == 404:
                return answer
            if self.check is not None and answer[0] == 200 and self.check(answer[1]):
                return answer
            assert time.monotonic() < deadline, f"waited in vain: {answer[:2]}"
            time.sleep(0.02)

    def describe(self, ns):
        return "GET " + self.path.replace("{ns}", ns)


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
    "PersistentVolume": "/api/v1/persistentvolumes",
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


def create(body, query="", kind=None, **options):
    return Step("POST", PLURALS[kind or body["kind"]] + query, body, **options)


def apply(body, manager="one", force=False, query="", sub="", **options):
    path = f"{PLURALS[body['kind']]}/{body['metadata']['name']}{sub}?fieldManager={manager}"
    return Step("PATCH", path + ("&force=true" if force else "") + query, body, APPLY, **options)


def patch(kind, name, body, content_type=MERGE, query="", sub="", **options):
    return Step("PATCH", f"{PLURALS[kind]}/{name}{sub}{query}", body, content_type, **options)


def get(kind, name, sub="", **options):
    return Step("GET", f"{PLURALS[kind]}/{name}{sub}", **options)


def delete(kind, name, body=None, **options):
    return Step("DELETE", f"{PLURALS[kind]}/{name}", body, **options)


def put_changed(kind, name, change, index=-1, query="", locked=False, **options):
    """PUTs the answer number `index`, changed in place by `change`.

    Its resourceVersion goes along only if `locked`: controllers write to workloads in between.
    """
    def body(answers, _):
        value = copy.deepcopy(answers[index][1])
        if not locked:
            value["metadata"].pop("resourceVersion", None)
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


def has_condition(type_):
    """Whether an object has that condition; before the first, conditions can also be null."""
    def check(obj_):
        conditions = obj_.get("status", {}).get("conditions") or []
        return any(c["type"] == type_ and c["status"] == "True" for c in conditions)
    return check


def case(name, steps, **options):
    CASES[name] = {"steps": steps, **options}


# ---- plain objects -------------------------------------------------------------------------

case("configmap life", [
    create(obj("ConfigMap", "a", data={"k": "v"})),
    create(obj("ConfigMap", "a", data={"k": "v"})),
    get("ConfigMap", "a"),
    get("ConfigMap", "missing"),
    put_changed("ConfigMap", "a", lambda o: o["data"].update(k="w", n="1"), index=0, locked=True),
    put_changed("ConfigMap", "a", lambda o: o["data"].update(k="x"), index=0, locked=True),
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
    Step("POST", PLURALS["ConfigMap"], "{not json", except_for=["json parse error"]),
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
    patch("ConfigMap", "b", {"nope": 1}, query="?fieldValidation=Strict",
          except_for=["resourceVersion"]),  # Shows the whole object, in Go's order of fields.
    apply(obj("ConfigMap", "s", dta={"k": "v"})),
    apply(deployment(spec={"foo": {"x": 1}}), query="&fieldValidation=Strict"),
    apply(deployment(replicas="two")),
    Step("PATCH", PLURALS["ConfigMap"] + "/y?fieldManager=m&fieldValidation=Strict",
         "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'y'}\ndata:\n  a: '1'\n  a: '2'\n",
         APPLY, except_for=["already set in map"]),  # The real server names the line.
    Step("PATCH", PLURALS["ConfigMap"] + "/y?fieldManager=m", "a: [", APPLY,
         except_for=["error decoding YAML"]),  # The parser's own words.
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
    create(deployment(spec={"paused": True}), "?fieldManager=creator"),
    apply(deployment(replicas=1)),
    apply(deployment(replicas=0, image="example.test/app:2")),
    apply(deployment(replicas=0, image="example.test/app:2"), force=True),
    put_changed("Deployment", "web", lambda o: o["spec"].update(minReadySeconds=5),
                query="?fieldManager=putter"),
    patch("Deployment", "web", {"spec": {"revisionHistoryLimit": 3}},
          query="?fieldManager=patcher"),
    apply(deployment(replicas=0, image="example.test/app:2",
                     spec={"revisionHistoryLimit": 4, "minReadySeconds": 6})),
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
    # A condition of its own: the controller does not write over that.
    apply(obj("Deployment", "web", status={"conditions": [{"type": "Example", "status": "True"}]}),
          "statuser", sub="/status", keep_status=True, except_for=[".status"]),
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

# ---- what is refused -----------------------------------------------------------------------


def pod_template(spec=None, **container):
    return {"template": {"metadata": {"labels": {"app": "web"}},
                         "spec": {**pod_spec(**container), **(spec or {})}}}


def refused(name, bodies, **options):
    """Creations that only try: most are refused, and all leave nothing behind."""
    case(name, [create(body, "?dryRun=All", **options) for body in bodies])


# ---- admission -----------------------------------------------------------------------------

QUOTA = obj("ResourceQuota", "q", spec={"hard": {
    "pods": "2", "requests.cpu": "500m", "limits.memory": "1Gi", "configmaps": "3",
    "services.loadbalancers": "0", "count/deployments.apps": "1", "requests.storage": "2Gi"}})


def pod(name, spec=None, metadata=None, **container):
    return obj("Pod", name, metadata, spec={**pod_spec(**container), **(spec or {})})


def sized(name, cpu, memory):
    return pod(name, resources={"requests": {"cpu": cpu}, "limits": {"memory": memory}})


def until(kind, name, check, sub=""):
    """Waits until `check` holds for the object; what it looks like then is not compared."""
    return Wait(f"{PLURALS[kind]}/{name}{sub}", check)


case("quota", [
    create(QUOTA),
    until("ResourceQuota", "q", lambda o: "used" in o.get("status", {})),
    create(obj("ConfigMap", "one")),
    until("ResourceQuota", "q", lambda o: o["status"]["used"]["configmaps"] == "2"),
    create(obj("ConfigMap", "two")),
    until("ResourceQuota", "q", lambda o: o["status"]["used"]["configmaps"] == "3"),
    create(obj("ConfigMap", "three")),
    apply(obj("ConfigMap", "three")),
    create(obj("ConfigMap", "three"), "?dryRun=All"),
    create(pod("bare"), "?dryRun=All"),
    create(sized("big", "1", "128Mi"), "?dryRun=All"),
    create(sized("both", "1", "2Gi"), "?dryRun=All"),
    create(sized("fits", "400m", "512Mi"), "?dryRun=All"),
    create(obj("Service", "lb", spec={"type": "LoadBalancer", "ports": [{"port": 80}]}),
           "?dryRun=All"),
    create(obj("PersistentVolumeClaim", "c", spec={
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "3Gi"}}}),
           "?dryRun=All"),
    create(deployment("a")),
    until("ResourceQuota", "q", lambda o: o["status"]["used"]["count/deployments.apps"] == "1"),
    create(deployment("b"), "?dryRun=All"),
    get("ResourceQuota", "q", keep_status=True),
])
case("limit ranges", [
    create(obj("LimitRange", "l", spec={"limits": [
        {"type": "Container", "default": {"memory": "256Mi"},
         "defaultRequest": {"cpu": "100m", "memory": "64Mi"}, "max": {"memory": "1Gi"},
         "min": {"cpu": "10m"}},
        {"type": "Pod", "max": {"memory": "2Gi"}},
        {"type": "PersistentVolumeClaim", "max": {"storage": "5Gi"}, "min": {"storage": "1Gi"}}]})),
    get("LimitRange", "l"),
    Step("GET", "/version", ignore=True),
    create(pod("plain"), "?dryRun=All"),
    create(pod("inits", {"initContainers": [{"name": "i", "image": "example.test/i:1"}]},
               resources={"limits": {"memory": "128Mi"}}), "?dryRun=All"),
    create(sized("big", "1", "4Gi"), "?dryRun=All"),
    create(sized("small", "1m", "128Mi"), "?dryRun=All"),
    create(sized("worse", "1m", "4Gi"), "?dryRun=All"),
    create(obj("PersistentVolumeClaim", "c", spec={
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "9Gi"}}}),
           "?dryRun=All"),
    create(obj("PersistentVolumeClaim", "c", spec={
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}),
           "?dryRun=All"),
])
PRIVILEGED = pod("p", {"hostNetwork": True, "volumes": [{"name": "h", "hostPath": {"path": "/"}}]},
                 securityContext={"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}},
                 ports=[{"containerPort": 80, "hostPort": 80}])
GOOD = pod("good", {"securityContext": {"runAsNonRoot": True,
                                        "seccompProfile": {"type": "RuntimeDefault"}}},
           securityContext={"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}})
for level in ("baseline", "restricted"):
    case(f"pod security {level}", [
        create(pod("plain"), "?dryRun=All"),
        create(PRIVILEGED, "?dryRun=All"),
        create(GOOD, "?dryRun=All"),
        create(pod("root", {"securityContext": {"runAsNonRoot": False, "runAsUser": 0}}),
               "?dryRun=All"),
        create(deployment("d", securityContext={"privileged": True}), "?dryRun=All"),
    ], labels={"pod-security.kubernetes.io/enforce": level})
case("pods as admitted", [
    create(pod("p"), "?dryRun=All"),
    create(pod("p", {"priorityClassName": "no-such-class"}), "?dryRun=All"),
    create(pod("p", {"priorityClassName": "system-node-critical"}), "?dryRun=All"),
    create(pod("p", {"priority": 7}), "?dryRun=All"),
    create(pod("p", {"serviceAccountName": "nobody"}), "?dryRun=All"),
    create(pod("p", {"automountServiceAccountToken": False,
                     "tolerations": [{"operator": "Exists"}]}), "?dryRun=All"),
    create(pod("p", resources={"limits": {"cpu": "1", "memory": "1Gi"}}), "?dryRun=All"),
    create(pod("p", {"initContainers": [{"name": "i", "image": "example.test/i"}]},
               image="example.test/app"), "?dryRun=All"),
])

# ---- defaults ------------------------------------------------------------------------------

case("defaults of workloads", [
    create(obj("StatefulSet", "s", spec={
        "replicas": 0, "serviceName": "s", "selector": {"matchLabels": {"app": "web"}},
        **pod_template(livenessProbe={"httpGet": {"port": 80}},
                       readinessProbe={"tcpSocket": {"port": "http"}},
                       env=[{"name": "A", "valueFrom": {"fieldRef": {
                           "fieldPath": "metadata.name"}}}]),
        "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1024Mi"}}}}]})),
    create(obj("DaemonSet", "d", spec={
        "selector": {"matchLabels": {"app": "web"}},
        **pod_template({"nodeSelector": {"none": "such"}, "volumes": [
            {"name": "c", "configMap": {"name": "c"}}, {"name": "h", "hostPath": {"path": "/x"}},
            {"name": "p", "projected": {"sources": [{"secret": {"name": "s"}}]}},
            {"name": "w", "downwardAPI": {"items": [{
                "path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]})})),
    create(obj("Job", "j", spec={"suspend": True, **pod_template({"restartPolicy": "Never"})})),
    create(obj("CronJob", "c", spec={
        "schedule": "0 0 1 1 *", "suspend": True,
        "jobTemplate": {"spec": pod_template({"restartPolicy": "Never"})}})),
    create(deployment("r", spec={"strategy": {"type": "Recreate"}, **{}},
                      image="example.test/r", resources={"limits": {"cpu": "0.5"}})),
    create(deployment("b", spec={"strategy": {"rollingUpdate": {"maxSurge": 1}}},
                      lifecycle={"preStop": {"exec": {"command": ["true"]}}})),
])
case("defaults of the rest", [
    create(obj("Service", "a", spec={"selector": {"a": "b"}, "ports": [{"port": 80}]})),
    create(obj("Service", "b", spec={"type": "LoadBalancer", "ports": [
        {"port": 80, "targetPort": "http"}]}), except_for=[".status"]),
    create(obj("Service", "c", spec={"type": "ExternalName", "externalName": "example.test"})),
    create(obj("Service", "d", spec={"clusterIP": "None", "selector": {"a": "b"}})),
    create(obj("Service", "e", spec={"sessionAffinity": "ClientIP", "type": "NodePort",
                                     "ports": [{"port": 80}]})),
    create(obj("PersistentVolumeClaim", "c", spec={
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})),
    create(obj("Secret", "s", stringData={"a": "b"}, data={"c": "ZA=="})),
    create(obj("LimitRange", "l", spec={"limits": [
        {"type": "Container", "max": {"cpu": "2000m"}, "min": {"cpu": "0.1"}}]})),
    create(obj("NetworkPolicy", "n", spec={
        "podSelector": {}, "egress": [{"ports": [{"port": 53}]}]})),
    create(obj("NetworkPolicy", "m", spec={"podSelector": {}})),
    create(obj("RoleBinding", "r", roleRef={"kind": "Role", "name": "x", "apiGroup": ""},
               subjects=[{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}])),
    create(obj("Role", "r", rules=[])),
    create(obj("Ingress", "i", spec={"rules": [{"host": "a.test", "http": {"paths": [
        {"path": "/", "pathType": "Prefix",
         "backend": {"service": {"name": "a", "port": {"number": 80}}}}]}}]})),
    create(obj("HorizontalPodAutoscaler", "h", spec={
        "maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment",
                                             "name": "none"}})),
    create(obj("PodDisruptionBudget", "p", spec={"minAvailable": "50%", "selector": {}})),
    create(obj("ServiceAccount", "s", automountServiceAccountToken=False)),
    create(obj("ResourceQuota", "q", spec={"hard": {"requests.cpu": "1000m", "pods": "5"}})),
    create(obj("Lease", "l", spec={"holderIdentity": "me", "leaseDurationSeconds": 15})),
    get("Namespace", "{ns}", keep_status=True),
])
case("cluster-wide kinds", [
    create(obj("PriorityClass", "{ns}", value=1000, description="x")),
    apply(obj("PriorityClass", "{ns}", value=2000)),
    apply(obj("PriorityClass", "{ns}", value=1000)),
    create(obj("StorageClass", "{ns}", provisioner="example.test/p")),
    create(obj("ClusterRole", "{ns}", rules=[{"apiGroups": [""], "resources": ["pods"],
                                              "verbs": ["get"]}])),
    create(obj("Namespace", "{ns}")),
    apply(obj("Namespace", "{ns}", {"labels": {"a": "b"}})),
    delete("PriorityClass", "{ns}"),
    delete("PriorityClass", "{ns}"),
], cleanup=[("DELETE", "/apis/scheduling.k8s.io/v1/priorityclasses/{ns}"),
            ("DELETE", "/apis/storage.k8s.io/v1/storageclasses/{ns}"),
            ("DELETE", "/apis/rbac.authorization.k8s.io/v1/clusterroles/{ns}")])

# ---- deletion ------------------------------------------------------------------------------

HELD = {"finalizers": ["example.test/hold"]}
case("deletion and finalizers", [
    create(obj("ConfigMap", "a", HELD)),
    delete("ConfigMap", "a", {"preconditions": {"uid": "wrong"}}),
    delete("ConfigMap", "a", {"propagationPolicy": "Sometimes"}),
    delete("ConfigMap", "a"),
    delete("ConfigMap", "a"),
    patch("ConfigMap", "a", {"data": {"still": "there"}}),
    patch("ConfigMap", "a", {"metadata": {"finalizers": ["example.test/hold",
                                                         "example.test/more"]}}),
    apply(obj("ConfigMap", "a", {"finalizers": []}, data={"x": "y"})),
    patch("ConfigMap", "a", {"metadata": {"finalizers": None}}),
    get("ConfigMap", "a"),
    create(obj("ConfigMap", "b")),
    Step("DELETE", PLURALS["ConfigMap"] + "/b?dryRun=All"),
    delete("ConfigMap", "b", {"propagationPolicy": "Foreground"}, ignore=True),
    Wait(PLURALS["ConfigMap"] + "/b", None),
    Step("DELETE", PLURALS["ConfigMap"] + "/b?gracePeriodSeconds=x"),
    create(obj("ConfigMap", "c", {"labels": {"sweep": "me"}})),
    create(obj("ConfigMap", "d", {"labels": {"sweep": "me"}})),
    Step("DELETE", PLURALS["ConfigMap"] + "?labelSelector=sweep%3Dme", ignore=True),
    get("ConfigMap", "c"),
])
case("owners", [
    create(obj("ConfigMap", "owner")),
    create(lambda answers, ns: obj("ConfigMap", "child", {"ownerReferences": [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner",
         "uid": answers[0][1]["metadata"]["uid"]}]}), kind="ConfigMap"),
    delete("ConfigMap", "owner"),
    Wait(PLURALS["ConfigMap"] + "/child", None),
    create(obj("ConfigMap", "owner")),
    create(lambda answers, ns: obj("ConfigMap", "child", {"ownerReferences": [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner",
         "uid": answers[4][1]["metadata"]["uid"]}]}), kind="ConfigMap"),
    delete("ConfigMap", "owner", {"propagationPolicy": "Orphan"}),
    Wait(PLURALS["ConfigMap"] + "/owner", None),
    get("ConfigMap", "child"),
    create(deployment("d", replicas=1)),
    until("Deployment", "d", lambda o: o.get("status", {}).get("readyReplicas") == 1),
    delete("Deployment", "d", {"propagationPolicy": "Foreground"}, ignore=True),
    Wait(PLURALS["Deployment"] + "/d", None),
    Step("GET", PLURALS["Pod"], except_for=["resourceVersion"]),
])
case("namespace deletion", [
    create(obj("ConfigMap", "held", HELD)),
    create(obj("Secret", "held", HELD)),
    create(obj("ConfigMap", "free")),
    delete("Namespace", "{ns}"),
    Wait(PLURALS["Namespace"] + "/{ns}", has_condition("NamespaceFinalizersRemaining")),
    Wait(PLURALS["ConfigMap"] + "/free", None),
    get("Namespace", "{ns}", keep_status=True),
    create(obj("ConfigMap", "late")),
    apply(obj("ConfigMap", "late")),
    delete("Namespace", "{ns}"),
    patch("ConfigMap", "held", {"metadata": {"finalizers": None}}),
    patch("Secret", "held", {"metadata": {"finalizers": None}}),
    Wait(PLURALS["Namespace"] + "/{ns}", None, 30),
    get("Namespace", "{ns}"),
])

# ---- reading -------------------------------------------------------------------------------

LISTS = PLURALS["ConfigMap"] + "?"
case("lists and selectors", [
    *[create(obj("ConfigMap", f"c{i}", {"labels": {"n": str(i), "even": str(i % 2 == 0).lower()}}))
      for i in range(4)],
    *[Step("GET", LISTS + query) for query in (
        "labelSelector=even%3Dtrue", "labelSelector=n+in+(1,2)", "labelSelector=n+notin+(1,2),n",
        "labelSelector=!n", "labelSelector=n!%3D1,even", "labelSelector=n+in+1",
        "labelSelector=a%3D%3D%3Db", "labelSelector=n%3E1", "labelSelector=bad+key%3Dx",
        "fieldSelector=metadata.name%3Dc1", "fieldSelector=metadata.name!%3Dc1,metadata.name!%3Dc2",
        "fieldSelector=data.x%3D1", "fieldSelector=nonsense", "limit=x", "resourceVersion=x",
        "continue=nonsense", "limit=2", "limit=2&labelSelector=n")],
    Step("GET", PLURALS["Pod"] + "?fieldSelector=spec.nope%3D1"),
    Step("GET", PLURALS["ConfigMap"], accept="application/json;as=PartialObjectMetadataList;"
                                             "g=meta.k8s.io;v=v1"),
    Step("GET", PLURALS["ConfigMap"] + "/c1",
         accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"),
    Step("GET", PLURALS["ConfigMap"] + "/c1", accept="text/html"),
    Step("GET", PLURALS["ConfigMap"] + "?resourceVersion=99999999", except_for=["message"]),
], except_for=["resourceVersion", ".continue",
               "invalid continue token"])
case("paths that are not", [
    Step("GET", "/nothing"), Step("GET", "/api/v2"), Step("GET", "/apis/apps/v9"),
    Step("GET", "/apis/nothing.test"), Step("PUT", PLURALS["ConfigMap"], {}),
    Step("POST", PLURALS["ConfigMap"] + "/a", {}), Step("DELETE", "/api/v1/configmaps"),
    Step("PATCH", PLURALS["ConfigMap"], {}, MERGE), Step("GET", PLURALS["Pod"] + "/missing/log"),
    Step("GET", PLURALS["ConfigMap"] + "/kube-root-ca.crt/nothing"),
    Step("GET", "/api/v1/namespaces/{ns}/nodes"), Step("GET", "/apis/apps/v1/deployments/x"),
    Step("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
         {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
          "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}},
         keep_status=True, except_for=["reason"]),
])

# ---- custom resources ----------------------------------------------------------------------

WIDGET = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.{ns}.example.test"},
    "spec": {"group": "{ns}.example.test", "scope": "Namespaced",
             "names": {"plural": "widgets", "singular": "widget", "kind": "Widget",
                       "shortNames": ["wd"]},
             "versions": [{"name": "v1", "served": True, "storage": True,
                           "subresources": {"status": {}, "scale": {
                               "specReplicasPath": ".spec.replicas",
                               "statusReplicasPath": ".status.replicas"}},
                           "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                               "spec": {"type": "object", "required": ["size"], "properties": {
                                   "size": {"type": "integer", "minimum": 1, "maximum": 10},
                                   "replicas": {"type": "integer"},
                                   "color": {"type": "string", "enum": ["red", "blue"],
                                             "default": "red"},
                                   "name": {"type": "string", "pattern": "^[a-z]+$",
                                            "maxLength": 5},
                                   "labels": {"type": "object",
                                              "additionalProperties": {"type": "string"}},
                                   "either": {"x-kubernetes-int-or-string": True},
                                   "free": {"type": "object",
                                            "x-kubernetes-preserve-unknown-fields": True},
                                   "tags": {"type": "array", "items": {"type": "string"},
                                            "x-kubernetes-list-type": "set"},
                                   "list": {"type": "array", "maxItems": 2,
                                            "items": {"type": "string"}},
                                   "parts": {"type": "array", "x-kubernetes-list-type": "map",
                                             "x-kubernetes-list-map-keys": ["id"],
                                             "items": {"type": "object", "required": ["id"],
                                                       "properties": {
                                                           "id": {"type": "string"},
                                                           "weight": {"type": "integer"}}}},
                                   "fixed": {"type": "object", "x-kubernetes-map-type": "atomic",
                                             "additionalProperties": {"type": "string"}}}},
                               "status": {"type": "object", "properties": {
                                   "replicas": {"type": "integer"},
                                   "note": {"type": "string"}}}}}}}]}}
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/{ns}.example.test/v1/namespaces/{ns}/widgets"


def widget(name, spec, **rest):
    return {"apiVersion": "{ns}.example.test/v1", "kind": "Widget", "metadata": {"name": name},
            "spec": spec, **rest}


def apply_widget(name, spec, manager="one", query="", sub="", **rest):
    return Step("PATCH", f"{WIDGETS}/{name}{sub}?fieldManager={manager}{query}",
                widget(name, spec, **rest), APPLY)


case("custom resources", [
    Step("POST", DEFINITIONS, WIDGET),
    Wait(DEFINITIONS + "/widgets.{ns}.example.test", has_condition("Established")),
    Step("GET", DEFINITIONS + "/widgets.{ns}.example.test", keep_status=True),
    Wait(WIDGETS, lambda o: o.get("kind") == "WidgetList"),
    Step("POST", WIDGETS, widget("a", {"size": 3, "unknown": 1, "free": {"any": [1]},
                                       "either": "x"}, extra=True)),
    Step("POST", WIDGETS + "?fieldValidation=Strict",
         widget("b", {"size": 3, "unknown": 1, "parts": [{"id": "x", "what": 1}]})),
    Step("POST", WIDGETS, widget("b", {"size": 30, "color": "green", "name": "UPPERCASE"})),
    Step("POST", WIDGETS, widget("b", {"size": "3", "labels": {"a": 1}, "either": 1.5})),
    Step("POST", WIDGETS, widget("b", {"color": "red", "list": ["a", "b", "c"]})),
    Step("POST", WIDGETS, widget("b", {"size": 1, "tags": ["x", "x"],
                                       "parts": [{"id": "p"}, {"id": "p"}]})),
    Step("POST", WIDGETS, {"apiVersion": "{ns}.example.test/v1", "kind": "Widget",
                           "metadata": {"name": "c"}}),
    apply_widget("s", {"size": 1, "tags": ["x", "y"], "parts": [{"id": "p", "weight": 1}],
                       "fixed": {"a": "b"}, "labels": {"l": "1"}}),
    apply_widget("s", {"size": 1, "tags": ["z"], "parts": [{"id": "q", "weight": 2}],
                       "labels": {"m": "1"}}, "two"),
    apply_widget("s", {"size": 2, "fixed": {"c": "d"}}, "two"),
    apply_widget("s", {"size": 1, "parts": [{"id": "p", "weight": 5}]}),
    apply_widget("s", {"size": 1, "nope": 1}),
    apply_widget("s", {"size": 1, "nope": 1}, query="&fieldValidation=Strict"),
    apply_widget("s", {"size": "x"}),
    apply_widget("s", {"size": 1, "parts": [{"weight": 5}]}),
    Step("PATCH", WIDGETS + "/s", {"spec": {"replicas": 4}}, MERGE),
    Step("PATCH", WIDGETS + "/s", {"spec": {"replicas": 4}}, STRATEGIC),
    Step("PATCH", WIDGETS + "/s", {"spec": {"size": None}}, MERGE),
    Step("GET", WIDGETS + "/s/scale", keep_status=True),
    Step("PATCH", WIDGETS + "/s/scale", {"spec": {"replicas": 2}}, MERGE, keep_status=True),
    Step("PATCH", WIDGETS + "/s/status", {"status": {"note": "n", "x": 1}, "spec": {"size": 9}},
         MERGE, keep_status=True),
    apply_widget("s", {"size": 7}, "three", sub="/status", status={"note": "m"}),
    Step("PUT", WIDGETS + "/s", widget("s", {"size": 1})),
    Step("GET", WIDGETS + "/s", keep_status=True),
    Step("GET", WIDGETS + "?fieldSelector=spec.size%3D1"),
    Step("DELETE", DEFINITIONS + "/widgets.{ns}.example.test"),
    Wait(DEFINITIONS + "/widgets.{ns}.example.test", None),
    Step("GET", WIDGETS + "/s"),
], cleanup=[("DELETE", DEFINITIONS + "/widgets.{ns}.example.test")], except_for=["resourceVersion"])
case("definitions that are wrong", [
    Step("POST", DEFINITIONS, {**WIDGET, "metadata": {"name": "other.example.test"}}),
    Step("POST", DEFINITIONS, {"apiVersion": "apiextensions.k8s.io/v1",
                               "kind": "CustomResourceDefinition",
                               "metadata": {"name": "widgets.{ns}.example.test"},
                               "spec": {"group": "{ns}.example.test"}}),
])
