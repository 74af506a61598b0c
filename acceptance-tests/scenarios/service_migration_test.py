"""Workloads that other tools made become a charon_service without a pod being restarted."""

import copy
import json
import re

import pytest

from harness import hcl

pytestmark = [
    pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it"),
    pytest.mark.thorough("each write, request or tool in turn"),
]

ADDRESS = "charon_service.x"
NEW_PODS = "The pods will be made anew"
OWNER = "charon.internal/owner"

# What hashicorp/kubernetes sends beyond what is configured (kubernetes/structures_pod.go, structures_container.go: every
# attribute with a default in its schema is a pointer that is set). The server has no default for three of them, so that
# they are part of the pod template for good.
HASHICORP_POD = {
    "automountServiceAccountToken": True, "shareProcessNamespace": False, "enableServiceLinks": True,
    "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
}


def container(name: str, *, hashicorp: bool) -> dict:
    found = {
        "name": name, "image": "docker.io/library/app:1",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],  # not in our order
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    if hashicorp:
        found["volumeMounts"][0]["mountPropagation"] = "None"
        found |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log"}
    return found


def main_container(name: str, label: str) -> str:
    """Many a workload's container is not named as the workload."""
    return name if label == "app" else "main"


def workload(kind: str, name: str, label: str, *, hashicorp: bool = False) -> dict:
    selector = {label: name}
    pod = {"containers": [container(main_container(name, label), hashicorp=hashicorp)], "volumes": [{"name": "scratch", "emptyDir": {}}]}
    spec = {
        "replicas": 2, "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": selector}, "spec": pod | (HASHICORP_POD if hashicorp else {})},
    }
    if not hashicorp:  # as charts render what nobody has set
        pod |= {"affinity": {}, "dnsConfig": {}, "securityContext": {}}
        pod["containers"][0] |= {"securityContext": {}, "lifecycle": {}}
    if kind == "StatefulSet":
        # hashicorp/kubernetes writes a namespace into its claim templates (kubernetes/structures_persistent_volume_claim.go).
        claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}}
        claim["metadata"] |= {"namespace": "default"} if hashicorp else {"labels": {"l": "m"}}
        pod["containers"][0]["volumeMounts"].append({"name": "data", "mountPath": "/data"} | ({"mountPropagation": "None"} if hashicorp else {}))
        spec |= {"serviceName": f"{name}-headless", "updateStrategy": {"type": "RollingUpdate"}, "volumeClaimTemplates": [claim]}
    elif kind == "DaemonSet":
        del spec["replicas"]
        spec |= {"updateStrategy": {"type": "RollingUpdate"}}
    else:
        spec |= {"strategy": {"type": "RollingUpdate"}}
    if hashicorp:
        spec |= {"revisionHistoryLimit": 10}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": name}, "spec": spec}


def service(name: str, label: str) -> dict:
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": name},
        "spec": {"selector": {label: name},
                 "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]},
    }


def create(cluster, objects: list[dict], manager: str) -> None:
    for object_ in objects:
        cluster.api.create(object_, manager=manager)


def by_helm(cluster, kubectl, objects: list[dict]) -> None:
    objects = copy.deepcopy(objects)
    for object_ in objects:
        object_["metadata"] |= {
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "r", "meta.helm.sh/release-namespace": "default"},
        }
    create(cluster, objects, "helm")


# kubectl itself; Helm and Terraform themselves are in writers_test.py.
TOOLS = {
    "Terraform": lambda cluster, kubectl, objects: create(cluster, objects, "Terraform"),
    "HashiCorp": lambda cluster, kubectl, objects: create(cluster, objects, "HashiCorp"),
    "kubectl-apply": lambda cluster, kubectl, objects: kubectl("apply", "-f", "-", objects=objects),
    "kubectl-server-side": lambda cluster, kubectl, objects: kubectl("apply", "--server-side", "-f", "-", objects=objects),
    "helm": by_helm,
}


def configuration(name: str, kind: str, label: str, env: dict[str, str]) -> dict:
    attributes = {
        "namespace": name, "image": "docker.io/library/app:1", "replicas": 2,
        "ports": {"http": 8080}, "env": env,
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "volumes": {"scratch": {"mount": "/scratch", "empty_dir": {}}},
    }
    if kind != "Deployment":
        attributes["kind"] = kind.lower()
    if kind == "StatefulSet":
        attributes["claims"] = {"data": {"mount": "/data", "size": "1Gi", "per_replica": True}}
    if kind == "DaemonSet":
        del attributes["replicas"]
    if label != "app":
        attributes["selector"] = {label: name}
        attributes["pod"] = {"container_name": main_container(name, label)}
    return attributes


class Before:
    """A workload that runs, and what must not change about it."""

    def __init__(self, cluster, kind: str, name: str):
        self._cluster, self._kind, self._name = cluster, kind, name
        self._wanted = len(cluster.api.list("Node")) if kind == "DaemonSet" else 2
        self.live = cluster.api.eventually(self._ready, f"{kind} {name} to be ready")
        self.pods, self.sets = self._pods(), self._sets()
        assert len(self.pods) == self._wanted

    def _get(self) -> dict:
        return self._cluster.get(f"apps/v1/{self._kind}", self._name, self._name)

    def _ready(self) -> dict | None:
        live = self._get()
        field = "numberReady" if self._kind == "DaemonSet" else "readyReplicas"
        return live if live.get("status", {}).get(field) == self._wanted else None

    def _pods(self) -> set[str]:
        return {p["metadata"]["uid"] for p in self._cluster.api.list("Pod", self._name)}

    def _sets(self) -> set[str]:
        kind = "ReplicaSet" if self._kind == "Deployment" else "ControllerRevision"
        return {s["metadata"]["uid"] for s in self._cluster.api.list(f"apps/v1/{kind}", self._name)}

    def still_stands(self) -> dict:
        """Nothing of it was written but who owns what."""
        live = self.same_pods()
        # Of a Deployment it moves with every annotation (pkg/registry/apps/deployment/strategy.go).
        assert live["metadata"]["generation"] == self.live["metadata"]["generation"]
        return live

    def same_pods(self) -> dict:
        live = self._get()
        assert live["metadata"]["uid"] == self.live["metadata"]["uid"]
        assert live["spec"] == self.live["spec"]
        assert self._sets() == self.sets
        assert self._pods() == self.pods
        return live


def make(cluster, kubectl, name: str, kind: str, label: str, tool: str) -> Before:
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    hashicorp = tool in ("Terraform", "HashiCorp")
    TOOLS[tool](cluster, kubectl, [service(name, label), workload(kind, name, label, hashicorp=hashicorp)])
    return Before(cluster, kind, name)


def env_of(cluster, kind: str, name: str) -> dict[str, str]:
    live = cluster.get(f"apps/v1/{kind}", name, name)
    return {e["name"]: e["value"] for e in live["spec"]["template"]["spec"]["containers"][0]["env"]}


def then_a_line_goes(stack, cluster, name: str, kind: str, label: str) -> None:
    stack.write(hcl.resource("charon_service", "x", configuration(name, kind, label, {"A": "1"})))
    assert stack.apply().actions == {ADDRESS: "update"}
    assert env_of(cluster, kind, name) == {"A": "1"}
    annotations = cluster.get(f"apps/v1/{kind}", name, name)["metadata"]["annotations"]
    assert annotations.pop(OWNER).startswith("default/charon_service/")
    assert not [key for key in annotations if "kubectl" in key or "helm" in key], "what the former tool has noted is gone"
    stack.destroy()
    cluster.api.delete("Namespace", None, name)


@pytest.mark.one_cli("what is sent is the same")
@pytest.mark.parametrize("label", ["app", "run"])
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize("tool", TOOLS)
def test_import_restarts_nothing(stack, cluster, kubectl, names, tool, kind, label):
    name = names("legacy")
    before = make(cluster, kubectl, name, kind, label, tool)
    both = configuration(name, kind, label, {"A": "1", "B": "2"})
    stack.write(hcl.resource("charon_service", "x", both)
                + hcl.block("import", {"to": hcl.Expression(ADDRESS), "id": f"{name}/{name}"}))
    plan = stack.apply()
    assert "importing" in plan.changes[ADDRESS] and not [w for w in plan.warnings if NEW_PODS in w.summary], plan
    live = before.still_stands()
    managers = {e["manager"] for e in live["metadata"]["managedFields"] if not e.get("subresource")}
    assert managers <= {"charon", "kube-controller-manager"}, "nobody is left to own what the configuration drops"
    then_a_line_goes(stack, cluster, name, kind, label)


@pytest.mark.one_cli("what is sent is the same")
@pytest.mark.parametrize("tool", ["Terraform", "kubectl-apply"])
def test_a_set_that_is_made_anew_as_it_is_adopted_keeps_its_pods(stack, cluster, kubectl, names, tool):
    name = names("legacy")
    before = make(cluster, kubectl, name, "StatefulSet", "app", tool)
    wanted = configuration(name, "StatefulSet", "app", {"A": "1", "B": "2"}) | {"rollout": {"pod_management_policy": "Parallel"}}
    stack.write(hcl.resource("charon_service", "x", wanted)
                + hcl.block("import", {"to": hcl.Expression(ADDRESS), "id": f"{name}/{name}"}))
    plan = stack.apply()
    assert any("is made anew" in w.summary for w in plan.warnings), plan
    live = cluster.get("StatefulSet", name, name)
    assert live["metadata"]["uid"] != before.live["metadata"]["uid"] and live["spec"]["podManagementPolicy"] == "Parallel"
    assert live["spec"]["template"] == before.live["spec"]["template"]
    assert {p["metadata"]["uid"] for p in cluster.api.list("Pod", name)} == before.pods
    stack.destroy()
    cluster.api.delete("Namespace", None, name)


@pytest.mark.one_cli("what is found is the same")
@pytest.mark.parametrize("governing", ["own", "other"])
def test_a_set_keeps_the_service_that_names_its_pods(stack, cluster, kubectl, names, governing):
    """Another one would make the set anew, and its pods would lose their names in DNS."""
    name = names("legacy")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    old, headless = workload("StatefulSet", name, "app"), service(name, "app")
    headless["metadata"]["name"] = old["spec"]["serviceName"] = name if governing == "own" else f"{name}-peers"
    headless["spec"] |= {"clusterIP": "None", "publishNotReadyAddresses": True}
    TOOLS["kubectl-server-side"](cluster, kubectl, [old, headless])
    before = Before(cluster, "StatefulSet", name)
    stack.write(hcl.block("import", {"to": hcl.Expression(ADDRESS), "id": f"{name}/{name}"}))
    plan = stack.plan("-generate-config-out=generated.tf")
    assert not [w for w in plan.warnings if "anew" in w.summary or "no attribute" in w.summary], plan
    assert not [w for w in plan.warnings if "takes something away" in w.summary], plan
    stack.apply()
    before.same_pods()
    spec = cluster.get("Service", name, headless["metadata"]["name"])["spec"]
    assert spec["clusterIP"] == "None" and spec["publishNotReadyAddresses"] is True
    stack.destroy()
    cluster.api.delete("Namespace", None, name)


@pytest.mark.one_cli("what is sent is the same")
@pytest.mark.parametrize("tool", ["Terraform", "kubectl-apply", "theirs"])
def test_a_plan_says_that_an_adoption_makes_pods_anew(stack, cluster, kubectl, names, tool):
    """With what changes in the template, by import and by on_conflict; what somebody else owns, and what only the workload has, is no change."""
    name = names("legacy")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    objects = [service(name, "app"), workload("Deployment", name, "app", hashicorp=tool == "Terraform")]
    if tool == "theirs":  # of a tool that is there still
        create(cluster, objects, "deployer")
    else:
        TOOLS[tool](cluster, kubectl, objects)
    same = configuration(name, "Deployment", "app", {"A": "1", "B": "2"}) | {"force_conflicts": tool == "theirs"}
    imported = hcl.block("import", {"to": hcl.Expression(ADDRESS), "id": f"{name}/{name}"})

    def told(attributes, block):
        stack.write(hcl.resource("charon_service", "x", attributes) + block)
        return [w.text for w in stack.plan().warnings if NEW_PODS in w.summary]

    for attributes, block in ((same, imported), (same | {"on_conflict": "adopt"}, "")):
        quiet = {"replicas": 3, "labels": {"team": "x"}, "rollout": {"revision_history_limit": 3}}
        updated = {"image": "docker.io/library/app:7", "image_owner": "external"}  # which counts only at creation
        for more in ({}, quiet, updated):
            assert told(attributes | more, block) == []
        for more, path in (
            ({"security_context": {"run_as_user": 1000}}, f'containers[name="{name}"].securityContext'),
            ({"pod": {"labels": {"tier": "3"}}}, "metadata.labels.tier"),
            ({"env": {"A": "s3cr3t", "B": "2"}}, f'containers[name="{name}"].env[name="A"].value'),
        ):
            (text,) = told(attributes | more, block)
            assert f"spec.template.{'' if 'metadata' in path else 'spec.'}{path}" in text and "s3cr3t" not in text and "more" not in text, text
    # And what the former tool has, and the configuration does not.
    if tool != "theirs":
        (text,) = told(same | {"env": {"A": "1"}}, imported)
        assert 'env[name="B"]' in text
    # Once it is ours, everybody knows what an update does.
    stack.write(hcl.resource("charon_service", "x", same) + imported)
    stack.apply()
    assert told(same | {"env": {"A": "3", "B": "2"}}, "") == []
    stack.destroy()
    cluster.api.delete("Namespace", None, name)


@pytest.mark.one_cli("what is sent is the same")
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize("tool", ["Terraform", "kubectl-apply", "kubectl-server-side"])
def test_a_change_together_with_the_adoption(stack, cluster, kubectl, names, tool, kind):
    """What the former tool has set and the configuration has otherwise goes in the same apply, where the two cannot be together: ports of
    one name, two kinds of a probe, two strategies, a volume of two sources."""
    name = names("legacy")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    old = workload(kind, name, "app", hashicorp=tool == "Terraform")
    old["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = {"httpGet": {"path": "/", "port": "http"}, "initialDelaySeconds": 7}
    if kind == "Deployment":
        old["spec"]["strategy"]["rollingUpdate"] = {"maxSurge": 1, "maxUnavailable": 0}
    TOOLS[tool](cluster, kubectl, [service(name, "app"), old])
    wanted = configuration(name, kind, "app", {"A": "1"}) | {
        "ports": {"http": 9090}, "service": {"ports": {"http": 8080}}, "probes": {"liveness": {"tcp_socket": "http"}},
        "rollout": {"strategy": "Recreate" if kind == "Deployment" else "OnDelete"}, "wait": "none"}
    wanted["volumes"] = {"scratch": {"mount": "/scratch", "host_path": {"path": "/tmp"}}}
    imported = hcl.block("import", {"to": hcl.Expression(ADDRESS), "id": f"{name}/{name}"})
    # What the apply would not get through either is still seen in the plan.
    stack.write(hcl.resource("charon_service", "x", wanted | {"extra_manifest_patch": "spec: { minReadySeconds: -1 }"}) + imported)
    (error,) = stack.plan(fails=True).errors
    assert "minReadySeconds" in error.text and "ports" not in error.text, error
    stack.write(hcl.resource("charon_service", "x", wanted) + imported)
    plan = stack.apply()
    assert "importing" in plan.changes[ADDRESS]
    told = [w.text for w in plan.warnings if NEW_PODS in w.summary]
    assert bool(told) == (kind == "Deployment"), plan  # a StatefulSet's are, as they are deleted
    assert all(f"Deployment/{name}/{name}" in text and "spec.template.spec.containers[name=" in text and "more" in text for text in told)
    spec = cluster.get(f"apps/v1/{kind}", name, name)["spec"]
    (main,) = spec["template"]["spec"]["containers"]
    assert [(p["name"], p["containerPort"]) for p in main["ports"]] == [("http", 9090)]
    assert "tcpSocket" in main["livenessProbe"] and "httpGet" not in main["livenessProbe"]
    assert spec.get("strategy", spec.get("updateStrategy"))["type"] in ("Recreate", "OnDelete")
    assert [set(v) for v in spec["template"]["spec"]["volumes"] if v["name"] == "scratch"] == [{"name", "hostPath"}]
    assert [p["port"] for p in cluster.get("Service", name, name)["spec"]["ports"]] == [8080]
    stack.destroy()
    cluster.api.delete("Namespace", None, name)


@pytest.mark.one_cli("what is found is the same")
def test_labels_and_annotations_stay(stack, cluster, kubectl, names):
    """What other controllers read of the workload is found; with it, nothing of it changes."""
    name = names("legacy")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    old, own = workload("Deployment", name, "app"), service(name, "app")
    old["metadata"] |= {"labels": {"team": "infra", "app.kubernetes.io/part-of": "shop"}, "annotations": {"keel.sh/policy": "minor"}}
    own["metadata"] |= {"labels": {"monitored": "yes"}, "annotations": {"example.org/pool": "blue"}}
    own["spec"] |= {"sessionAffinity": "ClientIP"}
    own["spec"]["ports"][0]["name"] = "www"
    by_helm_too = copy.deepcopy([old, own])
    for object_ in by_helm_too:
        object_["metadata"].setdefault("labels", {})["app.kubernetes.io/managed-by"] = "Helm"
        object_["metadata"].setdefault("annotations", {})["meta.helm.sh/release-name"] = "r"
    create(cluster, by_helm_too, "helm")
    before = Before(cluster, "Deployment", name)
    kubectl("annotate", "-n", name, f"deployment/{name}", "example.org/by-hand=1")
    stack.write(hcl.block("import", {"to": hcl.Expression(ADDRESS), "id": f"{name}/{name}"}))
    plan = stack.plan("-generate-config-out=generated.tf")
    # The Service's annotations, affinity and name of a port have no attribute, and are found as a patch.
    assert not [w for w in plan.warnings if "takes something away" in w.summary], plan
    for policy in ("minor", "major"):
        stack.write_file("generated.tf", (stack.config / "generated.tf").read_text().replace("minor", policy))
        stack.apply()
        live = before.same_pods()["metadata"]
        assert {"team": "infra", "app.kubernetes.io/part-of": "shop"}.items() <= live["labels"].items()
        assert {"keel.sh/policy": policy, "example.org/by-hand": "1"}.items() <= live["annotations"].items()
    assert not [key for key in live["annotations"] if "helm" in key]
    found = cluster.get("Service", name, name)
    assert found["metadata"]["labels"]["monitored"] == "yes" and found["metadata"]["annotations"]["example.org/pool"] == "blue"
    assert found["spec"]["sessionAffinity"] == "ClientIP" and [port["name"] for port in found["spec"]["ports"]] == ["www"]
    stack.destroy()
    cluster.api.delete("Namespace", None, name)


@pytest.mark.one_cli("what is told is the same")
def test_an_adoption_tells_what_goes(stack, cluster, kubectl, names):
    name = names("legacy")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    old, own = workload("Deployment", name, "app"), service(name, "app")
    old["metadata"]["annotations"] = {"keel.sh/policy": "minor", "reloader.stakater.com/auto": "true"}
    own["spec"]["sessionAffinity"] = "ClientIP"
    TOOLS["kubectl-apply"](cluster, kubectl, [old, own])
    before = Before(cluster, "Deployment", name)
    both = configuration(name, "Deployment", "app", {"A": "1", "B": "2"}) | {"on_conflict": "adopt", "annotations": {"keel.sh/policy": "minor"}}
    stack.write(hcl.resource("charon_service", "x", both))
    told = {w.summary: w.detail for w in stack.apply().warnings if "takes something away" in w.summary}
    assert set(told) == {f"Adopting {kind}/{name}/{name} takes something away" for kind in ("Deployment", "Service")}
    lines = [line for detail in told.values() for line in detail.splitlines() if line.startswith("- ")]
    assert sorted(lines)[:2] == ["- metadata.annotations.reloader.stakater.com/auto", "- spec.sessionAffinity"], lines
    before.same_pods()
    assert not stack.plan().warnings
    stack.destroy()
    cluster.api.delete("Namespace", None, name)


@pytest.mark.one_cli("what is refused is the same")
@pytest.mark.parametrize("way", ["import", "adopt"])
@pytest.mark.parametrize("kind", ["LoadBalancer", "NodePort"])
def test_a_way_in_from_outside_does_not_end_unsaid(stack, cluster, kubectl, names, kind, way):
    name = names("legacy")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    own = service(name, "app")
    own["spec"]["type"] = kind
    TOOLS["kubectl-server-side"](cluster, kubectl, [workload("Deployment", name, "app"), own])
    before = Before(cluster, "Deployment", name)
    node_port = cluster.get("Service", name, name)["spec"]["ports"][0]["nodePort"]
    imported = hcl.block("import", {"to": hcl.Expression(ADDRESS), "id": f"{name}/{name}"}) if way == "import" else ""
    both = configuration(name, "Deployment", "app", {"A": "1", "B": "2"}) | ({"on_conflict": "adopt"} if way == "adopt" else {})
    stack.write(hcl.resource("charon_service", "x", both) + imported)
    (error,) = stack.plan(fails=True).errors
    assert f"is of type {kind}" in error.text and str(node_port) in error.text and f"{name}-internal" in error.text, error
    assert error.code.startswith("ports ="), error
    if way == "import":
        outer = {"lan": {"loadbalancer": {}} if kind == "LoadBalancer" else {"nodeport": {}}}
        stack.write(hcl.resource("charon_service", "x", both | {"expose": outer}) + imported)
        stack.apply()
        assert cluster.get("Service", name, name)["spec"]["type"] == "ClusterIP"
        assert cluster.get("Service", name, f"{name}-lan")["spec"]["type"] == kind
    else:
        stack.write(hcl.resource("charon_service", "x", both | {"service": {"name": f"{name}-internal"}}) + imported)
        stack.apply()
        assert cluster.get("Service", name, name)["spec"]["type"] == kind
        assert cluster.get("Service", name, name)["spec"]["ports"][0]["nodePort"] == node_port
    before.same_pods()
    stack.destroy()
    cluster.api.delete("Namespace", None, name)


def full_workload(name: str) -> dict:
    """A pod of many parts, with nothing in the order that our rendering has."""
    object_ = workload("Deployment", name, "run")
    pod = object_["spec"]["template"]["spec"]
    object_["spec"]["strategy"] = {"type": "Recreate"}
    object_["spec"]["template"]["metadata"] |= {"annotations": {"example.org/note": "x"}}
    object_["spec"]["template"]["metadata"]["labels"] |= {"team": "infra"}
    pod |= {
        "serviceAccountName": "robot", "terminationGracePeriodSeconds": 90, "enableServiceLinks": False,
        "securityContext": {"fsGroup": 1000, "supplementalGroups": [44, 5]},
        "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 100, "podAffinityTerm": {"labelSelector": {"matchLabels": {"run": name}}, "topologyKey": "kubernetes.io/hostname"}}]}},
        "volumes": [
            {"name": "tls", "secret": {"secretName": "tls", "defaultMode": 0o400}},
            {"name": "scratch", "emptyDir": {"medium": "Memory"}},
            {"name": "etc", "configMap": {"name": "etc", "items": [{"key": "b", "path": "b.conf"}, {"key": "a", "path": "a.conf"}]}},
            {"name": "dev", "hostPath": {"path": "/dev/dri", "type": "Directory"}},
        ],
        "initContainers": [{
            "name": "setup", "image": "docker.io/library/setup:1", "command": ["setup"], "securityContext": {"privileged": True},
            "volumeMounts": [{"name": "scratch", "mountPath": "/s"}],
        }],
    }
    pod["containers"][0] |= {
        "args": ["--verbose"], "terminationMessagePath": "/dev/message",
        "env": [
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "given", "key": "token"}}},
            {"name": "DB_PASSWORD", "value": "literal-5c1e90d2"}, {"name": "A", "value": "1"},
        ],
        "volumeMounts": [
            {"name": "tls", "mountPath": "/tls", "readOnly": True}, {"name": "scratch", "mountPath": "/scratch"},
            {"name": "etc", "mountPath": "/etc/b", "subPath": "b.conf"}, {"name": "etc", "mountPath": "/etc/a", "subPath": "a.conf"},
            {"name": "dev", "mountPath": "/dev/dri"},
        ],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "initialDelaySeconds": 120},
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 5},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
        "securityContext": {"runAsUser": 1000, "capabilities": {"add": ["SYS_TIME", "NET_ADMIN"], "drop": ["ALL"]}},
    }
    pod["containers"][0]["ports"].append({"name": "dns", "containerPort": 53, "protocol": "UDP"})
    pod["containers"].append({
        "name": "exporter", "image": "docker.io/library/exporter:1", "ports": [{"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch", "readOnly": True}],
    })
    return object_


@pytest.mark.one_cli("what is found is the same")
def test_a_configuration_to_start_from(stack, cluster, kubectl, names):
    """What the workload says is written down; what looks like a secret, or has no attribute, is named. With these two said, the
    generated configuration touches no pod."""
    name = names("legacy")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    cluster.api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": name}})
    own = service(name, "run")
    own["spec"]["ports"][0]["port"] = 8081
    TOOLS["kubectl-server-side"](cluster, kubectl, [full_workload(name), own])
    before = Before(cluster, "Deployment", name)
    stack.write(hcl.block("import", {"to": hcl.Expression(ADDRESS), "id": f"{name}/{name}"}))
    plan = stack.plan("-generate-config-out=generated.tf")
    generated = (stack.config / "generated.tf").read_text()
    written = set(generated.replace(" ", "").splitlines())
    assert {f'run="{name}"', 'args=["--verbose"]', 'A="1"', 'TOKEN="given/token"', 'http="8080"', 'dns="53/UDP"', 'cpu="10m"', 'memory="32Mi"',
            "replicas=2", 'name="robot"', 'http_get="/healthz"', 'initial_delay="2m"', 'tcp_socket="8080"', 'termination_grace_period="90s"',
            'strategy="Recreate"', 'team="infra"', 'mode="0400"', 'mount="/tls"', "fs_group=1000", "http=8081", 'name="setup"', "exporter={"} <= written
    (warning,) = [w for w in plan.warnings if w.summary == "Environment variables were left out"]
    assert "DB_PASSWORD" in warning.text and "env_wo" in warning.text
    (warning,) = [w for w in plan.warnings if w.summary == "Parts of the workload have no attribute"]
    path = 'spec.template.spec.containers[name="main"].terminationMessagePath'
    assert [line for line in warning.detail.splitlines() if line.startswith("- ")] == [f"- {path}"] and "extra_manifest_patch" in warning.text
    shown = json.dumps(stack.show_plan_json(plan))
    assert "given/token" in shown and "literal-5c1e90d2" not in shown
    assert not any("DB_PASSWORD" in line for line in written)

    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "terminationMessagePath": "/dev/message"}]}}}}
    for pattern, text in ((r'( +)A +=', r'\1DB_PASSWORD = "literal-5c1e90d2"\n\g<0>'),
                          (r"extra_manifest_patch += null", lambda _: f"extra_manifest_patch = {hcl.value(json.dumps(patch))}")):
        generated, times = re.subn(pattern, text, generated)
        assert times == 1, generated
    stack.write_file("generated.tf", generated)
    assert not [w for w in stack.apply().warnings if "rewrote" in w.summary]
    before.still_stands()
    assert {p["name"]: p["port"] for p in cluster.get("Service", name, name)["spec"]["ports"]} == {"http": 8081, "dns": 53, "metrics": 9090}
    # Nor does a later change of the workload that is none of the pods.
    annotated, times = re.subn(r"(?m)^  annotations +=.*", '  annotations = { "example.org/a" = "b" }', generated)
    assert times == 1, generated
    stack.write_file("generated.tf", annotated)
    stack.apply()
    assert before.same_pods()["metadata"]["annotations"]["example.org/a"] == "b"
    stack.destroy()
    cluster.api.delete("Namespace", None, name)


MOVED = {
    "kubernetes_deployment": "Deployment", "kubernetes_deployment_v1": "Deployment",
    "kubernetes_stateful_set": "StatefulSet", "kubernetes_stateful_set_v1": "StatefulSet",
    "kubernetes_daemonset": "DaemonSet", "kubernetes_daemon_set_v1": "DaemonSet",
}


@pytest.mark.parametrize("source", MOVED)
def test_moved_restarts_nothing(stack, cluster, kubectl, names, source):
    """`moved {}` from the state that hashicorp/kubernetes had."""
    name, kind = names("legacy"), MOVED[source]
    before = make(cluster, kubectl, name, kind, "app", "Terraform")
    attributes = {"id": f"{name}/{name}", "wait_for_rollout": True, "timeouts": None, "spec": [],
                  "metadata": [{"name": name, "namespace": name, "generation": 1, "uid": "x", "resource_version": "1",
                                "annotations": {}, "labels": {}, "generate_name": ""}]}
    registry = "registry.terraform.io" if stack.cli.name == "terraform" else "registry.opentofu.org"
    stack.write_file("terraform.tfstate", json.dumps({
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "11111111-2222-3333-4444-555555555555",
        "outputs": {}, "check_results": None,
        "resources": [{
            "mode": "managed", "type": source, "name": "old",
            "provider": f'provider["{registry}/hashicorp/kubernetes"]',
            "instances": [{"schema_version": 1, "attributes": attributes, "sensitive_attributes": []}],
        }],
    }))
    both = configuration(name, kind, "app", {"A": "1", "B": "2"})
    stack.write(hcl.resource("charon_service", "x", both)
                + hcl.block("moved", {"from": hcl.Expression(f"{source}.old"), "to": hcl.Expression(ADDRESS)}))
    plan = stack.apply()
    assert plan.actions == {ADDRESS: "update"}
    before.still_stands()
    then_a_line_goes(stack, cluster, name, kind, "app")
