"""What controllers make of objects once they have come to rest, and what watches tell of it."""

import json
import re

from comparison_cases import (
    PLURALS, Step, Wait, case, create, delete, deployment, get, obj, patch, pod, pod_spec,
    pod_template, until)


def is_ready(count):
    """A workload of `count` ready replicas whose controller has seen the last change."""
    def check(o):
        status = o.get("status", {})
        return (status.get("observedGeneration") == o["metadata"]["generation"]
                and status.get("readyReplicas", 0) == count == status.get("replicas", 0)
                and status.get("updatedReplicas", 0) == count
                and status.get("terminatingReplicas", 0) == 0)
    return check


def status_of(field, value):
    return lambda o: o.get("status", {}).get(field) == value


def at_rest(kind, name, check):
    """Waits and then compares the whole object, status included."""
    return [until(kind, name, check), get(kind, name, keep_status=True)]


def stateful(name, replicas=2, claims=False, spec=None):
    return obj("StatefulSet", name, spec={
        "replicas": replicas, "serviceName": name, "selector": {"matchLabels": {"app": "web"}},
        **pod_template(spec),
        **({"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}
           if claims else {})})


def steered(template, **annotations):
    """A workload's spec with annotations on its pods that say what becomes of them."""
    template["spec"]["template"]["metadata"]["annotations"] = {
        "test/" + name.replace("_", "-"): value for name, value in annotations.items()}
    return template


def condition(type_, status):
    return lambda o: any(c["type"] == type_ and c["status"] == status
                         for c in o.get("status", {}).get("conditions") or [])


case("settled deployments", [
    create(deployment("web", replicas=2)),
    *at_rest("Deployment", "web", lambda o: is_ready(2)(o) and condition(
        "Progressing", "True")(o) and any(c.get("reason") == "NewReplicaSetAvailable"
                                          for c in o["status"]["conditions"])),
    Step("GET", PLURALS["Deployment"] + "/web/scale", keep_status=True),
    patch("Deployment", "web", {"spec": {"replicas": 1}}),
    *at_rest("Deployment", "web", is_ready(1)),
    create(steered(deployment("never", replicas=1, spec={"progressDeadlineSeconds": 1}),
                   never_ready="")),
    *at_rest("Deployment", "never", condition("Progressing", "False")),
])
# Made anew around pods that lack a volume: none is made behind the first of them.
case("settled stateful set around former pods", [
    create(stateful("web")),
    until("StatefulSet", "web", is_ready(2)),
    delete("StatefulSet", "web", {"propagationPolicy": "Orphan"}, ignore=True),
    Wait(PLURALS["StatefulSet"] + "/web", None),
    create(stateful("web", claims=True)),
    *at_rest("StatefulSet", "web", is_ready(2)),
    delete("Pod", "web-1", ignore=True),
    Wait(PLURALS["Pod"] + "/web-1", None),
    *at_rest("StatefulSet", "web", status_of("replicas", 1)),
    delete("Pod", "web-0", ignore=True),
    until("StatefulSet", "web", is_ready(2)),
    *at_rest("PersistentVolumeClaim", "data-web-1", status_of("phase", "Bound")),
    *at_rest("StatefulSet", "web", is_ready(2)),
])
case("settled stateful sets", [
    create(stateful("web", claims=True)),
    *at_rest("StatefulSet", "web", lambda o: is_ready(2)(o) and o["status"].get(
        "currentRevision") == o["status"].get("updateRevision")),
    *at_rest("Pod", "web-0", condition("Ready", "True")),
    *at_rest("PersistentVolumeClaim", "data-web-0", status_of("phase", "Bound")),
    patch("StatefulSet", "web", {"spec": {"replicas": 1}}),
    *at_rest("StatefulSet", "web", is_ready(1)),
    Wait(PLURALS["Pod"] + "/web-1", None),
    get("PersistentVolumeClaim", "data-web-1", keep_status=True),
    create(steered(stateful("crash", 1), crash_loop="true")),
    *at_rest("Pod", "crash-0", lambda o: o.get("status", {}).get("containerStatuses")),
    create(steered(stateful("pull", 1), image_pull_error="true")),
    *at_rest("Pod", "pull-0", lambda o: o.get("status", {}).get("containerStatuses")),
    create(steered(stateful("never", 1), never_ready="")),
    *at_rest("Pod", "never-0", lambda o: o.get("status", {}).get("containerStatuses")),
])
case("settled daemon sets", [
    create(obj("DaemonSet", "d", spec={"selector": {"matchLabels": {"app": "web"}},
                                       **pod_template()})),
    *at_rest("DaemonSet", "d", lambda o: o.get("status", {}).get("numberAvailable") == 3
             and o["status"].get("updatedNumberScheduled") == 3),
])
case("settled jobs", [
    create(obj("Job", "good", spec=pod_template({"restartPolicy": "Never"}))),
    *at_rest("Job", "good", condition("Complete", "True")),
    create(steered(obj("Job", "bad", spec={"backoffLimit": 0,
                                           **pod_template({"restartPolicy": "Never"})}),
                   crash_loop="true")),
    *at_rest("Job", "bad", condition("Failed", "True")),
])
case("settled pods", [
    create(pod("p")),
    *at_rest("Pod", "p", condition("Ready", "True")),
    create(pod("inits", {"initContainers": [{"name": "i", "image": "example.test/i:1"}]})),
    *at_rest("Pod", "inits", condition("Ready", "True")),
    create(pod("failed", {"restartPolicy": "Never"},
               {"annotations": {"test/crash-loop": "true"}})),
    *at_rest("Pod", "failed", status_of("phase", "Failed")),
    delete("Pod", "p", ignore=True),
    Wait(PLURALS["Pod"] + "/p", None),
])
case("settled network and claims", [
    create(obj("Service", "lb", spec={"type": "LoadBalancer", "ports": [{"port": 80}]})),
    *at_rest("Service", "lb", lambda o: o["status"]["loadBalancer"].get("ingress")),
    create(obj("Service", "none", {"annotations": {"test/no-address": ""}},
               spec={"type": "LoadBalancer", "ports": [{"port": 80}]})),
    get("Service", "none", keep_status=True),
    create(obj("Ingress", "i", spec={"defaultBackend": {
        "service": {"name": "lb", "port": {"number": 80}}}})),
    *at_rest("Ingress", "i", lambda o: o["status"]["loadBalancer"].get("ingress")),
    create(obj("PersistentVolumeClaim", "now", spec={
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})),
    *at_rest("PersistentVolumeClaim", "now", status_of("phase", "Bound")),
    create(obj("PersistentVolumeClaim", "later", spec={
        "storageClassName": "standard-wait", "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}})),
    get("PersistentVolumeClaim", "later", keep_status=True),
    create(pod("uses", {"volumes": [{"name": "v", "persistentVolumeClaim": {
        "claimName": "later"}}]})),
    *at_rest("PersistentVolumeClaim", "later", status_of("phase", "Bound")),
    create(obj("PodDisruptionBudget", "b", spec={"minAvailable": 1, "selector": {
        "matchLabels": {"no": "pod"}}})),
    *at_rest("PodDisruptionBudget", "b", lambda o: o.get("status", {}).get("conditions")),
])


class Watch(Step):
    """A watch of one second from the resourceVersion of answer number `since`."""

    def __init__(self, path, since, **options):
        super().__init__("GET", path, **options)
        self.since = since

    def run(self, server, ns, answers):
        version = answers[self.since][1]["metadata"]["resourceVersion"]
        path = f"{self.path.replace('{ns}', ns)}watch=true&timeoutSeconds=1&resourceVersion={version}"
        code, text, headers = server.send("GET", path, accept=self.accept)
        if code == 200:
            lines = text.splitlines() if isinstance(text, str) else [json.dumps(text)]
            text = {"events": [json.loads(line) for line in lines]}
        return code, text, headers


MAPS = PLURALS["ConfigMap"]
case("watches", [
    Step("GET", MAPS),
    create(obj("ConfigMap", "a", {"labels": {"x": "1"}}, data={"k": "v"})),
    patch("ConfigMap", "a", {"data": {"k": "w"}}),
    patch("ConfigMap", "a", {"metadata": {"labels": {"x": "2"}}}),
    patch("ConfigMap", "a", {"data": {"k": "w"}}),  # changes nothing
    create(obj("ConfigMap", "b", {"labels": {"x": "1"}})),
    delete("ConfigMap", "b"),
    create(obj("ConfigMap", "held", {"finalizers": ["example.test/hold"]})),
    delete("ConfigMap", "held"),
    patch("ConfigMap", "held", {"metadata": {"finalizers": None}}),
    Watch(MAPS + "?", 0),
    Watch(MAPS + "?labelSelector=x%3D1&", 0),
    Watch(MAPS + "?fieldSelector=metadata.name%3Db&", 0),
    Watch(MAPS + "?", 2, accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"),
    Step("GET", MAPS + "?watch=true&timeoutSeconds=1&resourceVersion=1"),
    Step("GET", MAPS + "?watch=true&resourceVersion=x"),
], except_for=["resourceVersion"])


class Table(Step):
    """What `kubectl get` and `kubectl get -o wide` show. Columns are explained in words of our own."""

    def __init__(self, path):
        super().__init__("GET", path, accept="application/json;as=Table;v=v1;g=meta.k8s.io")

    def run(self, server, ns, answers):
        code, body, headers = super().run(server, ns, answers)
        if code == 200:
            columns = [{k: v for k, v in column.items() if k != "description"}
                       for column in body["columnDefinitions"]]
            rows = [[RANDOM.sub("-<x>", MOMENT.sub("<x>", str(cell))) for cell in row["cells"]]
                    for row in body["rows"]]
            if "{ns}" not in self.path:  # Other things cluster-wide are not this case's.
                rows = [row for row in rows if ns in row[0]]
            body = {"columns": columns, "rows": sorted(rows)}
        return code, body, headers


MOMENT = re.compile(r"(?<=template-hash=)\w+|^\d+[smhd](\d+[smhd])?$|\b10\.\d+\.\d+\.\d+|^node-\d$|^<invalid>$")
RANDOM = re.compile(r"(-[bcdfghjklmnpqrstvwxz2456789]{8,10})?-[bcdfghjklmnpqrstvwxz2456789]{5}$")
TABLES = [*PLURALS.values()] + [
    "/apis/apps/v1/namespaces/{ns}/replicasets", "/api/v1/namespaces/{ns}/endpoints",
    "/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/api/v1/nodes"]
case("tables", [
    create(deployment("web", replicas=1)),
    create(stateful("set", 1, claims=True)),
    create(obj("DaemonSet", "d", spec={"selector": {"matchLabels": {"app": "d"}}, "template": {
        "metadata": {"labels": {"app": "d"}}, "spec": pod_spec()}})),
    create(obj("Job", "j", spec=pod_template({"restartPolicy": "Never"}))),
    create(obj("CronJob", "c", spec={"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {
        "spec": pod_template({"restartPolicy": "Never"})}})),
    create(obj("Service", "s", spec={"selector": {"app": "web"}, "ports": [{"port": 80}]})),
    create(obj("Service", "n", spec={"type": "ExternalName", "externalName": "example.test"})),
    create(obj("Ingress", "i", spec={"rules": [{"host": "a.test"}], "defaultBackend": {
        "service": {"name": "s", "port": {"number": 80}}}})),
    create(obj("Secret", "s", stringData={"a": "b"})),
    create(obj("ConfigMap", "c", data={"a": "b"})),
    create(obj("ServiceAccount", "s")),
    create(obj("LimitRange", "l", spec={"limits": []})),
    create(obj("ResourceQuota", "q", spec={"hard": {"secrets": "10", "limits.cpu": "200"}})),
    create(obj("Role", "r", rules=[])),
    create(obj("RoleBinding", "r", roleRef={"kind": "Role", "name": "r", "apiGroup": ""}, subjects=[
        {"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}])),
    create(obj("NetworkPolicy", "n", spec={"podSelector": {"matchLabels": {"a": "b"}}})),
    create(obj("PodDisruptionBudget", "p", spec={"minAvailable": 1, "selector": {}})),
    create(obj("HorizontalPodAutoscaler", "h", spec={"maxReplicas": 3, "scaleTargetRef": {
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}})),
    create(obj("Lease", "l", spec={"holderIdentity": "me", "leaseDurationSeconds": 15})),
    create(obj("PriorityClass", "{ns}", value=1)), create(obj("ClusterRole", "{ns}", rules=[])),
    create(obj("StorageClass", "{ns}", provisioner="example.test/p", allowVolumeExpansion=True)),
    until("Deployment", "web", is_ready(1)), until("StatefulSet", "set", is_ready(1)),
    until("DaemonSet", "d", lambda o: o.get("status", {}).get("numberAvailable") == 3),
    until("Job", "j", condition("Complete", "True")),
    until("Ingress", "i", lambda o: o["status"]["loadBalancer"].get("ingress")),
    until("ResourceQuota", "q", lambda o: o.get("status", {}).get("used", {}).get("secrets") == "1"),
    until("PodDisruptionBudget", "p", lambda o: o.get("status", {}).get("conditions")),
    until("PodDisruptionBudget", "p", lambda o: o["status"]["disruptionsAllowed"] == 4),
    *map(Table, TABLES),
], cleanup=[("DELETE", PLURALS[kind] + "/{ns}")
            for kind in ("PriorityClass", "ClusterRole", "StorageClass")])
