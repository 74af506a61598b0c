"""Every resource's data for the scenario list in lifecycle_test.py: a new resource is one entry here.

A test compares the entries with the provider's schema: a resource without an entry fails, and so does
an attribute that no entry sets, updates and unsets.
"""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from harness.clusters import Cluster, Names

Attributes = dict[str, Any]
Ref = tuple[str, str | None, str]  # kind, namespace, name


@dataclasses.dataclass(frozen=True)
class Update:
    """One change of one attribute, on top of the changes before it."""

    value: Any
    action: str = "update"  # what the plan has to say: update or replace
    also: Attributes = dataclasses.field(default_factory=dict)  # what has to change along; None: unset


@dataclasses.dataclass(frozen=True)
class Entry:
    type: str
    # The smallest configuration, and one that sets every attribute there is.
    minimal: Callable[[Names], Attributes]
    full: Callable[[Names], Attributes]
    # What it makes on the server; the first is what gives the resource its name.
    objects: Callable[[Attributes], list[Ref]]
    import_id: Callable[[Attributes], str]
    identity: Callable[[Attributes], dict[str, Any]]
    # By attribute, in the order in which they are made.
    updates: Callable[[Names], dict[str, list[Update]]]
    # Takes a field of ours over, and takes one away, as somebody else would. The manager is called "somebody".
    change_outside: Callable[[Cluster, Attributes], None]
    remove_outside: Callable[[Cluster, Attributes], None]
    # What has to be there before.
    prepare: Callable[[Cluster, Names], None] = lambda cluster, names: None
    # Tells entries of one type apart.
    variant: str = ""
    # What unsetting does to the plan, where it is not "update".
    unset: dict[str, str] = dataclasses.field(default_factory=dict)
    # Attributes that can be unset only along with others.
    unset_with: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    # Why an attribute has no update that fits in the list; it has a scenario of its own.
    not_updated: dict[str, str] = dataclasses.field(default_factory=dict)
    # Attributes that an import cannot find out, since they are about the resource's own behaviour.
    not_imported: frozenset[str] = frozenset()
    # Attributes whose effect an import finds as something else.
    imported_otherwise: frozenset[str] = frozenset()
    # Attributes that an import fills in another, equivalent way.
    imported_as: frozenset[str] = frozenset()
    # Never in state.
    write_only: frozenset[str] = frozenset()
    # Computed attributes that tell what happened, not what is.
    history: frozenset[str] = frozenset()
    # Exists once in a cluster, so that tests which share one take turns: a name for it.
    exclusive: str = ""
    # Two instances cannot be next to each other, not even in one test.
    alone: bool = False
    # A configuration for scenarios that have one instance for every write. The full one if unset.
    troubled: Callable[[Names], Attributes] | None = None
    # The first apply after an import is an update that takes over what belongs to it.
    import_takes_over: bool = False
    # As long as one of its objects is there it is not gone, whichever is deleted.
    goes_in_parts: bool = False

    def __str__(self) -> str:
        return f"{self.type} {self.variant}".strip()

    def importable(self, names: Names) -> Attributes:
        """The full configuration without what an import cannot find out or finds as something else."""
        left_out = self.not_imported | self.imported_otherwise
        return {k: v for k, v in self.full(names).items() if k not in left_out}


def changed(attributes: Attributes, update: Attributes) -> Attributes:
    """With these set instead; None takes an attribute away."""
    return {k: v for k, v in {**attributes, **update}.items() if v is not None}


# --- Tiers --------------------------------------------------------------------------------------


def _tier(names: Names) -> Attributes:
    return {"name": names("tier"), "priority": 1000}


TIER = Entry(
    type="charon_tier",
    minimal=_tier,
    full=lambda names: _tier(names) | {
        "preemption_policy": "Never",
        "global_default": True,
        "description": "Made by a test.",
        "limit_range": {"default": {"memory": "256Mi"}, "max": {"memory": "8Gi"}},
        "resource_quota": {"requests.cpu": "4", "pods": "30"},
        "on_conflict": "adopt",
        "force_conflicts": False,
        "timeouts": {"create": "1m", "update": "1m", "delete": "1m"},
    },
    troubled=_tier,
    objects=lambda a: [("PriorityClass", None, f"tier-{a['name']}")],
    import_id=lambda a: a["name"],
    identity=lambda a: {"name": a["name"]},
    updates=lambda names: {
        "description": [Update("Something else.")],
        "global_default": [Update(False)],
        "limit_range": [
            Update({"default": {"memory": "1Gi", "cpu": "500m"}, "defaultRequest": {"cpu": "50m"}}),
            Update({}),
        ],
        "resource_quota": [Update({"requests.cpu": "8", "requests.memory": "8Gi"}), Update({})],
        "on_conflict": [Update("fail")],
        "force_conflicts": [Update(True)],
        "timeouts": [Update({"delete": "2m"})],
        "preemption_policy": [Update("PreemptLowerPriority", "replace")],
        "priority": [Update(2000, "replace")],
        "name": [Update(names("other"), "replace")],
    },
    unset={"preemption_policy": "replace"},
    not_imported=frozenset({"on_conflict", "force_conflicts", "timeouts"}),
    change_outside=lambda cluster, a: cluster.api.patch(
        "PriorityClass", None, f"tier-{a['name']}", {"description": "somebody else's"}
    ),
    remove_outside=lambda cluster, a: cluster.api.patch(
        "PriorityClass", None, f"tier-{a['name']}", {"description": None}
    ),
    exclusive="global-default",
    alone=True,
)


def _namespace_objects(a: Attributes) -> list[Ref]:
    name = a["name"]
    found: list[Ref] = [("Namespace", None, name)]
    internal = a.get("governance", "internal") == "internal"
    if internal and (a.get("limit_range") or ("tier" in a and "limit_range" not in a)):
        found.append(("LimitRange", name, "tier-defaults"))
    if internal and (a.get("resource_quota") or ("tier" in a and "resource_quota" not in a)):
        found.append(("ResourceQuota", name, "tier-quota"))
    if a.get("default_deny"):
        found.append(("NetworkPolicy", name, "default-deny"))
    for binding, of in a.get("role_bindings", {}).items():
        found.append(("RoleBinding", of.get("namespace", name), binding))
    return found


def _role_bindings(names: Names) -> Attributes:
    return {
        names("readers"): {
            "cluster_role": "view",
            "subjects": [{"name": "default"}, {"kind": "Group", "name": "staff"}],
        },
        names("outside"): {
            "role": "somewhere-else",
            "namespace": "default",
            "subjects": [{"name": "robot", "namespace": "kube-system"}],
        },
    }


def _namespace_updates(names: Names) -> dict[str, list[Update]]:
    bindings = _role_bindings(names)
    readers, outside = bindings
    other_subjects = bindings | {readers: bindings[readers] | {"subjects": [{"kind": "User", "name": "ann"}]}}
    other_role = other_subjects | {readers: other_subjects[readers] | {"cluster_role": "edit"}}
    moved = other_role | {outside: {k: v for k, v in other_role[outside].items() if k != "namespace"}}
    only_one = {readers: moved[readers]}
    return {
        "labels": [Update({"team": "b", "more": ""}), Update({})],
        "annotations": [Update({"note": "changed"}), Update({})],
        "limit_range": [
            Update({"default": {"memory": "1Gi", "cpu": "1"}, "min": {"memory": "8Mi"}}), Update({}),
        ],
        "resource_quota": [Update({"pods": "5", "requests.memory": "1Gi"}), Update({})],
        "tier": [
            Update("1-cluster"),
            Update("4-aux", also={"limit_range": None, "resource_quota": None}),
        ],
        "role_bindings": [
            Update(other_subjects), Update(other_role), Update(moved), Update(only_one), Update({}),
        ],
        "default_deny": [Update(False), Update(True)],
        "pod_security": [
            Update({"enforce": "restricted"}),
            Update({"warn": "baseline", "version": "latest"}),
        ],
        "governance_wait": [Update("2s")],
        "on_conflict": [Update("adopt")],
        "force_conflicts": [Update(True)],
        "timeouts": [Update({"delete": "4m"})],
        "delete_contents": [Update(False)],
        # Given up but not deleted, then taken back.
        "governance": [Update("external"), Update("internal"), Update("auto")],
        "name": [Update(names("other"), "replace", also={"governance": None})],
    }


TIER_NAMESPACE = Entry(
    type="charon_tier_namespace",
    minimal=lambda names: {"name": names("n")},
    full=lambda names: {
        "name": names("n"),
        "tier": "3-edge",
        "labels": {"team": "a", "example.org/kind": "test"},
        "annotations": {"note": "made by a test", "example.org/why": "${not a template}"},
        "governance": "internal",
        "governance_wait": "1s",
        "limit_range": {"default": {"memory": "512Mi"}, "defaultRequest": {"cpu": "10m", "memory": "64Mi"}},
        "resource_quota": {"requests.cpu": "2", "pods": "10"},
        "role_bindings": _role_bindings(names),
        "default_deny": True,
        "pod_security": {"enforce": "baseline", "audit": "restricted", "warn": "restricted", "version": "latest"},
        "delete_contents": True,
        "on_conflict": "fail",
        "force_conflicts": False,
        "timeouts": {"create": "2m", "update": "2m", "delete": "3m"},
    },
    objects=_namespace_objects,
    import_id=lambda a: a["name"],
    identity=lambda a: {"name": a["name"]},
    updates=_namespace_updates,
    not_imported=frozenset({"governance_wait", "delete_contents", "on_conflict", "force_conflicts", "timeouts"}),
    change_outside=lambda cluster, a: cluster.api.patch(
        "ResourceQuota", a["name"], "tier-quota", {"spec": {"hard": {"pods": "999"}}}
    ),
    remove_outside=lambda cluster, a: cluster.api.patch(
        "Namespace", None, a["name"], {"metadata": {"labels": {"team": None}}}
    ),
    goes_in_parts=True,
)


# --- Any object ---------------------------------------------------------------------------------


def make_namespace(cluster: Cluster, name: str) -> None:
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    # What a controller puts into it comes a little later, and would change what a test sees.
    for ref in (("ServiceAccount", name, "default"), ("ConfigMap", name, "kube-root-ca.crt")):
        cluster.api.eventually(lambda: cluster.has(*ref), f"{ref[0]} {ref[2]} in {name}")


def config_map(names: Names, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": names("settings"), "namespace": names("work"), "labels": {"app": "x"}},
        "data": data,
    }


def _ref(object_: dict[str, Any]) -> Ref:
    return object_["kind"], object_["metadata"].get("namespace"), object_["metadata"]["name"]


def _object(a: Attributes) -> dict[str, Any]:
    return a["object"] if "object" in a else json.loads(a["manifest"])


def _import_id(a: Attributes) -> str:
    kind, namespace, name = _ref(_object(a))
    return f"v1/{kind}/{namespace}/{name}"


def _manifest_full(names: Names) -> Attributes:
    return {
        "initial": json.dumps({"data": {"counter": "0"}}),
        "manifest_wo": json.dumps({"data": {"hidden": "do-not-show"}}),
        "manifest_wo_version": "1",
        "ownership": "object",
        "on_conflict": "fail",
        "force_conflicts": False,
        "wait": {"fields": {"metadata.name": ".+"}},
        "timeouts": {"create": "1m", "update": "1m", "delete": "1m"},
    }


def _manifest_updates(names: Names, form: str) -> dict[str, list[Update]]:
    write = json.dumps if form == "manifest" else lambda object_: object_
    relabelled = config_map(names, a="2")
    relabelled["metadata"]["labels"] = {"app": "y", "more": "z"}
    renamed = config_map(names, a="2")
    renamed["metadata"]["name"] = names("renamed")
    return {
        form: [
            Update(write(config_map(names, a="2", b="3"))),
            Update(write(config_map(names, a="2"))),
            Update(write(relabelled)),
            Update(write(renamed), "replace"),
        ],
        "initial": [Update(json.dumps({"data": {"counter": "1"}}))],
        "manifest_wo": [
            Update(json.dumps({"data": {"hidden": "something-else"}}), also={"manifest_wo_version": "2"}),
        ],
        "manifest_wo_version": [Update("3")],
        "on_conflict": [Update("adopt")],
        "force_conflicts": [Update(True)],
        "wait": [Update({"fields": {"data.a": "2"}}), Update({"rollout": True})],
        "timeouts": [Update({"delete": "2m"})],
    }


MANIFEST = Entry(
    type="charon_kubernetes_manifest",
    minimal=lambda names: {"manifest": json.dumps(config_map(names))},
    full=lambda names: {"manifest": json.dumps(config_map(names, a="1", b="2"))} | _manifest_full(names),
    objects=lambda a: [_ref(_object(a))],
    import_id=_import_id,
    identity=lambda a: dict(zip(("kind", "namespace", "name"), _ref(_object(a)))) | {"api_version": "v1"},
    updates=lambda names: _manifest_updates(names, "manifest"),
    not_updated={"ownership": "takes an object that somebody else made", "object": "the other form"},
    change_outside=lambda cluster, a: cluster.api.patch(*_ref(_object(a)), {"data": {"a": "9"}}),
    remove_outside=lambda cluster, a: cluster.api.patch(*_ref(_object(a)), {"data": {"b": None}}),
    prepare=lambda cluster, names: make_namespace(cluster, names("work")),
    unset_with={"manifest_wo": ("manifest_wo_version",)},
    not_imported=frozenset({"ownership", "on_conflict", "force_conflicts", "wait", "timeouts"}),
    imported_otherwise=frozenset({"initial", "manifest_wo", "manifest_wo_version"}),
    write_only=frozenset({"manifest_wo"}),
)

MANIFEST_OBJECT = dataclasses.replace(
    MANIFEST,
    variant="as an object",
    minimal=lambda names: {"object": config_map(names, a="1")},
    full=lambda names: {"object": config_map(names, a="1", b="2")} | _manifest_full(names),
    updates=lambda names: _manifest_updates(names, "object"),
    not_updated={"ownership": "takes an object that somebody else made", "manifest": "the other form"},
    imported_as=frozenset({"manifest", "object"}),
)


# --- Secrets ------------------------------------------------------------------------------------


def _secret_prepare(cluster: Cluster, names: Names) -> None:
    make_namespace(cluster, names("work"))
    make_namespace(cluster, names("copies"))
    cluster.api.create({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "source", "namespace": names("copies")},
        "stringData": {"token": "copied-value", "other": "other-copied-value"},
    })


def _secret(names: Names) -> Attributes:
    return {"name": names("secret"), "namespace": names("work")}


SECRET = Entry(
    type="charon_secret",
    minimal=_secret,
    full=lambda names: _secret(names) | {
        "type": "example.org/test",
        "labels": {"app": "x"},
        "annotations": {"note": "made by a test"},
        "data_wo": {"password": "correct-horse"},
        "data_wo_version": "1",
        "generate": {"key": {"kind": "hex", "length": 16}, "id": {"kind": "uuid"}},
        "copy": {"token": {"secret": "source", "namespace": names("copies")}},
        "replicate_to": [names("copies")],
        "immutable": False,
        "force_conflicts": False,
        "on_conflict": "fail",
        "timeouts": {"create": "1m", "update": "1m", "delete": "1m"},
    },
    objects=lambda a: [
        ("Secret", namespace, a["name"]) for namespace in (a["namespace"], *a.get("replicate_to", ()))
    ],
    import_id=lambda a: f"{a['namespace']}/{a['name']}",
    identity=lambda a: {"namespace": a["namespace"], "name": a["name"]},
    updates=lambda names: {
        "labels": [Update({"app": "y"}), Update({})],
        "annotations": [Update({"more": "z"})],
        "data_wo": [
            Update({"password": "battery-staple", "user": "ann"}, also={"data_wo_version": "2"}),
        ],
        "data_wo_version": [Update("3")],
        "generate": [
            Update({"key": {"kind": "hex", "length": 16, "rotation_trigger": "1"}, "id": {"kind": "uuid"}}),
            Update({"key": {"kind": "hex", "length": 16, "rotation_trigger": "1"}}),
        ],
        "copy": [
            Update({"token": {"secret": "source", "namespace": names("copies"), "key": "other"}}),
            Update({}),
        ],
        "replicate_to": [Update([]), Update([names("copies")])],
        "on_conflict": [Update("adopt")],
        "force_conflicts": [Update(True)],
        "timeouts": [Update({"delete": "2m"})],
        "immutable": [Update(True), Update(False)],
        "type": [Update("Opaque")],
        "name": [Update(names("other"), "replace")],
        "namespace": [Update(names("copies"), "replace", also={"replicate_to": None})],
    },
    change_outside=lambda cluster, a: cluster.api.patch(
        "Secret", a["namespace"], a["name"], {"data": {"password": "ZWxzZQ=="}}
    ),
    remove_outside=lambda cluster, a: cluster.api.patch(
        "Secret", a["namespace"], a["name"], {"data": {"password": None}}
    ),
    prepare=_secret_prepare,
    unset_with={"data_wo": ("data_wo_version",)},
    not_imported=frozenset({
        "data_wo", "data_wo_version", "generate", "copy", "on_conflict", "force_conflicts", "timeouts",
    }),
    write_only=frozenset({"data_wo"}),
    history=frozenset({"revision"}),
    goes_in_parts=True,
)


# --- Services -----------------------------------------------------------------------------------

WORKLOADS = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}


def service_objects(a: Attributes) -> list[Ref]:
    """What a charon_service consists of: the table in resources/service/render.h, written down a second time."""
    namespace, name = a["namespace"], a.get("name") or a["namespace"]
    kind = a.get("kind", "deployment")
    service = a.get("service", {}).get("name", name)
    found: list[Ref] = [(WORKLOADS[kind], namespace, name)]

    def add(kind: str, *names_: str) -> None:
        found.extend((kind, namespace, one) for one in names_)

    def role(place: str | None, name_: str) -> None:
        prefix = "" if place else "Cluster"
        found.extend(((f"{prefix}Role", place, name_), (f"{prefix}RoleBinding", place, name_)))

    if a.get("files"):
        add("ConfigMap", f"{name}-files")
    add("ConfigMap", *(f"{name}-{path.strip('/').replace('/', '-').replace('.', '-')}" for path in a.get("config_dirs", ())))
    add("ExternalSecret", *(f"{name}-{key}" for key in a.get("secrets", ())))
    if a.get("generated_secrets"):
        add("Secret", f"{name}-generated")
    if "env_wo_version" in a:
        add("Secret", f"{name}-env")
    add("PersistentVolumeClaim", *(f"{name}-{claim}" for claim, of in a.get("claims", {}).items() if not of.get("per_replica")))
    for volume, of in a.get("volumes", {}).items():
        if "nfs" in of and not of["nfs"].get("inline"):
            found.append(("PersistentVolume", None, f"{namespace}-{name}-{volume}"))
            add("PersistentVolumeClaim", f"{name}-{volume}")
    identity = a.get("identity")
    if identity is not None:
        if "name" not in identity.get("service_account", {}):
            add("ServiceAccount", name)
        if "rules" in identity:
            role(namespace, name)
        for place in identity.get("namespace_rules", ()):
            role(place, f"{namespace}-{name}")
        if "cluster_rules" in identity:
            role(None, f"{namespace}-{name}")
    for to in a.get("grants", ()):
        role(namespace, f"{name}-{to.replace('/', '-')}")
    if "disruption_budget" in a:
        add("PodDisruptionBudget", name)
    if "network_policy" in a:
        add("NetworkPolicy", name)
    if a.get("ports"):
        add("Service", service)
    if kind == "statefulset":
        add("Service", f"{service}-headless")
    if a.get("metrics", {}).get("style") == "service_monitor":
        add("ServiceMonitor", name)
    add("CronJob", *(f"{name}-{key}" for key in a.get("backups", ())))
    for entry, of in a.get("expose", {}).items():
        if "loadbalancer" in of or "nodeport" in of:
            add("Service", f"{name}-{entry}")
        else:
            add("Ingress", name if entry == "web" else f"{name}-{entry}")
    return found


def give_gpus(cluster: Cluster, **resources: str) -> None:
    """All nodes but one have GPUs, as a device plugin would tell. Where tests share the nodes it is always the same."""
    amounts = {"nvidia.com/gpu": "64", "example.org/gpumem": "640000"} | resources
    nodes = sorted(node["metadata"]["name"] for node in cluster.api.list("Node"))
    for name in nodes[1:]:
        cluster.api.patch("Node", None, name, {"metadata": {"labels": {"nvidia.com/gpu.present": "true"}}})
        path = f"{cluster.api.resource('Node').path(None, name)}/status"
        body = {"status": {"capacity": amounts, "allocatable": amounts}}
        code, answer = cluster.api.send("PATCH", path, body, "application/merge-patch+json")
        assert code == 200, answer


def make_crd(cluster: Cluster, group: str, version: str, kind: str, plural: str) -> None:
    """A kind that takes anything, unless the cluster has it already."""
    name = f"{plural}.{group}"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    if not cluster.has("CustomResourceDefinition", None, name):
        code, answer = cluster.api.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
            "spec": {"group": group, "scope": "Namespaced",
                     "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
                     "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
                                   "subresources": {"status": {}}}]},
        })
        assert code in (201, 409), answer
    path = f"/apis/{group}/{version}/{plural}"
    cluster.api.eventually(lambda: cluster.api.send("GET", path)[0] == 200, f"{kind} to be served")


def make_secret(cluster: Cluster, namespace: str, name: str, **values: str) -> None:
    cluster.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
                        "stringData": values})


def make_storage_class(cluster: Cluster, name: str) -> None:
    """One whose claims may grow, which those of the test clusters may not."""
    cluster.api.create({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
                        "provisioner": "kubernetes.io/host-path", "allowVolumeExpansion": True})


def _service_prepare(cluster: Cluster, names: Names) -> None:
    make_storage_class(cluster, names("grows"))
    for place in ("work", "elsewhere"):
        make_namespace(cluster, names(place))
        make_secret(cluster, names(place), "given", token="given-by-somebody")
    give_gpus(cluster)


def _service(names: Names) -> Attributes:
    return {"namespace": names("work"), "name": names("app"), "image": "registry.example.org/app:1"}


def _service_claims(names: Names, size: str = "1Gi") -> Attributes:
    return {"data": {"mount": "/data", "size": size, "storage_class": names("grows"), "autoresize": "5Gi"}}


def _service_volumes() -> Attributes:
    return {
        "scratch": {"empty_dir": {"size_limit": "100Mi"}},
        "media": {"mount": "/media", "read_only": True,
                  "nfs": {"path": "/exports/media", "server": "192.0.2.20", "inline": True}},
    }


RULE = {"resources": ["pods"], "verbs": ["get", "list"]}
RULES = {"rules": [RULE]}


# In an order in which they can be taken away: what names another attribute's part comes before it.
def _service_full(names: Names) -> Attributes:
    return _service(names) | {
        "kind": "deployment",
        "expose": {
            "l4": {"loadbalancer": {"ports": ["http"], "address": "192.0.2.53", "share_address": "shared"}},
            "node": {"nodeport": {"ports": ["metrics"], "external_traffic_policy": "Local"}},
        },
        "metrics": {"port": "metrics", "path": "/numbers"},
        "probes": {
            "liveness": {"exec": ["true"], "initial_delay": "30s"},
            "readiness": {"http_get": "/ready", "period": "5s", "request": {"port": "http", "headers": {"Host": "a"}}},
            "startup": {"tcp_socket": "http", "failure_threshold": 30},
        },
        "hooks": {"post_start": {"exec": ["true"]}, "pre_stop": {"sleep": "1s"}},
        "service": {"name": names("svc"), "ports": {"metrics": 9000}},
        "ports": {"http": "8080", "metrics": "9090"},
        "labels": {"team": "a"},
        "annotations": {"note": "made by a test"},
        "image_owner": "terraform",
        "image_pull_policy": "IfNotPresent",
        "command": ["serve"],
        "args": ["--port", "8080"],
        "process": {"working_dir": "/srv", "tty": True, "stdin": True},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "resources_owner": "terraform",
        "env": {"HOST": "example.org", "A_URL": "https://$(HOST)/", "Z": "${not a template}"},
        "env_secret": {"TOKEN": "given/token", "MAYBE": "absent/key?"},
        "env_from": {"secrets": ["given"], "config_maps": ["settings?"],
                     "fields": {"POD_IP": "status.podIP", "MEMORY": "limits.memory"}},
        "mounts": {"/scratch": {"volume": "scratch", "sub_path": "here"}},
        "security_context": {"allow_privilege_escalation": False, "capabilities": {"drop": ["ALL"]}},
        "sidecars": {"helper": {"image": "registry.example.org/helper:1", "env": {"A": "1"}}},
        "init_containers": [{"name": "first", "command": ["true"]}, {"name": "second", "args": ["x"]}],
        "scale_to_zero": {"idle": "1h"},
        "replicas_owner": "external",
        "replicas": 1,
        "rollout": {"progress_deadline": "5m", "revision_history_limit": 3},
        "wait": "rollout",
        "backups": {"dump": {"schedule": "30 0 * * *", "command": ["dump"], "to": "backups", "keep": 14}},
        "generated_secrets": {"PASSWORD": {"length": 40}, "KEY": {"kind": "hex", "length": 16, "env": False}},
        "env_wo": {"HIDDEN": "do-not-show"},
        "env_wo_version": "1",
        "wait_for_secrets": ["given"],
        "files": {"/etc/app/app.ini": {"content": "a = 1\n", "mode": "0600"}},
        "config_dirs": {"/etc/conf.d": {"files": {"one.conf": "1\n", "two.conf": "2\n"}, "on_change": "none"}},
        "claims": _service_claims(names),
        "volumes": _service_volumes(),
        "delete_data": True,
        "pod": {"labels": {"tier": "web"}, "annotations": {"note": "of a pod"}, "security_context": {"fs_group": 1000},
                "enable_service_links": False, "termination_grace_period": "1s", "image_pull_secrets": ["registry"], "dns": {"options": {"ndots": "2"}}},
        "scheduling": {"avoid_nodes": {"example.org/slow": "yes|very"}, "spread": {"over": "host"}},
        "gpu": {"count": 1},
        "identity": {"service_account": {"automount": False}, "rules": [RULE], "cluster_rules": [RULE],
                     "namespace_rules": {names("elsewhere"): RULES}},
        "grants": {f"{names('elsewhere')}/robot": RULES},
        "disruption_budget": {"max_unavailable": "1"},
        "network_policy": {"from_namespaces": ["ingress"], "to_cidrs": ["192.0.2.0/24"]},
        "wait_for": ["db.example.org:5432"],
        "extra_manifest_patch": json.dumps({"spec": {"template": {"spec": {"schedulerName": "default-scheduler"}}}}),
        "on_conflict": "fail",
        "on_server_rewrite": "warn",
        "force_conflicts": False,
        "timeouts": {"create": "2m", "update": "2m", "delete": "2m"},
    }


def _service_updates(names: Names) -> dict[str, list[Update]]:
    full = _service_full(names)
    ports = full["ports"] | {"dns": "5353/TCP,UDP"}
    return {
        "image": [Update("registry.example.org/app:2")],
        "image_owner": [Update("external"), Update("terraform")],
        "image_pull_policy": [Update("Always")],
        "command": [Update(["serve", "--fast"])],
        "args": [Update([])],
        "process": [Update({"working_dir": "/", "tty": False}), Update({"stdin": False})],
        "ports": [Update(ports)],
        "expose": [
            Update({"l4": {"allow": ["192.0.2.0/24"],
                           "loadbalancer": full["expose"]["l4"]["loadbalancer"] | {"ports": ["http", "dns"]}}}),
            Update({"l5": {"loadbalancer": {"ports": ["dns"]}}}),
        ],
        "metrics": [Update({"port": "metrics"}), Update({"port": "9999"})],
        "probes": [Update({"readiness": {"grpc": "", "request": {"port": "metrics"}}}), Update({})],
        "hooks": [Update({"pre_stop": {"http_get": "/stop", "request": {"port": "metrics", "scheme": "HTTP"}}})],
        "service": [Update({"name": names("other-svc"), "ports": {"metrics": 9001}, "app_protocols": {"http": "kubernetes.io/h2c"}})],
        "labels": [Update({"team": "b", "more": ""}), Update({})],
        "annotations": [Update({"note": "changed"}), Update({})],
        "resources": [Update({"requests": {"cpu": "20m"}, "limits": {"memory": "128Mi"}})],
        "resources_owner": [Update("external"), Update("terraform")],
        "env": [Update({"HOST": "example.net", "NEW": ""}), Update({})],
        "env_secret": [Update({"TOKEN": "generated/PASSWORD"})],
        "env_from": [
            Update({"secrets": ["given", "more?"], "config_maps": [], "fields": {"NODE": "spec.nodeName"}}),
            Update({"fields": {"NODE": "spec.nodeName"}}),
        ],
        "mounts": [Update({"/scratch2": {"volume": "scratch", "read_only": True}})],
        "security_context": [Update({"run_as_user": 1000, "read_only_root_filesystem": True})],
        "sidecars": [
            Update({"helper": {"image": "registry.example.org/helper:2"}, "other": {"command": ["x"]}}),
            Update({"other": {"command": ["x"], "image_owner": "external"}}),
        ],
        "init_containers": [Update([{"name": "second", "args": ["y"]}, {"name": "first"}])],
        "scale_to_zero": [Update({"group": "together"})],
        "replicas_owner": [Update("terraform", also={"scale_to_zero": None}), Update("external"), Update("terraform")],
        "replicas": [Update(0), Update(1)],
        "rollout": [Update({"progress_deadline": "4m", "min_ready": "1s"}), Update({})],
        "wait": [Update("none"), Update("rollout")],
        "backups": [
            Update({"dump": full["backups"]["dump"] | {"schedule": "0 1 * * *", "env": {"A": "1"}}}),
            Update({"other": {"schedule": "0 1 * * *", "command": ["dump"], "to": "backups"}}),
        ],
        "generated_secrets": [
            Update({"PASSWORD": {"length": 40, "rotation_trigger": "1"}}),
            Update({"PASSWORD": {"length": 40, "rotation_trigger": "1"}, "MORE": {"kind": "uuid"}}),
        ],
        "env_wo": [Update({"HIDDEN": "something-else", "TWO": "also-hidden"}, also={"env_wo_version": "2"})],
        "env_wo_version": [Update("3")],
        "wait_for_secrets": [Update([])],
        "files": [
            Update({"/etc/app/app.ini": {"content": "a = 2\n"}}),
            Update({"/etc/app/logo.png": {"content_base64": "AAEC", "on_change": "none"}}),
        ],
        "config_dirs": [
            Update({"/etc/conf.d": {"files": {"one.conf": "3\n"}, "mode": "0640"}}),
            Update({"/etc/other.d": {"files": {"one.conf": "3\n"}}}),
        ],
        "claims": [
            Update(_service_claims(names, "2Gi")),
            Update(_service_claims(names, "2Gi") | {"more": {"mount": "/more", "size": "1Gi"}}),
        ],
        "volumes": [
            Update({"scratch": {"mount": "/cache", "empty_dir": {"medium": "Memory"}}}),
        ],
        "delete_data": [Update(False), Update(True)],
        "pod": [Update({"labels": {"tier": "db"}, "annotations": {"more": "x"}, "security_context": {"run_as_user": 1000},
                        "termination_grace_period": "1s", "host_aliases": {"192.0.2.9": ["db"]}})],
        "scheduling": [Update({"tolerations": [{"key": "example.org/x"}], "apart": {"labels": {"app": "noisy"}}})],
        "gpu": [Update({"count": 2}), Update({})],
        "identity": [
            Update({"rules": [RULE | {"verbs": ["get"]}], "service_account": {"annotations": {"note": "x"}}}),
            Update({"service_account": {"name": "default"}, "rules": [RULE]}),
        ],
        "grants": [Update({f"{names('elsewhere')}/other": RULES})],
        "disruption_budget": [Update({"min_available": "50%"})],
        "network_policy": [Update({"from_cidrs": ["192.0.2.0/24"]})],
        "wait_for": [Update(["db.example.org:5432", "mq.example.org:5672"])],
        "extra_manifest_patch": [Update("spec: {template: {spec: {preemptionPolicy: PreemptLowerPriority}}}")],
        "on_conflict": [Update("adopt")],
        "on_server_rewrite": [Update("error")],
        "force_conflicts": [Update(True)],
        "timeouts": [Update({"update": "1m", "delete": "2m"})],
        "selector": [Update({"app": names("app"), "part": "main"}, "replace")],
        "name": [Update(names("renamed"), "replace")],
        "namespace": [Update(names("elsewhere"), "replace")],
    }


def _service_in_trouble(names: Names) -> Attributes:
    """An object of each kind that is made in a way of its own."""
    return _service(names) | {
        "ports": {"http": "8080"},
        "image_owner": "external",
        "files": {"/etc/app.ini": {"content": "a = 1\n"}},
        "generated_secrets": {"PASSWORD": {}},
        "env_wo": {"HIDDEN": "do-not-show"},
        "env_wo_version": "1",
        "claims": {"data": {"mount": "/data", "size": "1Gi"}},
        "identity": RULES,
        "expose": {"web": {"host": "app.example.org", "auth": "none", "auth_reason": "a test"}},
        "pod": {"termination_grace_period": "1s"},
        "delete_data": True,
    }


# What an import finds: the others are taken from the configuration, and the first apply takes their objects over.
SERVICE_FOUND = {"namespace", "name", "image", "replicas", "selector", "command", "args", "process", "ports", "env", "resources"}


def _not_found(full: Callable[[Names], Attributes]) -> frozenset[str]:
    return frozenset(full(Names())) - SERVICE_FOUND


SERVICE = Entry(
    type="charon_service",
    minimal=_service,
    full=_service_full,
    troubled=_service_in_trouble,
    objects=service_objects,
    import_id=lambda a: f"{a['namespace']}/{a['name']}",
    identity=lambda a: {"namespace": a["namespace"], "name": a["name"]},
    updates=_service_updates,
    change_outside=lambda cluster, a: cluster.api.patch(
        "ConfigMap", a["namespace"], f"{a['name']}-etc-conf-d", {"data": {"one.conf": "somebody's"}}
    ),
    remove_outside=lambda cluster, a: cluster.api.patch(
        "ConfigMap", a["namespace"], f"{a['name']}-etc-conf-d", {"data": {"two.conf": None}}
    ),
    prepare=_service_prepare,
    unset_with={"env_wo": ("env_wo_version",)},
    not_updated={"kind": "a StatefulSet has it in its list", "secrets": "needs an operator: has it in its list"},
    # What a GPU adds to the resources is found with them.
    not_imported=_not_found(_service_full) | {"replicas", "resources", "objects", "urls", "restart"},
    write_only=frozenset({"env_wo"}),
    import_takes_over=True,
    goes_in_parts=True,
)


def _stateful(names: Names) -> Attributes:
    return {"namespace": names("work"), "image": "registry.example.org/db:1", "kind": "statefulset"}


def _claim_template(names: Names, size: str = "1Gi") -> Attributes:
    return {"mount": "/data", "size": size, "storage_class": names("grows"), "per_replica": True}


def _stateful_full(names: Names) -> Attributes:
    return _stateful(names) | {
        "selector": {"run": "db"},
        "expose": {
            "web": {"host": "db.example.org", "port": "http", "auth": "none", "auth_reason": "a test",
                    "ingress": {"tls": {"secret": "db-tls"}, "body_limit": "5m", "annotations": {"note": "x"},
                                "redirects": [{"from": "^/old$", "to": "/new"}]}},
        },
        "ports": {"http": "8080", "db": "5432"},
        "image_owner": "external",
        "resources": {"requests": {"cpu": "10m"}},
        "resources_owner": "external",
        "replicas": 2,
        "replicas_owner": "external",
        "rollout": {"pod_management_policy": "Parallel", "partition": 0},
        "claims": {"data": _claim_template(names)},
        "delete_data": True,
        "pod": {"termination_grace_period": "1s"},
    }


def _stateful_objects(a: Attributes) -> list[Ref]:
    redirects = [
        ("Ingress", a["namespace"], f"{a['namespace']}-{entry}-redirect-{number}")
        for entry, of in a.get("expose", {}).items() for number in range(len(of.get("ingress", {}).get("redirects", ())))
    ]
    return service_objects(a) + redirects


STATEFUL_SERVICE = dataclasses.replace(
    SERVICE,
    variant="as a StatefulSet",
    minimal=_stateful,
    full=_stateful_full,
    troubled=None,
    objects=_stateful_objects,
    import_id=lambda a: f"{a['namespace']}/{a['namespace']}",
    identity=lambda a: {"namespace": a["namespace"], "name": a["namespace"]},
    updates=lambda names: {
        "image": [Update("registry.example.org/db:2")],  # only the state knows it: it is another's
        "image_owner": [Update("terraform")],
        "replicas_owner": [Update("terraform")],
        "replicas": [Update(1), Update(3)],
        "claims": [
            # The set is made anew around its pods for both.
            Update({"data": _claim_template(names, "2Gi")}),
            Update({"data": _claim_template(names, "2Gi"),
                    "log": {"mount": "/log", "size": "1Gi", "per_replica": True}}),
        ],
        "rollout": [Update({"pod_management_policy": "OrderedReady"}), Update({})],
        "expose": [
            Update({"web": {"host": "db.example.net", "port": "http", "auth": "none", "auth_reason": "a test"},
                    "two": {"port": "db", "auth": "none", "auth_reason": "a test",
                            "ingress": {"hosts": ["one.example.org", "two.example.org"], "rate_limit": {"average": 10}}}}),
            Update({"two": {"ingress": {"hosts": ["one.example.org"]}, "port": "db", "auth": "none", "auth_reason": "a test"}}),
        ],
        "kind": [Update("deployment", "replace", also={"claims": None})],
    },
    change_outside=lambda cluster, a: cluster.api.patch(
        "Ingress", a["namespace"], a["namespace"], {"metadata": {"annotations": {"note": "somebody's"}}}
    ),
    remove_outside=lambda cluster, a: cluster.api.patch(
        "Ingress", a["namespace"], a["namespace"], {"metadata": {"annotations": {"note": None}}}
    ),
    unset={"selector": "replace"},
    unset_with={},
    not_imported=(_not_found(_stateful_full) | {"objects", "urls", "restart"}) - {"kind"},
)


def _operated_prepare(cluster: Cluster, names: Names) -> None:
    make_crd(cluster, "external-secrets.io", "v1", "ExternalSecret", "externalsecrets")
    make_crd(cluster, "monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors")
    make_namespace(cluster, names("work"))
    # The operator is quick.
    for key in ("db", "more"):
        make_secret(cluster, names("work"), f"{names('app')}-{key}", password="from-the-store")


def _operated_full(names: Names) -> Attributes:
    return _service(names) | {
        "metrics": {"port": "9090", "style": "service_monitor", "interval": "30s"},
        "ports": {"http": "8080"},
        "env_secret": {"PASSWORD": "db/password"},
        "secrets": {"db": {"store": "vault", "values": {"password": "static-creds/db#password"}, "refresh": "15m",
                           "on_change": "restart"}},
        "pod": {"termination_grace_period": "1s"},
    }


OPERATED_SERVICE = dataclasses.replace(
    SERVICE,
    variant="with operators",
    full=_operated_full,
    troubled=None,
    prepare=_operated_prepare,
    updates=lambda names: {
        "secrets": [
            Update({"db": {"store": "vault", "extract": "db", "render": {"password": "{{ .password }}"}},
                    "more": {"store": "vault", "store_kind": "SecretStore", "extract": "more",
                             "deletion_policy": "Delete"}}),
            Update({"db": {"store": "vault", "extract": "db", "on_change": "restart"}}),
        ],
        "metrics": [Update({"port": "http", "style": "service_monitor"}), Update({"port": "http"})],
    },
    change_outside=lambda cluster, a: cluster.api.patch(
        "ExternalSecret", a["namespace"], f"{a['name']}-db", {"spec": {"target": {"name": "somebodys"}}}
    ),
    remove_outside=lambda cluster, a: cluster.api.patch(
        "ServiceMonitor", a["namespace"], a["name"], {"metadata": {"labels": {"app.kubernetes.io/name": None}}}
    ),
    unset_with={"env_secret": ("secrets",)},
    not_imported=_not_found(_operated_full) | {"objects", "urls", "restart"},
    # The kinds are the whole cluster's; a test that installs the projects' own has to be alone with them.
    exclusive="operators",
)

ENTRIES = [TIER, TIER_NAMESPACE, MANIFEST, MANIFEST_OBJECT, SECRET, SERVICE, STATEFUL_SERVICE, OPERATED_SERVICE]
