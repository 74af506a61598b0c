"""Labels that the provider block gives to all objects (`conventions.default_labels`, `managed_by`) reach those
that are there already: `labels_all` shows it in the plan, as tags_all does with AWS."""

import json

import pytest

from entries import make_namespace
from harness import hcl, proxy
from harness.hcl import Expression

pytestmark = pytest.mark.one_cli("about the provider and the server; what may differ between the programs says so")

SPACE, TIER, SECRET = ADDRESSES = ("charon_tier_namespace.x", "charon_tier.x", "charon_secret.x")
MANAGED_BY = "app.kubernetes.io/managed-by"
CHARON = {MANAGED_BY: "charon"}


def provider(**conventions):
    return hcl.block('provider "charon"', {"conventions": conventions})


class Platform:
    """A tier, a namespace with all that governs it, and an immutable Secret with a copy."""

    def __init__(self, stack, cluster, names):
        self.stack, self.cluster = stack, cluster
        self.space, self.elsewhere, self.tier = names("space"), names("elsewhere"), names("tier")
        make_namespace(cluster, self.elsewhere)
        self.main = {SPACE: ("Namespace", None, self.space), TIER: ("PriorityClass", None, f"tier-{self.tier}"),
                     SECRET: ("Secret", self.space, "x")}
        self.further = [("LimitRange", self.space, "tier-defaults"), ("ResourceQuota", self.space, "tier-quota"),
                        ("NetworkPolicy", self.space, "default-deny"), ("RoleBinding", self.space, "here"),
                        ("RoleBinding", self.elsewhere, "there"), ("Secret", self.elsewhere, "x")]

    def write(self, labels=None, more="", **conventions):
        own = {"labels": {"own": "1"} | (labels or {})}
        binding = {"cluster_role": "view", "subjects": [{"name": "x"}]}
        self.stack.write(
            provider(**conventions) + more + 'ephemeral "charon_generated_secret" "x" {\n  length = 20\n}\n'
            + hcl.resource("charon_tier", "x", {"name": self.tier, "priority": 5})
            + hcl.resource("charon_tier_namespace", "x", own | {
                "name": self.space, "tier": "4-aux", "default_deny": True, "pod_security": {"warn": "restricted"},
                "role_bindings": {"here": binding, "there": binding | {"namespace": self.elsewhere}}})
            + hcl.resource("charon_secret", "x", own | {
                "name": "x", "namespace": Expression("charon_tier_namespace.x.name"), "immutable": True, "generate": {"p": {}},
                "replicate_to": [self.elsewhere], "data_wo_version": "1",
                "data_wo": {"given": Expression("ephemeral.charon_generated_secret.x.value")}}))

    def labels(self, ref):
        labels = self.cluster.get(*ref)["metadata"].get("labels", {})
        return {k: v for k, v in labels.items() if k != "kubernetes.io/metadata.name"}

    def expected(self, given, **own):
        own = {"own": "1"} | own
        return {SPACE: given | own | {"tier": "4-aux", "pod-security.kubernetes.io/warn": "restricted"},
                TIER: given | {"tier": self.tier}, SECRET: given | own}

    def expect(self, given, **own):
        """On the server and in the state."""
        state = self.stack.state()
        for address, labels in self.expected(given, **own).items():
            assert self.labels(self.main[address]) == labels, address
            assert state[address]["labels_all"] == labels, address
        for ref in self.further:
            assert self.labels(ref) == given | ({"own": "1"} | own if ref[0] == "Secret" else {}), ref

    def expect_plan(self, *addresses):
        """Of a change of `labels_all` and of nothing else."""
        plan = self.stack.plan()
        assert plan.actions == dict.fromkeys(addresses, "update"), plan
        for change in self.stack.show_plan_json(plan)["resource_changes"]:
            if change["address"] not in addresses:
                continue
            before, after = change["change"]["before"], change["change"]["after"]
            assert not any(change["change"]["after_unknown"].values()), change
            assert {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)} == {"labels_all"}, change
        return plan


@pytest.fixture
def platform(stack, cluster, names):
    return Platform(stack, cluster, names)


@pytest.mark.each_cli("each program compares the plan with that of the apply")
def test_labels_of_conventions_reach_what_exists(platform, stack, cluster):
    platform.write()
    stack.apply()
    platform.expect(CHARON)
    uids = {ref: cluster.get(*ref)["metadata"]["uid"] for ref in [*platform.main.values(), *platform.further]}
    data, revision = cluster.get("Secret", platform.space, "x")["data"], stack.state()[SECRET]["revision"]

    blue = {"default_labels": {"team": "blue", "cost": "1"}, "managed_by": "us"}
    platform.write(**blue)
    plan = platform.expect_plan(*ADDRESSES)
    assert plan.warnings == [] and "team" in stack.show(plan)
    stack.apply()
    platform.expect({MANAGED_BY: "us", "team": "blue", "cost": "1"})
    # Another value, and one label less, beside what is others'.
    for ref in [*platform.main.values(), *platform.further]:
        cluster.api.patch(*ref, {"metadata": {"labels": {"theirs": "1"}}})
    platform.write(default_labels={"team": "red"})
    assert platform.expect_plan(*ADDRESSES).warnings == []
    stack.apply()
    for ref in [*platform.main.values(), *platform.further]:
        labels = platform.labels(ref)
        assert labels.items() >= {MANAGED_BY: "charon", "team": "red", "theirs": "1"}.items() and "cost" not in labels, ref
        cluster.api.patch(*ref, {"metadata": {"labels": {"theirs": None}}})
    # One's own label wins.
    platform.write({"team": "own"}, default_labels={"team": "red"})
    stack.apply()
    assert stack.state()[SPACE]["labels_all"]["team"] == "own" and platform.labels(platform.further[1])["team"] == "red"
    platform.write()
    stack.apply()
    platform.expect(CHARON)
    # A label makes nothing anew, and no values.
    assert uids == {ref: cluster.get(*ref)["metadata"]["uid"] for ref in uids}
    assert data == cluster.get("Secret", platform.space, "x")["data"] == cluster.get("Secret", platform.elsewhere, "x")["data"]
    assert stack.state()[SECRET]["revision"] == revision
    stack.destroy()


def test_a_label_that_somebody_changed_is_seen_and_set_back(platform, stack, cluster):
    platform.write(default_labels={"team": "blue"})
    stack.apply()
    given = CHARON | {"team": "blue"}
    platform.expect(given)
    for address in ADDRESSES:
        cluster.api.patch(*platform.main[address], {"metadata": {"labels": {"team": None}}})
    plan = platform.expect_plan(*ADDRESSES)
    assert {w.address for w in plan.warnings} == set(ADDRESSES)
    assert all("Changed outside" in w.text and "metadata.labels.team was removed" in w.text for w in plan.warnings), plan
    stack.apply()
    platform.expect(given)
    # Of what else they make, one at a time.
    for ref in platform.further:
        cluster.api.patch(*ref, {"metadata": {"labels": {"team": None}}})
        plan = platform.expect_plan(SECRET if ref[0] == "Secret" else SPACE)
        (warning,) = plan.warnings
        assert "Changed outside" in warning.text and "metadata.labels.team was removed" in warning.text, plan
        stack.apply()
        platform.expect(given)
    # What somebody else has is his until it is taken.
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": platform.space, "labels": {"team": "red"}}},
                      force=True)
    for _ in range(2):
        plan = platform.expect_plan(SPACE)
        assert plan.says("Changed outside", "metadata.labels.team was changed by somebody")
        assert plan.says("Another manager owns a field"), plan
        assert stack.apply(fails=True).says("team", "belongs to somebody")
    # And none of ours any more once no convention gives it.
    platform.write()
    stack.apply()
    assert platform.labels(platform.main[SPACE])["team"] == "red" and "team" not in platform.labels(platform.main[SECRET])
    assert "team" not in stack.state()[SPACE]["labels_all"]
    stack.destroy()


def test_a_state_from_before_there_was_the_attribute(platform, stack, cluster):
    platform.write(default_labels={"team": "blue"})
    stack.apply()
    state = json.loads((stack.config / "terraform.tfstate").read_text())
    for resource in state["resources"]:
        for instance in resource["instances"]:
            instance["attributes"].pop("labels_all", None)
    former = json.dumps(state)
    stack.write_file("terraform.tfstate", former)
    assert stack.expect_empty("-refresh=false").warnings == [] and stack.expect_empty().warnings == []
    platform.write(default_labels={"team": "red"})
    assert stack.plan().warnings == []
    assert platform.expect_plan(*ADDRESSES)
    stack.apply()
    platform.expect(CHARON | {"team": "red"})
    # Without a refresh nothing is known; with another change it comes along.
    stack.write_file("terraform.tfstate", former)
    platform.write({"more": "1"}, default_labels={"team": "green"})
    assert stack.plan("-refresh=false").actions == dict.fromkeys((SPACE, SECRET), "update")
    stack.apply()
    platform.expect(CHARON | {"team": "green"}, more="1")
    stack.destroy()


@pytest.mark.each_cli("each program has its own way with what is not known yet")
def test_conventions_that_are_not_known_yet(platform, stack, cluster):
    def write(team):
        platform.write(default_labels={"team": Expression("terraform_data.team.output")},
                       more=hcl.resource("terraform_data", "team", {"input": team}))

    write("blue")
    stack.apply()
    platform.expect(CHARON | {"team": "blue"})
    write("red")
    plan = stack.plan()
    assert plan.actions == dict.fromkeys((*ADDRESSES, "terraform_data.team"), "update"), plan
    assert stack.planned(plan, SPACE)["after_unknown"]["labels_all"] is True
    stack.apply()
    platform.expect(CHARON | {"team": "red"})
    # They come out as they were.
    stack.write_file("more.tf", hcl.resource("terraform_data", "more", {"input": "1"}))
    platform.write(default_labels={"team": Expression('terraform_data.more.output == "1" ? "red" : "red"')})
    stack.apply()
    platform.expect(CHARON | {"team": "red"})
    stack.destroy()


def test_what_somebody_else_governs_gets_no_labels(stack, cluster, names):
    space = names("external")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
    for kind, name, spec in (("LimitRange", "tier-defaults", {"limits": [{"type": "Container", "default": {"memory": "200Mi"}}]}),
                             ("ResourceQuota", "tier-quota", {"hard": {"pods": "11"}})):
        cluster.api.apply({"apiVersion": "v1", "kind": kind, "spec": spec,
                           "metadata": {"name": name, "namespace": space, "labels": {MANAGED_BY: "kyverno", "team": "policies"}}}, "kyverno")

    def write(**conventions):
        stack.write(provider(**conventions) + hcl.resource("charon_tier_namespace", "x", {
            "name": space, "tier": "edge", "governance": "external", "on_conflict": "adopt"}))

    write()
    stack.apply()
    effective = stack.state()[SPACE]["effective"]
    write(default_labels={"team": "blue"})
    assert stack.apply().actions == {SPACE: "update"}
    assert stack.state()[SPACE]["effective"] == effective
    assert cluster.get("Namespace", None, space)["metadata"]["labels"]["team"] == "blue"
    for kind, name in (("LimitRange", "tier-defaults"), ("ResourceQuota", "tier-quota")):
        live = cluster.get(kind, space, name)["metadata"]
        assert live["labels"] == {MANAGED_BY: "kyverno", "team": "policies"} and "charon" not in {e["manager"] for e in live["managedFields"]}
    stack.destroy()


def test_an_import_brings_no_labels_by_itself(stack, cluster, names):
    """What somebody else made is his until the first change; what is ours shows what it lacks."""
    space, tier, ours = names("theirs"), names("tier"), names("ours")
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "labels": {"own": "1"}}})
    cluster.api.create({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 5, "metadata": {"name": f"tier-{tier}"}})

    def write(note, **conventions):
        notes = {"annotations": {"note": note}} if note else {}
        stack.write(
            provider(**conventions)
            + hcl.resource("charon_tier", "x", {"name": tier, "priority": 5} | ({"description": note} if note else {}))
            + hcl.resource("charon_tier_namespace", "x", {"name": space, "labels": {"own": "1"}} | notes)
            + hcl.resource("charon_tier_namespace", "ours", {"name": ours, "labels": {"own": "1"}})
            + "".join(hcl.block("import", {"to": Expression(address), "id": id_}) for address, id_ in (
                (SPACE, space), (TIER, tier), ("charon_tier_namespace.ours", ours))))

    stack.write(hcl.resource("charon_tier_namespace", "ours", {"name": ours, "labels": {"own": "1"}}))
    stack.apply()
    stack.run("state", "rm", "charon_tier_namespace.ours")
    blue = {"default_labels": {"team": "blue"}}
    write("", **blue)
    plan = stack.plan()
    assert plan.actions == {"charon_tier_namespace.ours": "update"} and plan.warnings == [], plan
    stack.apply()
    assert cluster.get("Namespace", None, ours)["metadata"]["labels"]["team"] == "blue"
    assert "team" not in cluster.get("Namespace", None, space)["metadata"]["labels"]
    write("a change", **blue)
    stack.apply()
    for ref in (("Namespace", None, space), ("PriorityClass", None, f"tier-{tier}")):
        assert cluster.get(*ref)["metadata"]["labels"].items() >= (CHARON | {"team": "blue"}).items()
    write("a change", default_labels={"team": "red"})
    assert stack.apply().actions == dict.fromkeys((SPACE, TIER, "charon_tier_namespace.ours"), "update")
    stack.destroy()


@pytest.mark.parametrize("kind", ["resourcequotas", "secrets"])
def test_an_apply_that_fails_halfway_is_finished_by_the_next(new_stack, cluster, names, kind):
    front = cluster.proxy()
    stack = new_stack("stack", kubeconfig=front.kubeconfig)
    platform = Platform(stack, cluster, names)
    platform.write(default_labels={"team": "blue", "old": "1"})
    stack.apply()
    platform.write(default_labels={"team": "red"})
    place = platform.elsewhere if kind == "secrets" else platform.space
    plan = stack.plan()
    front.on(proxy.matching("PATCH", f".*/{place}/{kind}/.*"), proxy.Answer(403, "Forbidden"), None)
    stack.run("apply", "-json", "-input=false", str(plan.file), codes=(1,))
    front.heal()
    plan = stack.plan()
    # The Secret depends on the namespace.
    assert plan.actions == dict.fromkeys([SECRET] if kind == "secrets" else [SPACE, SECRET], "update"), plan
    assert not plan.says("Changed outside"), plan
    stack.apply()
    platform.expect(CHARON | {"team": "red"})
    stack.destroy()
