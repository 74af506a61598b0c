"""Kill -9 in the middle of an apply: nothing is orphaned, and nothing is in the next apply's way."""

import contextlib
import json
import signal
import threading
import time

import pytest

from entries import ENTRIES, SERVICE, TIER_NAMESPACE, make_namespace
from harness import hcl, proxy
from harness.clusters import Names
from lifecycle_test import expect_gone, expect_state_is_true, present

pytestmark = [
    pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it"),
    pytest.mark.thorough("each write, request or tool in turn"),
]

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


def wait_until_quiet(front, seconds=0.2):
    """What is not held has ended: killed while it writes its state file, Terraform loses that."""
    seen = -1
    while seen != (seen := len(front.log())):
        time.sleep(seconds)


# Each lane is struck at another of its writes, all in one run: a write that is to be struck is held until all are, and
# then one kill strikes them all. The provider's connections to one server are 10, so that many cannot be held at a time.
WIDTH = 8
DEAD = {"Plugin did not respond", "plugin crashed", "panic:", "Plugin error"}  # what core says of a dead provider, rightly


def lanes(writes: int):
    """Groups of (names, number of the write, whether the server has done it): every write up to that number, both ways."""
    moments = [(Names(), number, acted) for number in range(1, writes + 1) for acted in (False, True)]
    return [moments[start:start + WIDTH] for start in range(0, len(moments), WIDTH)]


def apply_and_kill(stack, front, victim, strikes, command="apply") -> None:
    """Runs the command until each of `strikes`, (what, number, acted), holds the n-th write about that; then kills."""
    stack.allowed = DEAD
    front.reset()
    for what, number, acted in strikes:
        front.on(proxy.write_about(what, number), proxy.Hang(acted=acted))
    running = stack.start(command, "-json", "-input=false", "-auto-approve", "-parallelism=64")

    def held():
        hanging = [e.acted for e in front.log() if e.fault == "Hang"]
        return len(hanging) == len(strikes) and sum(hanging) == sum(acted for _, _, acted in strikes)

    wait_until(lambda: held() or running.has_ended(), "a write of each lane", 60)
    assert held() and not running.has_ended(), f"held: {[str(e) for e in front.log() if e.fault]}"
    wait_until_quiet(front)
    (running.kill_terraform if victim == "terraform" else running.kill_provider)()
    result = stack.finish(running)
    assert result.code == (-signal.SIGKILL if victim == "terraform" else 1), result
    wait_until(lambda: not stack.provider_processes(), "the provider to follow its terraform")
    front.heal()
    stack.allowed = set()


def apply_and_kill_when_answered(stack, front, victim, text, number) -> None:
    """Kills when the provider has been answered the n-th write about that text, of which core does not know yet: it is held
    from before the answer on, or a command that has no more to do would be over before the kill."""
    stack.allowed = DEAD
    front.reset()
    struck = threading.Event()

    def kill(_):
        try:
            assert not running.has_ended()
            (running.kill_terraform if victim == "terraform" else running.kill_provider)()
            struck.set()
        finally:
            running.go_on()

    front.on(proxy.write_about(text, number), proxy.Call(kill, "answered", lambda _: running.hold()))
    running = stack.start("apply", "-json", "-input=false", "-auto-approve", "-parallelism=64")
    result = stack.finish(running)
    assert struck.wait(10), f"no kill; writes: {[str(e) for e in front.writes()]}; {result}"  # its thread may be behind
    # The provider may have passed on the last answer of all, and then nothing is amiss.
    assert result.code in {0, -signal.SIGKILL if victim == "terraform" else 1}, result
    wait_until(lambda: not stack.provider_processes(), "the provider to follow its terraform")
    front.heal()
    stack.allowed = set()


def count_writes(stack, front, text: str) -> int:
    """Of an apply that nobody disturbs."""
    front.reset()
    stack.apply()
    return sum(map(proxy.is_about(text), front.writes()))


@pytest.mark.parametrize("victim", ["terraform", "provider"])
def test_killed_at_each_write(new_stack, cluster, front, names, victim):
    """Before the server has it, and when the server has done it and nobody knows."""
    def config(own: Names) -> str:
        text = STACK.format(tier=own("t"), one=own("one"), two=own("two"))
        for name in ("tier", "one", "two"):  # addresses of its own
            text = text.replace(f'" "{name}"', f'" "{own(name)}"').replace(f"charon_tier.{name}.", f"charon_tier.{own(name)}.")
        return text

    def wanted(own: Names):
        return [("PriorityClass", None, f"tier-{own('t')}"), ("Namespace", None, own("one")),
                ("LimitRange", own("one"), "tier-defaults"), ("ResourceQuota", own("one"), "tier-quota"),
                ("NetworkPolicy", own("one"), "default-deny"), ("Namespace", None, own("two")),
                ("ResourceQuota", own("two"), "tier-quota")]

    stack = new_stack("undisturbed", kubeconfig=front.kubeconfig)
    stack.write(config(names))
    writes = count_writes(stack, front, names.mark)
    stack.destroy()
    assert writes >= len(wanted(names))
    for number, group in enumerate(lanes(writes)):
        stack = new_stack(f"group{number}", kubeconfig=front.kubeconfig)
        stack.write("".join(config(own) for own, _, _ in group))
        apply_and_kill(stack, front, victim, [(own.mark, at, acted) for own, at, acted in group])
        expect_state_is_true(stack)
        stack.apply("-parallelism=64")
        for own, at, acted in group:
            assert present(cluster, wanted(own)) == wanted(own), f"after a kill at write {at}, {acted=}"
        stack.destroy("-parallelism=64")
        for own, at, acted in group:
            expect_gone(cluster, wanted(own))
    # An answered write that another follows is one before that; the last ones have to be struck by themselves.
    for at in (writes - 1, writes):
        own = Names()
        stack = new_stack(f"answered{at}", kubeconfig=front.kubeconfig)
        stack.write(config(own))
        apply_and_kill_when_answered(stack, front, victim, own.mark, at)
        expect_state_is_true(stack)
        stack.apply()
        assert present(cluster, wanted(own)) == wanted(own), f"after a kill when write {at} was answered"
        stack.destroy()


@pytest.mark.parametrize("victim", ["terraform", "provider"])
@pytest.mark.parametrize("phase", ["create", "update"])
def test_manifests_are_killed_at_each_write(new_stack, cluster, front, names, victim, phase):
    """One with values for its creation only, one that is taken over from kubectl, and one that cannot change in place."""
    def body(own, name, data, **more):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": own("work")}, "data": data} | more

    def wanted(own, second):
        """By name: the data that each has in the end. "handed" is declared first, then for the creation only."""
        return {"own": {"kept": "1", "changed": str(1 + second), "handed": "1", "initial": "1"} | ({} if second else {"dropped": "1"}),
                "taken": {"kept": str(1 + second)}, "fixed": {"value": str(1 + second)}}

    def text(own, second):
        data = wanted(own, second)
        at_creation = {"initial": "1"} | ({"handed": "1"} if second else {})
        declared = {key: value for key, value in data["own"].items() if key not in at_creation}
        resources = {
            "own": {"manifest": json.dumps(body(own, "own", declared)), "initial": json.dumps({"data": at_creation})},
            "taken": {"manifest": json.dumps(body(own, "taken", data["taken"])), "on_conflict": "adopt"},
            "fixed": {"manifest": json.dumps(body(own, "fixed", data["fixed"], immutable=True))},
        }
        return "".join(hcl.resource("charon_kubernetes_manifest", own(name), attributes) for name, attributes in resources.items())

    def prepare(own):
        make_namespace(cluster, own("work"))
        cluster.api.send("POST", f"/api/v1/namespaces/{own('work')}/configmaps?fieldManager=kubectl-client-side-apply",
                         body(own, "taken", {"kept": "0", "old": "1"}))

    def found(own):
        return {name: live["data"] for name in wanted(own, False) if (live := cluster.get("ConfigMap", own("work"), name))}

    update = phase == "update"
    prepare(names)
    stack = new_stack("undisturbed", kubeconfig=front.kubeconfig)
    if update:
        stack.write(text(names, False))
        stack.apply()
    stack.write(text(names, update))
    writes = count_writes(stack, front, names.mark)
    assert found(names) == wanted(names, update)
    stack.destroy()
    assert writes >= 4
    for number, group in enumerate(lanes(writes)):
        stack = new_stack(f"group{number}", kubeconfig=front.kubeconfig)
        for own, _, _ in group:
            prepare(own)
        if update:
            stack.write("".join(text(own, False) for own, _, _ in group))
            stack.apply("-parallelism=64")
        stack.write("".join(text(own, update) for own, _, _ in group))
        apply_and_kill(stack, front, victim, [(own.mark, at, acted) for own, at, acted in group])
        if not update:  # of one that was killed in between the state lags behind
            expect_state_is_true(stack)
        stack.apply("-parallelism=64")
        for own, at, acted in group:
            assert found(own) == wanted(own, update), f"after a kill at write {at}, {acted=}"
        stack.destroy("-parallelism=64")
        for own, at, acted in group:
            assert found(own) == {}, f"after a kill at write {at}, {acted=}"


@pytest.mark.parametrize("victim", ["terraform", "provider"])
def test_a_service_is_killed_at_each_write(new_stack, cluster, front, names, victim):
    """Of its create, and of an update that makes, changes and removes objects. Then the same objects are there, by uid,
    with the same generated values, and nothing else."""
    def change(created):
        return {k: v for k, v in created.items() if k not in ("files", "expose")} | {
            "env": {"MODE": "changed"},
            "env_wo": {"HIDDEN": "something-else"},
            "env_wo_version": "2",
            "generated_secrets": {"PASSWORD": {}, "MORE": {}},
            "config_dirs": {"/etc/conf.d": {"files": {"a": "1"}}},
            "expose": {"l4": {"loadbalancer": {}}},
        }

    def text(own, attributes):
        return hcl.resource("charon_service", own("subject"), attributes)

    def contents(own):
        """What the provider has made; what controllers make comes and goes."""
        return {
            ref for ref in set(cluster.api.contents(own("work"))) - bystanders[own.mark]
            if ref.partition("/")[0] not in ("Pod", "ReplicaSet", "Endpoints", "EndpointSlice")
        }

    def refs(attributes):
        return {f"{kind}/{name}" for kind, _, name in SERVICE.objects(attributes)}

    def data(own):
        return {
            ref: (found["metadata"]["uid"], (found.get("data") or {}).get("PASSWORD"))
            for ref in (("PersistentVolumeClaim", own("work"), f"{own('app')}-data"),
                        ("Secret", own("work"), f"{own('app')}-generated"))
            if (found := cluster.get(*ref)) is not None
        }

    bystanders = {}

    def prepare(own):
        SERVICE.prepare(cluster, own)
        bystanders[own.mark] = set(cluster.api.contents(own("work")))

    prepare(names)
    stack = new_stack("undisturbed", kubeconfig=front.kubeconfig)
    writes = []
    for attributes in (SERVICE.troubled(names), change(SERVICE.troubled(names))):
        stack.write(text(names, attributes))
        writes.append(count_writes(stack, front, names.mark))
    stack.destroy()
    assert writes[0] >= len(SERVICE.objects(SERVICE.troubled(names))) and writes[1] >= 6
    for number, group in enumerate(lanes(max(writes))):
        for own, _, _ in group:
            prepare(own)
        stack = new_stack(f"group{number}", kubeconfig=front.kubeconfig)
        for step, last in enumerate(writes):
            of = [SERVICE.troubled, lambda own: change(SERVICE.troubled(own))][step]
            stack.write("".join(text(own, of(own)) for own, _, _ in group))
            strikes = [(own.mark, at, acted) for own, at, acted in group if at <= last]
            if not strikes:
                continue
            apply_and_kill(stack, front, victim, strikes)
            before = {own.mark: data(own) for own, _, _ in group}
            # Nothing of what was killed is in the next apply's way.
            if step == 0:
                expect_state_is_true(stack)
            stack.apply("-parallelism=64")
            for own, at, acted in group:
                where = f"after a kill at write {at} of step {step}, {acted=}"
                assert contents(own) == refs(of(own)), where
                assert {ref: data(own)[ref] for ref in before[own.mark]} == before[own.mark], where
        stack.destroy("-parallelism=64")
        wait_until(lambda: all(contents(own) == set() for own, _, _ in group), "everything to go", 30)
    own = Names()
    prepare(own)
    stack = new_stack("answered", kubeconfig=front.kubeconfig)
    for step, of in enumerate((SERVICE.troubled, lambda own: change(SERVICE.troubled(own)))):
        stack.write(text(own, of(own)))
        apply_and_kill_when_answered(stack, front, victim, own.mark, writes[step])
        stack.apply()
        assert contents(own) == refs(of(own)), f"after a kill when the last write of step {step} was answered"
    stack.destroy()


@pytest.mark.parametrize("then", ["on", "back"])
def test_a_replacement_that_comes_first_is_killed_at_each_write(new_stack, cluster, front, names, then):
    """create_before_destroy, of a service whose other objects keep their names: whether the next run goes on or back, the data stays,
    and what is declared no more goes."""
    def text(own, kind):
        return hcl.resource("charon_service", own("subject"), {
            "namespace": own("work"), "name": own("app"), "kind": kind, "image": "registry.example/web:1", "wait": "none", "ports": {"http": 80},
            "delete_data": True, "files": {"/a": {"content": kind}}, "claims": {"data": {"size": "1Gi", "mount": "/d"}}},
            "lifecycle {\n  create_before_destroy = true\n}")

    def contents(own):
        return {ref for ref in set(cluster.api.contents(own("work"))) - bystanders[own.mark]
                if ref.partition("/")[0] not in ("Pod", "ReplicaSet", "ControllerRevision", "Endpoints", "EndpointSlice")}

    def parts(own, kind):
        app = own("app")
        return {f"{kind}/{app}", f"Service/{app}", f"ConfigMap/{app}-files", f"PersistentVolumeClaim/{app}-data"} | (
            {f"Service/{app}-headless"} if kind == "StatefulSet" else set())

    def data(own):
        return cluster.get("PersistentVolumeClaim", own("work"), f"{own('app')}-data")["metadata"]["uid"]

    bystanders = {}

    def prepare(own):
        make_namespace(cluster, own("work"))
        bystanders[own.mark] = set(cluster.api.contents(own("work")))

    prepare(names)
    stack = new_stack("undisturbed", kubeconfig=front.kubeconfig)
    stack.write(text(names, "deployment"))
    stack.apply()
    stack.write(text(names, "statefulset"))
    front.reset()
    stack.apply(checked=False)
    writes = sum(map(proxy.is_about(names.mark), front.writes()))
    stack.destroy()
    assert writes >= 4 + 3 + 1  # each part, whose three of them are, and what goes
    for number, group in enumerate(lanes(writes)):
        for own, _, _ in group:
            prepare(own)
        stack = new_stack(f"group{number}", kubeconfig=front.kubeconfig)

        def write(kind):
            stack.write("".join(text(own, kind) for own, _, _ in group))

        write("deployment")
        stack.apply("-parallelism=64")
        before = {own.mark: data(own) for own, _, _ in group}
        write("statefulset")
        apply_and_kill(stack, front, "provider", [(own.mark, at, acted) for own, at, acted in group])
        declared = "StatefulSet" if then == "on" else "Deployment"
        write(declared.lower())
        stack.apply("-parallelism=64", checked=False)
        for own, at, acted in group:
            where = f"after a kill at write {at}, {acted=}"
            wait_until(lambda own=own: contents(own) == parts(own, declared), f"{where}: {contents(own)}", 30)
            assert data(own) == before[own.mark], where
        stack.expect_empty()
        stack.destroy("-parallelism=64")
        wait_until(lambda: all(contents(own) == set() for own, _, _ in group), "everything to go", 30)


@pytest.mark.parametrize("victim", ["terraform", "provider"])
def test_a_secret_is_killed_while_it_is_made_again(new_stack, cluster, front, names, victim):
    """At each write of a change that Kubernetes does not allow in place: no value is lost, and nothing is left beside it."""
    def text(own, **changes):
        return hcl.resource("charon_secret", own("s"), {
            "name": own("s"), "namespace": own("work"), "immutable": True, "generate": {"kept": {}, "rotated": {}},
        } | changes)

    def changed(own):
        return text(own, generate={"kept": {}, "rotated": {"rotation_trigger": "1"}, "more": {}})

    def data(own):
        return (cluster.get("Secret", own("work"), own("s")) or {}).get("data")

    def left(own):
        return {ref for ref in cluster.api.contents(own("work")) if ref.startswith("Secret/") and own.mark in ref}

    make_namespace(cluster, names("work"))
    stack = new_stack("undisturbed", kubeconfig=front.kubeconfig)
    stack.write(text(names))
    stack.apply()
    stack.write(changed(names))
    writes = count_writes(stack, front, names("s"))
    stack.destroy()
    assert writes >= 4  # kept, deleted, made, the kept one deleted
    for number, group in enumerate(lanes(writes)):
        for then in ("apply", "destroy"):
            group = [(Names(), at, acted) for _, at, acted in group]
            for own, _, _ in group:
                make_namespace(cluster, own("work"))
            stack = new_stack(f"{then}{number}", kubeconfig=front.kubeconfig)
            stack.write("".join(text(own) for own, _, _ in group))
            stack.apply("-parallelism=64")
            before = {own.mark: data(own) for own, _, _ in group}
            stack.write("".join(changed(own) for own, _, _ in group))
            apply_and_kill(stack, front, victim, [(own("s"), at, acted) for own, at, acted in group])
            if then == "apply":
                stack.apply("-parallelism=64")
                for own, at, acted in group:
                    where = f"after a kill at write {at}, {acted=}"
                    assert data(own).keys() == {"kept", "rotated", "more"}, where
                    assert data(own)["kept"] == before[own.mark]["kept"], where
                    assert data(own)["rotated"] != before[own.mark]["rotated"], where
                    assert left(own) == {f"Secret/{own('s')}"}, where
            stack.destroy("-parallelism=64")
            for own, at, acted in group:
                assert left(own) == set(), f"{then} after a kill at write {at}, {acted=}"


@pytest.mark.parametrize("victim", ["terraform", "provider"])
def test_a_secret_is_killed_while_it_gets_another_copy(new_stack, cluster, front, names, victim):
    """At each write: a copy that nobody declares any more goes, and the others have the values of the Secret."""
    def text(own, *places):
        return hcl.resource("charon_secret", own("s"), {
            "name": own("s"), "namespace": own("work"), "replicate_to": [own(place) for place in places],
            "copy": {"token": {"secret": "source"}},
        })

    def write_source(own, value):
        cluster.api.patch("Secret", own("work"), "source", {"stringData": {"token": value}})

    def prepare(own):
        for place in ("work", "one", "two"):
            make_namespace(cluster, own(place))
        cluster.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "source", "namespace": own("work")},
                            "stringData": {"token": "first"}})

    def values(own):
        found = {place: cluster.get("Secret", own(place), own("s")) for place in ("work", "one", "two")}
        return {place: secret["data"]["token"] for place, secret in found.items() if secret}

    prepare(names)
    stack = new_stack("undisturbed", kubeconfig=front.kubeconfig)
    stack.write(text(names, "one"))
    creation = count_writes(stack, front, names("s"))
    write_source(names, "second")
    stack.write(text(names, "one", "two"))
    change = count_writes(stack, front, names("s"))
    stack.destroy()
    assert creation >= 2 and change >= 3
    for step, writes in enumerate((creation, change)):
        for number, group in enumerate(lanes(writes)):
            stack = new_stack(f"step{step}group{number}", kubeconfig=front.kubeconfig)
            for own, _, _ in group:
                prepare(own)
            if step == 1:
                stack.write("".join(text(own, "one") for own, _, _ in group))
                stack.apply("-parallelism=64")
                for own, _, _ in group:
                    write_source(own, "second")
            stack.write("".join(text(own, *("one", "two")[:step + 1]) for own, _, _ in group))
            apply_and_kill(stack, front, victim, [(own("s"), at, acted) for own, at, acted in group])
            # What was to be added is not wanted any more.
            stack.write("".join(text(own, *("one",)[:step]) for own, _, _ in group))
            stack.apply("-parallelism=64")
            for own, at, acted in group:
                where = f"after a kill at write {at} of step {step}, {acted=}"
                found = values(own)
                assert found.keys() == ({"work", "one"} if step else {"work"}) and len(set(found.values())) == 1, where
            stack.destroy("-parallelism=64")


@pytest.mark.parametrize("victim", ["terraform", "provider"])
def test_killed_during_destroy(stack, cluster, front, victim, exclusive):
    """Of an instance of every entry, when the server has deleted something of each and nobody knows."""
    subjects = [(entry, Names()) for entry in ENTRIES]
    for entry, own in subjects:
        entry.prepare(cluster, own)
    stack.environment["KUBE_CONFIG_PATH"] = str(front.kubeconfig)
    stack.write("".join(
        hcl.resource(entry.type, f"subject{number}", entry.full(own)) for number, (entry, own) in enumerate(subjects)
    ))
    with contextlib.ExitStack() as turns:
        for what in sorted({entry.exclusive for entry in ENTRIES} - {""}):
            turns.enter_context(exclusive(what))
        stack.apply("-parallelism=64", checked=False)
        apply_and_kill(stack, front, victim, [(own.mark, 1, True) for _, own in subjects], "destroy")
        stack.destroy()
        assert stack.state().resources == {}
        # A namespace whose deletion the killed run had asked for is on its way: the second run finds nothing to delete.
        for entry, own in subjects:
            cluster.api.eventually(
                lambda: present(cluster, entry.objects(entry.full(own))) == [], "everything is gone"
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
    stack.expect_empty()
    stack.destroy()
