"""Field study A6: the tiers as they are used, and a policy engine that owns limits and quotas."""

import json

import pytest

from entries import make_namespace
from harness import hcl, proxy
from harness.hcl import Expression

pytestmark = pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it")

ADDRESS = "charon_tier_namespace.x"

# Field study 2.3: priority, preemption, default memory limit, default requests, ceiling, quota.
TIERS = {
    "0-core": (1_000_000, True, "256Mi", ("100m", "256Mi"), "8Gi", ("8", "8Gi", "64Gi", "100")),
    "1-cluster": (800_000, True, "256Mi", ("100m", "256Mi"), "8Gi", ("4", "4Gi", "32Gi", "30")),
    "2-gpu": (600_000, True, "1Gi", ("200m", "1Gi"), "16Gi", ("8", "12Gi", "32Gi", "40")),
    "3-edge": (400_000, True, "256Mi", ("50m", "128Mi"), "8Gi", ("4", "4Gi", "32Gi", "30")),
    "4-aux": (200_000, False, "256Mi", ("50m", "64Mi"), "4Gi", ("2", "3Gi", "16Gi", "20")),
}


def limits_of(cluster, namespace):
    (item,) = cluster.get("LimitRange", namespace, "tier-defaults")["spec"]["limits"]
    return item


def quota_of(cluster, namespace):
    return cluster.get("ResourceQuota", namespace, "tier-quota")["spec"]["hard"]


def expected_limits(tier):
    _, _, limit, (cpu, memory), ceiling, _ = TIERS[tier]
    return {"type": "Container", "default": {"memory": limit},
            "defaultRequest": {"cpu": cpu, "memory": memory}, "max": {"memory": ceiling}}


def expected_quota(tier):
    cpu, memory, limit, pods = TIERS[tier][5]
    return {"requests.cpu": cpu, "requests.memory": memory, "limits.memory": limit, "pods": pods}


def policy_engine(cluster, namespace, manager="kyverno"):
    """What a generate policy makes in a namespace with a tier label."""
    metadata = {"namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "kyverno"}}
    cluster.api.apply({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": metadata | {"name": "tier-defaults"},
        "spec": {"limits": [{"type": "Container", "default": {"memory": "200Mi"}}]},
    }, manager)
    cluster.api.apply({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata | {"name": "tier-quota"},
        "spec": {"hard": {"pods": "11"}},
    }, manager)


def test_internal_governance_reproduces_the_numbers(stack, cluster, names, exclusive):
    """Five tiers by their short and full names, one namespace without, one with both of its own, one of a
    tier that is not built in."""
    spaces = {tier: names(tier.partition("-")[2]) for tier in TIERS}
    parts = [hcl.resource("charon_tier", tier.partition("-")[2], {"name": tier}) for tier in TIERS]
    parts += [
        hcl.resource("charon_tier_namespace", f"in_{tier.partition('-')[2]}",
                     {"name": name, "tier": tier if tier < "2" else tier.partition("-")[2]})
        for tier, name in spaces.items()
    ]
    parts.append(hcl.resource("charon_tier_namespace", "plain", {"name": names("plain")}))
    parts.append(hcl.resource("charon_tier_namespace", "own", {
        "name": names("own"), "tier": "0-core",
        "limit_range": {"max": {"memory": "40Gi"}},
        "resource_quota": {"requests.cpu": "8", "requests.memory": "24Gi", "limits.memory": "40Gi", "pods": "40"},
    }))
    # What the study's policy engine gives to namespaces without a tier.
    fallback = {"default": {"memory": "192Mi"}, "defaultRequest": {"cpu": "50m", "memory": "128Mi"}, "max": {"memory": "4Gi"}}
    parts.append(hcl.resource("charon_tier_namespace", "fallback", {"name": names("fallback"), "limit_range": fallback}))
    gpu = names("gpu-workload")
    parts.append(hcl.resource("charon_tier", "batch", {
        "name": gpu, "priority": 1_200_000, "limit_range": {"default": {"memory": "2Gi"}},
        "resource_quota": {"requests.nvidia.com/gpu": "1"},
    }))
    parts.append(hcl.resource("charon_tier_namespace", "batch", {
        "name": names("batch"), "tier": Expression("charon_tier.batch.name"),
    }))
    stack.write("\n".join(parts))
    with exclusive("built-in-tiers"):
        stack.apply()
        for tier, (priority, preempts, *_) in TIERS.items():
            made = cluster.get("PriorityClass", None, f"tier-{tier}")
            assert made["value"] == priority and not made.get("globalDefault")
            assert made["preemptionPolicy"] == ("PreemptLowerPriority" if preempts else "Never")
            assert limits_of(cluster, spaces[tier]) == expected_limits(tier)
            assert quota_of(cluster, spaces[tier]) == expected_quota(tier)
            assert cluster.get("Namespace", None, spaces[tier])["metadata"]["labels"]["tier"] == tier
            effective = stack.state()[f"charon_tier_namespace.in_{tier.partition('-')[2]}"]["effective"]
            assert effective["priority_class"] == f"tier-{tier}"
            assert effective["resource_quota"] == expected_quota(tier)
            assert effective["limit_range"] == {
                k: v for k, v in expected_limits(tier).items() if k != "type"
            }
            # A quota of CPU limits blocks every pod that has none.
            assert not any("limits.cpu" in key for key in quota_of(cluster, spaces[tier]))
        assert cluster.api.contents(names("plain")) == []
        assert limits_of(cluster, names("fallback")) == {"type": "Container"} | fallback
        assert not cluster.has("ResourceQuota", names("fallback"), "tier-quota")
        assert "tier" not in cluster.get("Namespace", None, names("fallback"))["metadata"]["labels"]
        assert quota_of(cluster, names("own"))["requests.memory"] == "24Gi"
        assert limits_of(cluster, names("own"))["max"] == {"memory": "40Gi"}
        assert cluster.get("PriorityClass", None, f"tier-{gpu}")["value"] == 1_200_000
        assert quota_of(cluster, names("batch")) == {"requests.nvidia.com/gpu": "1"}
        stack.destroy()
    assert not cluster.has("PriorityClass", None, "tier-3-edge")


def test_two_stacks_share_a_tier_without_a_fight(new_stack, cluster, names):
    tier, one, two = names("shared"), names("one"), names("two")
    first, second = new_stack("first"), new_stack("second")
    owner = 'provider "charon" {{\n  conventions = {{\n    owner = "{}"\n  }}\n}}\n'
    first.write(owner.format("first") + hcl.resource("charon_tier", "x", {
        "name": tier, "priority": 5, "limit_range": {"max": {"memory": "1Gi"}}, "resource_quota": {"pods": "4"},
    }) + hcl.resource("charon_tier_namespace", "x", {"name": one, "tier": Expression("charon_tier.x.name")}))
    first.apply()
    # The second uses the tier by its name, as it finds it in the cluster.
    second.write(owner.format("second") + hcl.resource("charon_tier_namespace", "x", {"name": two, "tier": tier}))
    plan = second.apply()
    assert plan.actions == {ADDRESS: "create"} and plan.warnings == []
    assert quota_of(cluster, two) == {"pods": "4"}
    # But declaring it as well, or the first's namespace, is an error.
    second.write_file("more.tf", hcl.resource("charon_tier", "x", {"name": tier, "priority": 5})
                      + hcl.resource("charon_tier_namespace", "taken", {"name": one}))
    result = second.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
    assert {e.address for e in result.errors} == {"charon_tier.x", "charon_tier_namespace.taken"}, result
    assert result.says("first/charon_tier") and result.says("first/charon_tier_namespace")
    assert quota_of(cluster, two) == {"pods": "4"}
    (second.config / "more.tf").unlink()
    second.destroy()
    first.expect_empty()
    first.destroy()


def test_external_governance_makes_only_the_namespace_and_reads_the_rest(stack, cluster, names):
    name = names("external")
    attributes = {"name": name, "tier": "edge", "governance": "external", "governance_wait": "1s"}
    stack.write(hcl.resource("charon_tier_namespace", "x", attributes))
    # Nobody makes limits and quota: a warning, not a failure.
    plan = stack.apply()
    assert [w.address for w in plan.applied.warnings] == [ADDRESS]
    assert plan.applied.says("1s", "tier-quota")
    assert cluster.get("Namespace", None, name)["metadata"]["labels"]["tier"] == "3-edge"
    assert cluster.api.contents(name) == []
    # The policy engine comes later; what it made is read with the next change, not rewritten at a refresh.
    policy_engine(cluster, name)
    stack.expect_empty()
    stack.write(hcl.resource("charon_tier_namespace", "x", attributes | {"labels": {"a": "b"}}))
    stack.apply()
    stack.destroy()


def test_external_governance_shows_what_the_policy_engine_made(stack, cluster, names):
    name = names("external")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    policy_engine(cluster, name)
    stack.write(hcl.resource("charon_tier_namespace", "x", {
        "name": name, "tier": "edge", "governance": "external", "on_conflict": "adopt",
    }))
    plan = stack.apply()
    assert plan.applied.warnings == []
    effective = stack.state()[ADDRESS]["effective"]
    assert effective["governance"] == "external"
    # The server fills in requests from the defaults.
    assert effective["limit_range"] == {"default": {"memory": "200Mi"}, "defaultRequest": {"memory": "200Mi"}}
    assert effective["resource_quota"] == {"pods": "11"}
    managers = {e["manager"] for e in cluster.get("ResourceQuota", name, "tier-quota")["metadata"]["managedFields"]}
    assert "charon" not in managers
    stack.destroy()


def test_a_policy_engines_objects_are_not_taken_over(stack, cluster, names):
    """Governance is internal, and somebody else has made the objects: an error with the ways out."""
    name = names("mixed")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    policy_engine(cluster, name)
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": name, "tier": "edge"}))
    result = stack.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
    assert result.says("adopt") and all(e.address == ADDRESS for e in result.errors)
    assert quota_of(cluster, name) == {"pods": "11"}


def test_switching_to_external_gives_up_without_deleting(stack, cluster, names):
    name = names("switch")
    attributes = {"name": name, "tier": "edge"}
    stack.write(hcl.resource("charon_tier_namespace", "x", attributes))
    stack.apply()
    uids = [cluster.get(*ref)["metadata"]["uid"] for ref in
            (("LimitRange", name, "tier-defaults"), ("ResourceQuota", name, "tier-quota"))]
    stack.write(hcl.resource("charon_tier_namespace", "x", attributes | {"governance": "external"}))
    plan = stack.apply()
    assert plan.actions == {ADDRESS: "update"} and plan.applied.warnings == []
    assert limits_of(cluster, name) == expected_limits("3-edge")
    assert quota_of(cluster, name) == expected_quota("3-edge")
    for kind, object_name, uid in (("LimitRange", "tier-defaults", uids[0]), ("ResourceQuota", "tier-quota", uids[1])):
        live = cluster.get(kind, name, object_name)
        assert live["metadata"]["uid"] == uid
        managers = {entry["manager"] for entry in live["metadata"].get("managedFields", ())}
        assert not {"charon", "charon-initial"} & managers
        assert "charon.internal/owner" not in live["metadata"].get("annotations", {})
    # The policy engine may now do with them what it wants.
    cluster.api.patch("ResourceQuota", name, "tier-quota", {"spec": {"hard": {"pods": "2"}}})
    stack.expect_empty()
    assert stack.state()[ADDRESS]["effective"]["governance"] == "external"
    stack.destroy()


def test_foreign_labels_survive_updates(stack, cluster, names):
    name = names("labels")
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": name, "labels": {"ours": "1"}}))
    stack.apply()
    foreign = {"goldilocks.fairwinds.com/vpa-update-mode": "off", "pod-security.kubernetes.io/enforce": "baseline"}
    cluster.api.patch("Namespace", None, name, {"metadata": {"labels": foreign, "annotations": {"theirs": "x"}}})
    stack.expect_empty()
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": name, "labels": {"ours": "2"}, "tier": "aux"}))
    stack.apply()
    labels = cluster.get("Namespace", None, name)["metadata"]["labels"]
    assert foreign.items() <= labels.items() and labels["ours"] == "2" and labels["tier"] == "4-aux"
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": name}))
    stack.apply()
    live = cluster.get("Namespace", None, name)["metadata"]
    assert foreign.items() <= live["labels"].items() and not {"ours", "tier"} & live["labels"].keys()
    assert live["annotations"]["theirs"] == "x"
    stack.destroy()


OPT_OUTS = {"resource-governance/custom-quota": "true", "resource-governance/custom-limitrange": "true"}


def test_opting_out_of_a_policy_engine(stack, cluster, names):
    """The policy engine leaves a namespace with these labels alone, and its limits are written by hand: by us, under
    internal governance and with the tier's label kept."""
    name = names("immich")
    quota = {"requests.cpu": "8", "requests.memory": "24Gi", "limits.memory": "40Gi", "pods": "40"}
    stack.write(hcl.resource("charon_tier_namespace", "x", {
        "name": name, "tier": "gpu", "labels": OPT_OUTS, "resource_quota": quota, "limit_range": {"max": {"memory": "40Gi"}},
    }))
    stack.apply()
    labels = cluster.get("Namespace", None, name)["metadata"]["labels"]
    assert labels.items() >= (OPT_OUTS | {"tier": "2-gpu"}).items()
    assert quota_of(cluster, name) == quota and limits_of(cluster, name)["max"] == {"memory": "40Gi"}
    assert stack.state()[ADDRESS]["effective"]["resource_quota"] == quota
    # Half of it: only the quota is by hand, the limits are the tier's.
    stack.write(hcl.resource("charon_tier_namespace", "x", {
        "name": name, "tier": "gpu", "labels": {"resource-governance/custom-quota": "true"}, "resource_quota": quota,
    }))
    stack.apply()
    assert limits_of(cluster, name) == expected_limits("2-gpu") and quota_of(cluster, name) == quota
    assert "resource-governance/custom-limitrange" not in cluster.get("Namespace", None, name)["metadata"]["labels"]
    stack.destroy()


def test_a_namespace_under_external_governance_has_many_writers(stack, cluster, names):
    """A policy engine that labels, changes and regenerates what it owns: none of it is drift, our updates touch nothing
    of it, and what it owns outlives a change of tier."""
    name = names("external")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    policy_engine(cluster, name)
    attributes = {"name": name, "tier": "edge", "governance": "external", "on_conflict": "adopt"}
    stack.write(hcl.resource("charon_tier_namespace", "x", attributes))
    stack.apply()
    theirs = {"goldilocks.fairwinds.com/vpa-update-mode": "auto", "pod-security.kubernetes.io/warn": "restricted"}
    cluster.api.patch("Namespace", None, name, {"metadata": {"labels": theirs}}, manager="goldilocks")
    cluster.api.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tier-quota", "namespace": name},
                       "spec": {"hard": {"pods": "12"}}}, "kyverno", force=True)
    cluster.api.delete("LimitRange", name, "tier-defaults")
    stack.expect_empty()
    policy_engine(cluster, name)
    uids = {kind: cluster.get(kind, name, called)["metadata"]["uid"]
            for kind, called in (("LimitRange", "tier-defaults"), ("ResourceQuota", "tier-quota"))}
    before = cluster.mark()
    stack.write(hcl.resource("charon_tier_namespace", "x", attributes | {"tier": "aux", "labels": {"ours": "1"}}))
    stack.apply()
    assert {r.path for r in cluster.writes(before)} == {f"/api/v1/namespaces/{name}"}, "only the namespace is written"
    labels = cluster.get("Namespace", None, name)["metadata"]["labels"]
    assert labels.items() >= (theirs | {"ours": "1", "tier": "4-aux"}).items()
    for kind, called in (("LimitRange", "tier-defaults"), ("ResourceQuota", "tier-quota")):
        assert cluster.get(kind, name, called)["metadata"]["uid"] == uids[kind]
    stack.write(hcl.resource("charon_tier_namespace", "x", attributes))
    stack.apply()
    labels = cluster.get("Namespace", None, name)["metadata"]["labels"]
    assert theirs.items() <= labels.items() and "ours" not in labels
    stack.destroy()


def test_own_tiers_by_conventions(stack, cluster, names):
    name = names("own")
    stack.write("""
provider "charon" {
  conventions = {
    owner          = "platform"
    managed_by     = "someone"
    default_labels = { "example.org/team" = "infra" }
    tiers = {
      "7-lab" = {
        priority       = 7
        resource_quota = { pods = "1" }
      }
      "3-edge" = {
        resource_quota = { pods = "2" }
      }
    }
  }
}
""" + hcl.resource("charon_tier_namespace", "lab", {"name": name, "tier": "lab"})
        + hcl.resource("charon_tier_namespace", "edge", {"name": names("edge"), "tier": "3-edge"}))
    stack.apply()
    assert quota_of(cluster, name) == {"pods": "1"} and quota_of(cluster, names("edge")) == {"pods": "2"}
    labels = cluster.get("Namespace", None, name)["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "someone" and labels["example.org/team"] == "infra"
    owner = cluster.get("Namespace", None, name)["metadata"]["annotations"]["charon.internal/owner"]
    assert owner == f"platform/charon_tier_namespace/{name}"
    stack.destroy()


@pytest.mark.each_cli("OpenTofu plans at apply, too, what the server is asked about")
def test_another_priority_with_create_before_destroy(stack, cluster, names):
    """One name for both halves: the new PriorityClass takes the place of the former one of ours."""
    name = names("1-t")

    def write(priority, preemption):
        stack.write(hcl.resource("charon_tier", "t", {
            "name": name, "priority": priority, "preemption_policy": preemption, "resource_quota": {"pods": "3"},
        }, "lifecycle {\n  create_before_destroy = true\n}")
            + hcl.resource("charon_tier_namespace", "n", {"name": names("n"), "tier": Expression("charon_tier.t.name")}))

    write(3, "PreemptLowerPriority")
    stack.apply()
    for priority, preemption in ((4, "PreemptLowerPriority"), (4, "Never")):
        write(priority, preemption)
        plan = stack.apply()
        assert plan.actions["charon_tier.t"] == "replace"
        assert plan.applied.says("Not deleted: another resource has it now")
        found = cluster.get("PriorityClass", None, f"tier-{name}")
        assert (found["value"], found["preemptionPolicy"]) == (priority, preemption)
    stack.destroy()
    assert not cluster.has("PriorityClass", None, f"tier-{name}")


def test_an_imported_tier_is_quiet_until_something_changes(stack, cluster, names):
    name = names("6-imp")
    cluster.api.create({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 6,
                        "metadata": {"name": f"tier-{name}", "labels": {"theirs": "1"}}})
    block = f'import {{\n  to = charon_tier.x\n  id = "{name}"\n}}\n'
    tier = {"name": name, "priority": 6}
    stack.write(block + hcl.resource("charon_tier", "x", tier))
    plan = stack.apply()
    assert [w.text for w in plan.warnings] == [] and stack.plan().warnings == []
    stack.write(hcl.resource("charon_tier", "x", tier | {"description": "ours"}))
    stack.apply()
    found = cluster.get("PriorityClass", None, f"tier-{name}")
    assert found["metadata"]["labels"]["theirs"] == "1" and found["metadata"]["labels"]["tier"] == name
    # From now on what is removed is told.
    cluster.api.patch("PriorityClass", None, f"tier-{name}", {"metadata": {"labels": {"tier": None}}})
    assert stack.plan().says("Changed outside of Terraform", "metadata.labels.tier was removed")
    stack.destroy()


def test_a_description_that_the_configuration_does_not_name_is_somebody_elses(stack, cluster, names):
    tier = {"name": names("t"), "priority": 5}

    def describe(text):
        cluster.api.patch("PriorityClass", None, f"tier-{tier['name']}", {"description": text})

    stack.write(hcl.resource("charon_tier", "x", tier))
    stack.apply()
    describe("theirs")
    stack.expect_empty()
    stack.write(hcl.resource("charon_tier", "x", tier | {"description": "ours", "force_conflicts": True}))
    assert stack.apply().actions == {"charon_tier.x": "update"}
    describe("theirs again")
    assert stack.plan().actions == {"charon_tier.x": "update"}
    stack.write(hcl.resource("charon_tier", "x", tier))
    stack.apply()
    stack.expect_empty()
    assert cluster.get("PriorityClass", None, f"tier-{tier['name']}")["description"] == "theirs again"
    stack.destroy()


def test_an_imported_tier_with_empty_tables_is_quiet(stack, cluster, names):
    """The annotation says them, the state of an import does not: they mean the same."""
    name = names("6-empty")
    tier = hcl.resource("charon_tier", "x", {"name": name, "priority": 6, "limit_range": {"default": {}}, "resource_quota": {}})
    stack.write(tier)
    stack.apply()
    stack.run("state", "rm", "charon_tier.x")
    stack.write(f'import {{\n  to = charon_tier.x\n  id = "{name}"\n}}\n' + tier)
    assert stack.apply().warnings == [] and stack.plan().warnings == []
    # What means something else is told.
    cluster.api.patch("PriorityClass", None, f"tier-{name}", {"metadata": {"annotations": {"charon.internal/profile": '{"limit_range":{"max":{"cpu":"1"}}}'}}})
    assert stack.plan().says("Changed outside of Terraform", "charon.internal/profile was changed")
    stack.destroy()


def test_a_tier_that_does_not_exist(stack, cluster, names):
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": names("n"), "tier": "egde"}))
    plan = stack.plan(fails=True)
    assert plan.error.address == ADDRESS and "tier" in plan.error.code
    assert plan.says("egde", "3-edge")
    assert not cluster.has("Namespace", None, names("n"))


def test_a_tier_that_went_holds_up_nobody(stack, new_stack, cluster, names):
    """Who only plans, or destroys, is told; who changes the namespace needs the tier."""
    platform = new_stack("platform")
    platform.write(hcl.resource("charon_tier", "t", {"name": names("own"), "priority": 5, "resource_quota": {"pods": "3"}}))
    platform.apply()
    namespace = {"name": names("n"), "tier": names("own")}
    stack.write(hcl.resource("charon_tier_namespace", "x", namespace))
    stack.apply()
    platform.destroy()
    plan = stack.plan()
    (warning,) = [w for w in plan.warnings if "is gone" in w.summary]
    assert plan.actions == {} and names("own") in warning.text and "charon_tier" in warning.text and "tier" in warning.code
    stack.write(hcl.resource("charon_tier_namespace", "x", namespace | {"labels": {"a": "b"}}))
    assert stack.plan(fails=True).says(names("own"), "conventions.tiers")
    assert cluster.get("ResourceQuota", names("n"), "tier-quota")["spec"]["hard"] == {"pods": "3"}
    stack.write(hcl.resource("charon_tier_namespace", "x", namespace))
    stack.destroy()
    assert not cluster.has("Namespace", None, names("n"))


# --- The namespace's end ------------------------------------------------------------------------


def config_map(namespace, finalizers=()):
    return {"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "precious", "namespace": namespace, "finalizers": list(finalizers)},
            "data": {"a": "b"}}


def test_a_namespace_with_foreign_contents_is_not_deleted(stack, cluster, names):
    name = names("full")
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": name, "tier": "edge", "default_deny": True}))
    stack.apply()
    cluster.api.create(config_map(name))
    result = stack.destroy(fails=True)
    assert result.says("ConfigMap/precious", "delete_contents")
    assert cluster.get("Namespace", None, name)["status"]["phase"] == "Active"
    assert ADDRESS in stack.state()
    stack.write(hcl.resource("charon_tier_namespace", "x", {
        "name": name, "tier": "edge", "default_deny": True, "delete_contents": True,
    }))
    stack.apply(checked=False)
    stack.destroy()
    assert not cluster.has("Namespace", None, name)


def test_what_kubernetes_makes_itself_is_no_obstacle(stack, cluster, names):
    """Service accounts, the root CA, events, endpoints, and what an owner takes along."""
    name = names("busy")
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": name}))
    stack.apply()
    cluster.api.eventually(lambda: cluster.has("ServiceAccount", name, "default"), "the default service account")
    cluster.api.eventually(lambda: cluster.has("ConfigMap", name, "kube-root-ca.crt"), "the root CA")
    owner = cluster.get("Namespace", None, "default")["metadata"]["uid"]
    owned = config_map(name)
    owned["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "Namespace", "name": "default", "uid": owner}
    ]
    cluster.api.create(owned)
    stack.destroy()
    assert not cluster.has("Namespace", None, name)


def test_a_stuck_deletion_names_what_holds_it(stack, cluster, names):
    name = names("stuck")
    stack.write(hcl.resource("charon_tier_namespace", "x", {
        "name": name, "delete_contents": True, "timeouts": {"delete": "15s"},
    }))
    stack.apply()
    cluster.api.create(config_map(name, ["example.org/keep"]))
    result = stack.destroy(fails=True)
    assert result.says(name, "ConfigMap precious", "example.org/keep"), result
    cluster.api.patch("ConfigMap", name, "precious", {"metadata": {"finalizers": None}})
    cluster.api.eventually(lambda: not cluster.has("Namespace", None, name), "the namespace to go")
    stack.destroy()


def test_adoption_of_a_namespace(stack, cluster, names):
    """One that kubectl made: an error that names the way out, and then that way."""
    name = names("adopted")
    cluster.api.create({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {"before": "1", "team": "old"},
                     "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"x": 1})}},
    }, manager="kubectl-client-side-apply")
    attributes = {"name": name, "labels": {"team": "new"}}
    stack.write(hcl.resource("charon_tier_namespace", "x", attributes))
    result = stack.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
    # Ways out that there are: this resource's import id is the name, and it cannot be replaced.
    assert result.says("adopt", "kubectl-client-side-apply", f"id {name})"), result
    assert not result.says("replace") and result.error.address == ADDRESS
    stack.write(hcl.resource("charon_tier_namespace", "x", attributes | {"on_conflict": "adopt"}))
    stack.apply()
    assert cluster.get("Namespace", None, name)["metadata"]["labels"]["team"] == "new"
    # A line that goes from HCL goes from the object, also after adoption.
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": name, "on_conflict": "adopt"}))
    stack.apply()
    assert "team" not in cluster.get("Namespace", None, name)["metadata"]["labels"]
    stack.destroy()
    assert not cluster.has("Namespace", None, name)


# --- Role bindings, also in other namespaces --------------------------------------------------------


def binding(role="view", **more):
    return {"cluster_role": role, "subjects": [{"name": "x"}]} | more


def bindings_in(cluster, *namespaces):
    """Whose binding it is, by namespace and name: ours have the mark."""
    return {(namespace, name) for namespace in namespaces for name in ("a", "b") if cluster.has("RoleBinding", namespace, name)}


@pytest.mark.parametrize("end", ["destroyed", "made again", "made by another"])
def test_bindings_elsewhere_outlive_the_namespace_only_in_the_state(stack, cluster, names, end):
    space, other = names("space"), names("other")
    make_namespace(cluster, other)
    attributes = {"name": space, "tier": "edge", "default_deny": True,
                  "role_bindings": {"a": binding(namespace=other), "b": binding()}}
    stack.write(hcl.resource("charon_tier_namespace", "x", attributes))
    stack.apply()
    cluster.api.delete("Namespace", None, space)
    if end == "made by another":
        cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
    plan = stack.plan("-refresh-only")
    assert "Deleted outside" in plan.warnings[0].text, plan
    if end == "made again":
        plan = stack.apply()
        assert plan.actions == {ADDRESS: "update"}
        assert limits_of(cluster, space) == expected_limits("3-edge")
        assert cluster.has("NetworkPolicy", space, "default-deny")
        assert bindings_in(cluster, space, other) == {(other, "a"), (space, "b")}
        stack.destroy()
    elif end == "destroyed":
        stack.run("apply", "-refresh-only", "-auto-approve", "-input=false")
        stack.write("")
        stack.apply()
    else:
        assert stack.apply(fails=True).says("exists already")
        assert bindings_in(cluster, space, other) == {(other, "a")}
        stack.destroy()
    assert bindings_in(cluster, space, other) == set() and stack.state().resources == {}
    assert cluster.has("Namespace", None, space) == (end == "made by another")


def test_a_bare_namespace_that_is_gone_is_made_again(stack, cluster, names):
    """Nothing but a binding elsewhere is declared: the plan has a difference all the same."""
    space, other = names("space"), names("other")
    make_namespace(cluster, other)
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": space, "role_bindings": {"a": binding(namespace=other)}}))
    stack.apply()
    cluster.api.delete("Namespace", None, space)
    stack.apply()
    assert cluster.has("Namespace", None, space)
    # Nothing of it is left: then it is simply gone.
    cluster.api.delete("Namespace", None, space)
    cluster.api.delete("RoleBinding", other, "a")
    assert stack.apply().actions == {ADDRESS: "create"}
    stack.destroy()
    assert bindings_in(cluster, other) == set()


@pytest.mark.parametrize("action", [proxy.Answer(403, "Forbidden"), proxy.Drop(acted=True), proxy.Drop()], ids=["refused", "answer lost", "lost"])
@pytest.mark.thorough("each fault, and each way on")
@pytest.mark.parametrize("then", ["forgotten", "again", "destroyed"])
def test_a_failed_update_forgets_no_binding(new_stack, cluster, names, action, then):
    """Neither one that moved to another namespace, nor one of which nobody could say whether it was made."""
    front = cluster.proxy()
    stack = new_stack("stack", kubeconfig=front.kubeconfig, trace=False)
    space, other = names("space"), names("other")
    make_namespace(cluster, other)

    def write(**more):
        stack.write(hcl.resource("charon_tier_namespace", "x", {"name": space} | more))

    write(role_bindings={"a": binding(namespace=other)})
    stack.apply()
    # "a" moves home, "b" is new and fails; then the policy.
    for failing, more in (("rolebindings/b", {}), ("networkpolicies/default-deny", {"default_deny": True})):
        write(role_bindings={"a": binding(), "b": binding(namespace=other)}, **more)
        plan = stack.plan()
        front.on(proxy.matching("PATCH" if isinstance(action, proxy.Answer) else ".*", f".*/{failing}"), action, None)
        stack.run("apply", "-json", "-input=false", str(plan.file), codes=(1,))
        front.heal()
        if then == "again":
            stack.apply()
            assert bindings_in(cluster, space, other) == {(space, "a"), (other, "b")}
            assert cluster.has("NetworkPolicy", space, "default-deny") == bool(more)
        elif then == "forgotten":
            write()
            stack.apply()
            assert cluster.api.contents(space) == [] and bindings_in(cluster, space, other) == set()
    stack.destroy()
    assert bindings_in(cluster, space, other) == set()


def test_what_governs_a_namespace_and_was_made_anew_is_told_in_the_plan(stack, cluster, names):
    """With the remedy that the apply takes: on_conflict, since none of its fields are ours."""
    space = names("space")
    attributes = {"name": space, "default_deny": True, "role_bindings": {"a": binding()}}
    stack.write(hcl.resource("charon_tier_namespace", "x", attributes))
    stack.apply()
    theirs = {
        "NetworkPolicy": {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                          "metadata": {"name": "default-deny", "namespace": space}, "spec": {"podSelector": {"matchLabels": {"app": "theirs"}}}},
        "RoleBinding": {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "a", "namespace": space},
                        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}, "subjects": []},
    }
    for kind, object_ in theirs.items():
        name = object_["metadata"]["name"]
        cluster.api.delete(kind, space, name)
        cluster.api.create(object_, manager="kubectl-create")
        text = "".join(w.text for w in stack.plan().warnings)
        assert f"{kind}/{space}/{name} exists already" in text and 'on_conflict = "adopt"' in text, text
        assert "force_conflicts" not in text and "Import it" not in text
        assert stack.apply(fails=True).says("exists already", "on_conflict")
        assert cluster.get(kind, space, name).get("metadata")["managedFields"][0]["manager"] == "kubectl-create"
        stack.write(hcl.resource("charon_tier_namespace", "x", attributes | {"on_conflict": "adopt"}))
        stack.apply()
        stack.write(hcl.resource("charon_tier_namespace", "x", attributes))
        stack.apply()
    assert cluster.get("RoleBinding", space, "a")["subjects"][0]["name"] == "x"
    stack.destroy()
