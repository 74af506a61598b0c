"""Admission: what a policy engine refuses shows in the plan, and what it changes is never seen as drift."""

import pytest

from ownership_test import ADDRESS, deployment, env_of, live, manifest

pytestmark = pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it")

REFUSAL = "images have to come from registry.trusted.example"


def control(cluster, what, body):
    code, answer = cluster.api.send("POST", f"/_sandbox/{what}", body)
    assert code == 200, answer


def policy(cluster, names, work, kind, **spec):
    """A policy of the server's own and its binding, for one namespace; kept until the test ends."""
    api = "admissionregistration.k8s.io/v1"
    binding = {"policyName": names("policy")} | ({"validationActions": ["Deny"]} if kind.startswith("Validating") else {})
    rules = [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}]
    selector = {"matchLabels": {"kubernetes.io/metadata.name": work}}
    refs = []
    for made, body in ((kind, {"matchConstraints": {"resourceRules": rules, "namespaceSelector": selector}} | spec),
                       (f"{kind}Binding", binding)):
        cluster.api.create({"apiVersion": api, "kind": made, "metadata": {"name": names("policy")}, "spec": body})
        refs.append((f"{api}/{made}", None, names("policy")))
    return refs


def tried(cluster, work):
    """What the server would make of a Deployment now."""
    path = cluster.api.resource("apps/v1/Deployment").path(work) + "?dryRun=All"
    return cluster.api.send("POST", path, deployment(work))


@pytest.fixture
def refusing(cluster, names, work):
    if cluster.kind == "sandbox":
        control(cluster, "mutations", {"kind": "Deployment", "namespace": work, "deny": REFUSAL})
        yield
        return
    refs = policy(cluster, names, work, "ValidatingAdmissionPolicy", validations=[{
        "expression": "object.spec.template.spec.containers.all(c, c.image.startsWith('registry.trusted.example/'))",
        "message": REFUSAL,
    }])
    cluster.api.eventually(lambda: tried(cluster, work)[0] == 422, "the policy to be in force")
    yield
    for ref in reversed(refs):
        cluster.api.delete(*ref)


def test_a_refusal_shows_in_the_plan(stack, cluster, work, refusing):
    stack.write(manifest(deployment(work)))
    error = stack.plan(fails=True).error
    assert error.summary == "Unable to plan Kubernetes object" and error.address == ADDRESS, error
    assert error.code.startswith("manifest") and REFUSAL in error.detail
    # Without the check the apply finds it, and has made nothing.
    stack.write('provider "charon" {\n  plan_checks = "off"\n}\n' + manifest(deployment(work)))
    assert stack.plan().actions == {ADDRESS: "create"}
    result = stack.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
    assert REFUSAL in result.error.detail and result.error.address == ADDRESS
    assert live(cluster, work) is None and ADDRESS not in stack.state()


ADDED = {
    "metadata": {"annotations": {"keel.example/policy": "never"}},
    "spec": {"template": {"spec": {"dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}}}},
}


@pytest.fixture
def mutating(cluster, names, work):
    """Field study 2.5: ndots into the pod template, an annotation, and CPU limits taken out."""
    if cluster.kind == "sandbox":
        about = {"kind": "Deployment", "namespace": work}
        control(cluster, "mutations", about | {
            "patch": ADDED, "remove": ["spec.template.spec.containers[*].resources.limits.cpu"]})
        yield
        return
    add = """[
      JSONPatch{op: "add", path: "/metadata/annotations", value: {"keel.example/policy": "never"}},
      JSONPatch{op: "add", path: "/spec/template/spec/dnsConfig", value:
        Object.spec.template.spec.dnsConfig{options: [Object.spec.template.spec.dnsConfig.options{name: "ndots", value: "2"}]}},
    ] + (has(object.spec.template.spec.containers[0].resources.limits)
         && "cpu" in object.spec.template.spec.containers[0].resources.limits
         ? [JSONPatch{op: "remove", path: "/spec/template/spec/containers/0/resources/limits/cpu"}] : [])"""
    refs = policy(cluster, names, work, "MutatingAdmissionPolicy", reinvocationPolicy="Never", failurePolicy="Fail",
                  mutations=[{"patchType": "JSONPatch", "jsonPatch": {"expression": add}}])
    cluster.api.eventually(
        lambda: "keel.example/policy" in (tried(cluster, work)[1]["metadata"].get("annotations") or {}),
        "the policy to be in force")
    yield
    for ref in reversed(refs):
        cluster.api.delete(*ref)


def test_what_a_policy_changes_is_no_drift(stack, cluster, work, mutating):
    """It adds what we do not name, and takes away a limit that we do: neither shows, now or after an update."""
    def limited(**env):
        object_ = deployment(work, env=env)
        object_["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1", "memory": "64Mi"}}
        return object_

    def expect_mutated():
        now = live(cluster, work)
        assert now["metadata"]["annotations"]["keel.example/policy"] == "never"
        spec = now["spec"]["template"]["spec"]
        assert spec["dnsConfig"] == {"options": [{"name": "ndots", "value": "2"}]}
        assert spec["containers"][0]["resources"]["limits"] == {"memory": "64Mi"}
        return now

    stack.write(manifest(limited(A="1")))
    plan = stack.apply()
    assert plan.actions == {ADDRESS: "create"} and plan.applied.warnings == []
    expect_mutated()
    stack.write(manifest(limited(A="2")))
    assert stack.apply().actions == {ADDRESS: "update"}
    assert env_of(expect_mutated()) == {"A": "2"}
    stack.destroy()
