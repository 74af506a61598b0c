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
    },
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
        "preemption_policy": [Update("PreemptLowerPriority", "replace")],
        "priority": [Update(2000, "replace")],
        "name": [Update(names("other"), "replace")],
    },
    unset={"preemption_policy": "replace"},
    not_imported=frozenset({"on_conflict", "force_conflicts"}),
    change_outside=lambda cluster, a: cluster.api.patch(
        "PriorityClass", None, f"tier-{a['name']}", {"description": "somebody else's"}
    ),
    remove_outside=lambda cluster, a: cluster.api.patch(
        "PriorityClass", None, f"tier-{a['name']}", {"description": None}
    ),
    exclusive="global-default",
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
        "immutable": [Update(True), Update(False, "replace")],
        "type": [Update("Opaque", "replace")],
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
    unset={"type": "replace"},
    unset_with={"data_wo": ("data_wo_version",)},
    not_imported=frozenset({
        "data_wo", "data_wo_version", "generate", "copy", "replicate_to", "on_conflict", "force_conflicts", "timeouts",
    }),
    write_only=frozenset({"data_wo"}),
    history=frozenset({"revision"}),
)

ENTRIES = [TIER, TIER_NAMESPACE, MANIFEST, MANIFEST_OBJECT, SECRET]
