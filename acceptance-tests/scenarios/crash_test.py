"""Kill -9 in the middle of an apply: nothing is orphaned, and nothing is in the next apply's way."""

import signal
import threading
import time

import pytest

from entries import ENTRIES, SERVICE, TIER_NAMESPACE
from harness import hcl, proxy
from lifecycle_test import expect_gone, expect_state_is_true, present

pytestmark = pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it")

STACK = """
resource "charon_tier" "tier" {{
  name     = "{tier}"
  priority = 1000
  limit_range = {{ default = {{ memory = "128Mi" }} }}
  resource_quota = {{ pods = "7" }}
}}
resource "charon_tier_namespace" "one" {{
  name         = "{one}"
  tier         = charon_tier.tier.name
  default_deny = true
}}
resource "charon_tier_namespace" "two" {{
  name = "{two}"
  resource_quota = {{ pods = "3" }}
}}
"""


@pytest.fixture
def front(cluster):
    return cluster.proxy()


def wait_until(condition, what, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


@pytest.mark.parametrize("victim", ["terraform", "provider"])
@pytest.mark.parametrize("moment", ["acted", "answered"])
def test_killed_after_each_write(new_stack, cluster, front, names, victim, moment):
    """`acted`: the server has done it and nobody knows; `answered`: the provider knows, core may not."""
    config = STACK.format(tier=names("t"), one=names("one"), two=names("two"))
    wanted = [("PriorityClass", None, f"tier-{names('t')}"), ("Namespace", None, names("one")),
              ("LimitRange", names("one"), "tier-defaults"), ("ResourceQuota", names("one"), "tier-quota"),
              ("NetworkPolicy", names("one"), "default-deny"), ("Namespace", None, names("two")),
              ("ResourceQuota", names("two"), "tier-quota")]
    for number in range(1, 100):
        front.reset()
        stack = new_stack(f"stack{number}", kubeconfig=front.kubeconfig)
        # A dead provider cannot answer; core says so, and that is right.
        stack.allowed = {"Plugin did not respond", "plugin crashed", "panic:", "Plugin error"}
        stack.write(config)
        struck = threading.Event()

        def kill(_):
            (running.kill_terraform if victim == "terraform" else running.kill_provider)()
            struck.set()

        running = stack.start("apply", "-json", "-input=false", "-auto-approve", "-parallelism=1")
        front.on(proxy.write(number), proxy.Call(kill, moment))
        result = stack.finish(running)
        if not struck.is_set():
            assert result.code == 0, result
            break
        # A provider that dies right after its last answer may have told core already.
        told = {0} if victim == "provider" and moment == "answered" else set()
        assert result.code in ({-signal.SIGKILL} if victim == "terraform" else {1} | told), result
        if victim == "terraform":
            wait_until(lambda: not stack.provider_processes(), "the provider to follow its terraform")
        front.heal()
        stack.allowed = set()
        expect_state_is_true(stack)
        stack.apply()
        assert present(cluster, wanted) == wanted, f"after a kill at write {number}"
        stack.destroy()
        expect_gone(cluster, wanted)
    assert number > len(wanted)
    stack.destroy()


@pytest.mark.one_cli("what is killed is the same")
@pytest.mark.parametrize("victim", ["terraform", "provider"])
@pytest.mark.parametrize("moment", ["acted", "answered"])
def test_a_service_is_killed_after_each_write(new_stack, cluster, front, names, victim, moment):
    """Of its create, and of an update that makes, changes and removes objects. Then the same objects are there, by uid,
    with the same generated values, and nothing else."""
    SERVICE.prepare(cluster, names)
    created = SERVICE.troubled(names)
    changed = {k: v for k, v in created.items() if k not in ("files", "expose")} | {
        "env": {"MODE": "changed"},
        "env_wo": {"HIDDEN": "something-else"},
        "env_wo_version": "2",
        "generated_secrets": {"PASSWORD": {}, "MORE": {}},
        "config_dirs": {"/etc/conf.d": {"files": {"a": "1"}}},
        "expose": {"l4": {"kind": "loadbalancer"}},
    }
    bystanders = set(cluster.api.contents(names("work")))

    def contents():
        """What the provider has made; what controllers make comes and goes."""
        return {
            ref for ref in set(cluster.api.contents(names("work"))) - bystanders
            if ref.partition("/")[0] not in ("Pod", "ReplicaSet", "Endpoints", "EndpointSlice")
        }

    def refs(attributes):
        return {f"{kind}/{name}" for kind, _, name in SERVICE.objects(attributes)}

    def data():
        return {
            ref: (found["metadata"]["uid"], (found.get("data") or {}).get("PASSWORD"))
            for ref in (("PersistentVolumeClaim", names("work"), f"{names('app')}-data"),
                        ("Secret", names("work"), f"{names('app')}-generated"))
            if (found := cluster.get(*ref)) is not None
        }

    def struck_at(stack, number):
        """Applies, and kills at that write; False if there is none with that number."""
        front.reset()
        stack.allowed = {"Plugin did not respond", "plugin crashed", "panic:", "Plugin error"}
        struck = threading.Event()

        def kill(_):
            (running.kill_terraform if victim == "terraform" else running.kill_provider)()
            struck.set()

        front.on(proxy.write(number), proxy.Call(kill, moment))
        running = stack.start("apply", "-json", "-input=false", "-auto-approve")
        stack.finish(running)
        if victim == "terraform" and struck.is_set():
            wait_until(lambda: not stack.provider_processes(), "the provider to follow its terraform")
        front.heal()
        stack.allowed = set()
        return struck.is_set()

    writes = {"create": 0, "update": 0}
    stack = new_stack("stack", kubeconfig=front.kubeconfig)
    for number in range(1, 100):
        going_on = False
        for step, attributes in (("create", created), ("update", changed)):
            stack.write(hcl.resource("charon_service", "subject", attributes))
            if struck_at(stack, number):
                going_on = True
                writes[step] += 1
            before = data()
            # Nothing of what was killed is in the next apply's way.
            if step == "create":
                expect_state_is_true(stack)
            stack.apply()
            assert contents() == refs(attributes), f"after a kill at write {number} of the {step}"
            after = data()
            assert {ref: after[ref] for ref in before} == before
        stack.destroy()
        wait_until(lambda: contents() == set(), "everything to go", 30)
        if not going_on:
            break
    assert writes["create"] >= len(SERVICE.objects(created))
    assert writes["update"] >= 6


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@pytest.mark.parametrize("victim", ["terraform", "provider"])
def test_killed_during_destroy(entry, stack, cluster, front, names, victim, exclusive):
    entry.prepare(cluster, names)
    attributes = entry.full(names)
    stack.environment["KUBE_CONFIG_PATH"] = str(front.kubeconfig)
    stack.write(hcl.resource(entry.type, "subject", attributes))
    with exclusive(entry.exclusive or f"nobody-{names('x')}"):
        stack.apply(checked=False)
        front.reset()
        running = None
        started = threading.Event()

        def kill(_):
            started.wait(10)
            (running.kill_terraform if victim == "terraform" else running.kill_provider)()

        front.on(proxy.any_write, proxy.Call(kill, "acted"))
        stack.allowed = {"Plugin did not respond", "plugin crashed", "panic:", "Plugin error"}
        running = stack.start("destroy", "-json", "-input=false", "-auto-approve")
        started.set()
        assert stack.finish(running).code != 0
        front.heal()
        stack.allowed = set()
        stack.destroy()
        assert stack.state().resources == {}
        # A namespace whose deletion the killed run had asked for is on its way: the second run finds nothing to delete.
        cluster.api.eventually(
            lambda: present(cluster, entry.objects(attributes)) == [], "everything is gone"
        )


def test_interrupt_ends_waits_and_keeps_what_was_made(stack, cluster, front, names):
    """Ctrl-C while a write hangs: it ends soon, state is true, and the next apply completes."""
    entry = TIER_NAMESPACE
    attributes = entry.full(names)
    stack.environment["KUBE_CONFIG_PATH"] = str(front.kubeconfig)
    stack.write(hcl.resource(entry.type, "subject", attributes))
    hanging = threading.Event()
    front.on(proxy.write(2), proxy.Call(lambda _: hanging.set(), "before"))
    front.on(proxy.write(2), proxy.Hang())  # the same write again, if it is retried
    front.on(proxy.write(3), proxy.Hang())
    running = stack.start("apply", "-json", "-input=false", "-auto-approve")
    assert hanging.wait(60)
    wait_until(lambda: any(e.fault == "Hang" for e in front.log()), "a write that hangs")
    began = time.monotonic()
    running.interrupt()
    result = stack.finish(running)
    took = time.monotonic() - began
    assert result.code != 0 and took < 5, f"{took:.1f} s after Ctrl-C"
    front.heal()
    expect_state_is_true(stack)
    stack.apply()
    objects = entry.objects(attributes)
    assert present(cluster, objects) == objects
    stack.destroy()


@pytest.mark.parametrize("seed", range(3))
def test_ten_percent_random_faults_converge_within_three_applies(stack, cluster, front, names, seed):
    config = STACK.format(tier=names("t"), one=names("one"), two=names("two"))
    more = "".join(
        hcl.resource("charon_tier_namespace", f"n{number}", {"name": names(f"n{number}"), "default_deny": True})
        for number in range(6)
    )
    stack.environment["KUBE_CONFIG_PATH"] = str(front.kubeconfig)
    stack.write(config, more=more)
    front.at_random(0.10, seed, [
        proxy.Answer(500, message="injected by the test"), proxy.Drop(acted=True), proxy.Drop(acted=False),
        proxy.Answer(503, "ServiceUnavailable"), proxy.busy(0), proxy.Cut(),
    ])
    for attempt in (1, 2, 3):
        result = stack.run("apply", "-json", "-input=false", "-auto-approve", codes=(0, 1))
        state = stack.state().resources
        for attributes in state.values():
            kind, name = (("PriorityClass", f"tier-{attributes['name']}") if "priority" in attributes
                          else ("Namespace", attributes["name"]))
            assert cluster.has(kind, None, name), f"state claims {name}, and the server has none"
        if result.code == 0:
            break
    assert result.code == 0, f"not converged after three applies: {result}"
    front.heal()
    stack.expect_no_changes()
    stack.destroy()
