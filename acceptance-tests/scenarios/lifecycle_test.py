"""What every resource has to do, for each entry of entries.py."""

import dataclasses
import json

import pytest

from entries import ENTRIES, Entry, changed
from harness import hcl, proxy
from harness.clusters import Names
from harness.hcl import Expression

ADDRESS = "subject"

pytestmark = pytest.mark.parametrize("entry", ENTRIES, ids=str)


@pytest.fixture(autouse=True)
def taking_turns(entry, cluster, names, exclusive):
    if not entry.exclusive:
        yield
        return
    with exclusive(entry.exclusive):
        yield
        # A test that failed must not make the next one fail.
        kind = entry.objects(entry.full(names))[0][0]
        for left in cluster.api.list(kind):
            if names.are_in(left["metadata"]["name"]):
                cluster.api.delete(kind, None, left["metadata"]["name"])


@pytest.fixture(autouse=True)
def prepared(entry, cluster, names):
    entry.prepare(cluster, names)


@pytest.fixture
def address(entry):
    return f"{entry.type}.{ADDRESS}"


PROVIDERS_OWN = pytest.mark.one_cli("what the provider does; how the programs ask for it, the others show")

THOROUGH = pytest.mark.thorough("every attribute, every write, every way")


def text(entry: Entry, attributes, *more: str) -> str:
    return hcl.resource(entry.type, ADDRESS, attributes, *more)


def expect_in_state(entry: Entry, state, attributes, names=None):
    """State says at least what was configured, and nothing that is write-only."""
    for name in names or attributes:
        wanted, has = attributes[name], state[name]
        if name in entry.write_only:
            assert has is None, f"{name} is write-only"
        else:
            assert covers(has, wanted), f"{name}: configured {wanted}, in state {has}"


def covers(has, wanted) -> bool:
    """Whether a value of state says at least what was configured. A dynamic value has its type beside it."""
    if isinstance(has, dict) and has.keys() == {"type", "value"}:
        has = has["value"]
    if isinstance(wanted, dict):
        return isinstance(has, dict) and all(covers(has.get(k), v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(has, list) and len(has) == len(wanted)
            and all(covers(h, w) for h, w in zip(has, wanted))
        )
    return has == wanted


def present(cluster, refs):
    return [ref for ref in refs if cluster.has(*ref)]


def expect_gone(cluster, refs):
    assert present(cluster, refs) == [], "these are still there"


def test_create_read_and_destroy(entry, address, stack, cluster, names):
    for attributes in (entry.minimal(names), entry.full(names)):
        stack.write(text(entry, attributes))
        assert stack.apply().actions.keys() == {address}
        objects = entry.objects(attributes)
        assert present(cluster, objects) == objects
        expect_in_state(entry, stack.state()[address], attributes)
    # What changes by itself is not in state, so a refresh has nothing to write.
    before = stack.state().document
    stack.refresh()
    assert stack.state().document == before
    stack.destroy()
    assert stack.state().resources == {}
    expect_gone(cluster, objects)


# --- Many instances at once ------------------------------------------------------------------------
# A command costs far more than one more resource in it. So each instance, under names of its own, goes a few steps of a long way.


STEPS = 4  # of a way that one instance goes


@dataclasses.dataclass
class Lane:
    """One instance: its names, and the configurations that it goes through. `what[n]` says what the n-th changes."""

    label: str
    names: Names
    states: list[dict]
    what: list[str]
    actions: list[str | None]  # what the plan has to say for each but the first; None: "update", or nothing where nothing changes

    def at(self, step: int) -> dict:
        return self.states[min(step, len(self.states) - 1)]


def lanes_of(entry: Entry, cluster, names, way) -> list[Lane]:
    """Cuts a way, [(what, action, states by names)], into lanes. Each begins where the one before it ends."""
    steps = len(way) if entry.alone else STEPS
    found = []
    for start in range(0, len(way) - 1, steps):
        if found:
            names = Names()
            entry.prepare(cluster, names)
        part = way[start:start + steps + 1]
        found.append(Lane(f"lane{start // steps}", names, [state(names) for _, _, state in part],
                          [what for what, _, _ in part], [action for _, action, _ in part]))
    return found


def write_lanes(stack, entry: Entry, lanes: list[Lane], step: int) -> None:
    stack.write("".join(hcl.resource(entry.type, lane.label, lane.at(step)) for lane in lanes))


def go_the_way(stack, cluster, entry: Entry, lanes: list[Lane], check) -> None:
    """Applies one step of all lanes after the other; after each, nothing is left to do, and what there is is right."""
    stack.environment |= {"TF_CLI_ARGS_plan": WIDE, "TF_CLI_ARGS_apply": WIDE, "TF_CLI_ARGS_destroy": WIDE}
    for step in range(max(len(lane.states) for lane in lanes)):
        write_lanes(stack, entry, lanes, step)
        plan = stack.apply(checked=False)
        if step > 0:
            stack.expect_empty()
        state = stack.state()
        for lane in lanes:
            if step >= len(lane.states):
                assert f"{entry.type}.{lane.label}" not in plan.actions
                continue
            what = f"{lane.what[step]} ({lane.label})"
            if step > 0:
                before, after = lane.at(step - 1), lane.at(step)
                check(lane, step, plan.actions.get(f"{entry.type}.{lane.label}"), state[f"{entry.type}.{lane.label}"])
                if after.get("governance", "internal") == "internal":
                    left = [ref for ref in entry.objects(before) if ref not in entry.objects(after)]
                    assert present(cluster, left) == [], what
            objects = entry.objects(lane.at(step))
            assert present(cluster, objects) == objects, what
    stack.expect_empty()


WIDE = "-parallelism=64"


@PROVIDERS_OWN
@THOROUGH
def test_each_attribute_updates(entry, stack, cluster, names):
    def way():
        done = []
        steps = [(attribute, update) for attribute, updates in entry.updates(Names()).items() for update in range(len(updates))]

        def state(until):
            def of(names):
                attributes, updates = entry.full(names), entry.updates(names)
                for attribute, number in steps[:until]:
                    update = updates[attribute][number]
                    attributes = changed(attributes, update.also | {attribute: update.value})
                return attributes
            return of

        done.append(("", None, state(0)))
        for number, (attribute, update) in enumerate(steps, 1):
            done.append((attribute, entry.updates(Names())[attribute][update].action, state(number)))
        return done

    def check(lane, step, action, state):
        attribute = lane.what[step]
        assert action == lane.actions[step], f"{attribute} = {lane.at(step)[attribute]}"
        expect_in_state(entry, state, lane.at(step), [attribute])

    lanes = lanes_of(entry, cluster, names, way())
    go_the_way(stack, cluster, entry, lanes, check)
    stack.destroy()
    for lane in lanes:
        expect_gone(cluster, entry.objects(lane.states[-1]))


@PROVIDERS_OWN
@THOROUGH
def test_each_optional_attribute_can_be_unset(entry, stack, cluster, names):
    def way():
        full, minimal = entry.full(Names()), entry.minimal(Names())
        unset, done = [], [("", None, entry.full)]
        for attribute in [name for name in full if name not in minimal]:
            if attribute in unset:
                continue  # went with another one
            unset = [*unset, attribute, *entry.unset_with.get(attribute, ())]
            done.append((attribute, entry.unset.get(attribute),
                         lambda names, without=tuple(unset): changed(entry.full(names), dict.fromkeys(without))))
        return done

    def check(lane, step, action, state):
        attribute, before = lane.what[step], lane.at(step - 1)
        wanted = lane.actions[step] or "update"
        assert action in (wanted, None), f"without {attribute}"
        if action is None:
            # Only a value that is the default anyway leaves nothing to do.
            assert covers(state[attribute], before[attribute]), f"without {attribute}"

    lanes = lanes_of(entry, cluster, names, way())
    go_the_way(stack, cluster, entry, lanes, check)
    # And it is as if nothing else had ever been set.
    last = lanes[-1]
    unset = stack.state()[f"{entry.type}.{last.label}"]
    stack.destroy()
    for lane in lanes:
        expect_gone(cluster, entry.objects(lane.states[-1]))
    stack.write(hcl.resource(entry.type, last.label, last.states[-1]))
    stack.apply(checked=False)
    made = stack.state()[f"{entry.type}.{last.label}"]
    assert differing(made, unset, entry.history) == {}
    stack.destroy()


def differing(made, found, apart_from):
    """Attributes of two states that differ, as (made, found). JSON texts of the same value do not."""
    def same(a, b):
        try:
            return a == b or json.loads(a) == json.loads(b)
        except (TypeError, ValueError):
            return False

    return {
        name: (made[name], found[name])
        for name in made if name not in apart_from and not same(made[name], found[name])
    }


def test_import_gives_the_same_state(entry, address, stack, new_stack, names):
    attributes = {k: v for k, v in entry.full(names).items() if k not in entry.imported_otherwise}
    stack.write(text(entry, attributes))
    stack.apply(checked=False)
    made = stack.state()[address]

    imported = new_stack("imported")
    imported.write(text(entry, attributes))
    imported.import_(address, entry.import_id(attributes))
    found = imported.state()[address]
    assert differing(made, found, entry.not_imported | entry.history | entry.imported_as) == {}
    # What import cannot know is taken from the configuration: nothing is replaced.
    assert set(imported.plan().actions.values()) <= {"update"}
    imported.apply()
    assert differing(made, imported.state()[address], entry.history) == {}
    imported.destroy()


@THOROUGH
def test_import_block_with_generated_configuration(entry, address, stack, new_stack, names):
    attributes = entry.importable(names)
    stack.write(text(entry, attributes))
    stack.apply(checked=False)
    made = stack.state()[address]

    imported = new_stack("imported")
    imported.write(hcl.block("import", {"to": Expression(address), "id": entry.import_id(attributes)}))
    plan = imported.plan("-generate-config-out=generated.tf")
    taken_over = {address: "update"} if entry.import_takes_over else {}
    assert plan.summary["import"] == 1 and plan.actions == taken_over, imported.show(plan)
    imported.apply()
    found = imported.state()[address]
    assert differing(made, found, entry.history | entry.imported_as) == {}
    imported.destroy()


def test_import_of_what_is_not_there_fails(entry, address, stack, names):
    attributes = entry.minimal(names)
    stack.write(text(entry, attributes))
    result = stack.import_(address, entry.import_id(attributes), fails=True)
    assert result.says("non-existent remote object") or result.says("not found"), result
    assert address not in stack.state()


@PROVIDERS_OWN
def test_deleted_outside_is_planned_again(entry, address, stack, cluster, names):
    attributes = entry.full(names)
    stack.write(text(entry, attributes))
    stack.apply(checked=False)
    main, *parts = entry.objects(attributes)
    # A claim stays as long as a pod has it.
    parts = [ref for ref in parts if ref[0] != "PersistentVolumeClaim"]
    for ref in parts:
        cluster.api.delete(*ref)
    if parts:
        assert stack.apply().actions == {address: "update"}
        assert present(cluster, parts) == parts
    cluster.api.delete(*main)
    assert stack.apply().actions == {address: "update" if entry.goes_in_parts and parts else "create"}
    assert present(cluster, [main, *parts]) == [main, *parts]
    stack.destroy()


@PROVIDERS_OWN
def test_changed_outside_is_shown(entry, address, stack, cluster, names):
    """A field of ours that somebody took: plan says who has it now and what can be done, and the way out that
    always works is to take it back."""
    attributes = entry.full(names)
    stack.write(text(entry, attributes))
    stack.apply(checked=False)
    before = [cluster.get(*ref) for ref in entry.objects(attributes)]
    entry.change_outside(cluster, attributes)
    # Without a refresh nobody looks.
    stack.expect_empty("-refresh=false")
    plan = stack.plan()
    assert plan.actions == {address: "update"} and plan.drift == {address: "update"}
    assert plan.says("somebody", "force_conflicts") and plan.warnings[0].address == address, plan
    result = stack.run("apply", "-json", "-input=false", str(plan.file), codes=(1,))
    assert result.says("somebody", "force_conflicts") and result.error.address == address, result
    stack.write(text(entry, attributes | {"force_conflicts": True}))
    stack.apply()
    for old, ref in zip(before, entry.objects(attributes)):
        new = cluster.get(*ref)
        assert {k: v for k, v in new.items() if k != "metadata"} == {
            k: v for k, v in old.items() if k != "metadata"
        }
    stack.destroy()


@THOROUGH
@PROVIDERS_OWN
def test_removed_outside_is_put_back(entry, address, stack, cluster, names):
    """A field of ours that somebody removed is nobody's, so it simply comes back."""
    attributes = entry.full(names)
    stack.write(text(entry, attributes))
    stack.apply(checked=False)
    before = [cluster.get(*ref) for ref in entry.objects(attributes)]
    entry.remove_outside(cluster, attributes)
    stack.expect_empty("-refresh=false")
    plan = stack.apply()
    assert plan.actions == {address: "update"} and plan.drift == {address: "update"}
    for old, ref in zip(before, entry.objects(attributes)):
        new = cluster.get(*ref)
        assert {k: v for k, v in new.items() if k != "metadata"} == {
            k: v for k, v in old.items() if k != "metadata"
        }
    stack.destroy()


@PROVIDERS_OWN
def test_deleting_what_is_gone_succeeds(entry, stack, cluster, names):
    attributes = entry.full(names)
    stack.write(text(entry, attributes))
    stack.apply(checked=False)
    for ref in entry.objects(attributes):
        cluster.api.delete(*ref)
    # Without a refresh, so that the provider's delete is what finds nothing.
    stack.destroy("-refresh=false")
    assert stack.state().resources == {}


@THOROUGH
def test_unknown_inputs_plan(entry, address, stack, cluster, names):
    attributes = entry.full(names)
    source = hcl.resource("terraform_data", "source", {"input": attributes})
    unknown = {name: Expression(f"terraform_data.source.output.{name}") for name in attributes}
    # An instance for each attribute that is unknown. Two services of one name, or of one selector, are an error.
    stack.write(source + "".join(
        hcl.resource(entry.type, f"unknown_{name}", attributes | (
            {"name": f"u-{number}", "selector": {"app": f"u-{number}"}} if entry.type == "charon_service" else {}) | {name: unknown[name]})
        for number, name in enumerate(attributes)
    ))
    wanted = {f"{entry.type}.unknown_{name}": "create" for name in attributes}
    assert stack.plan().actions == wanted | {"terraform_data.source": "create"}
    expect_gone(cluster, entry.objects(attributes))
    # All of them at once, and through to the end.
    stack.write(source + text(entry, unknown))
    stack.apply()
    objects = entry.objects(attributes)
    assert present(cluster, objects) == objects
    # The whole configuration unknown again, while the objects exist.
    stack.write(hcl.resource("terraform_data", "source", {"input": attributes, "triggers_replace": "again"})
                + text(entry, unknown))
    assert stack.plan().actions[address] in ("update", "replace")
    stack.apply()
    stack.destroy()
    expect_gone(cluster, objects)


# --- When the server has trouble in the middle of it ---------------------------------------------


TROUBLE = {
    "the server errs": proxy.Answer(500, message="etcdserver: injected by the test"),
    "the answer is lost": proxy.Drop(acted=True),
    "the request is lost": proxy.Drop(acted=False),
}


def writes_of_a_create(stack, front, entry, names, attributes) -> int:
    """Applies it once without any trouble, and counts."""
    stack.write(hcl.resource(entry.type, "untroubled", attributes))
    stack.apply(checked=False)
    return sum(map(proxy.is_about(names.mark), front.writes()))


@PROVIDERS_OWN
@THOROUGH
def test_create_goes_on_after_trouble(entry, new_stack, cluster, names):
    """The n-th write of a create fails in each way, for each n: what state says is there, what is missing comes with the
    next apply, and nothing is in its own way. Each is an instance of its own, all in one run."""
    make = entry.troubled or entry.full
    front = cluster.proxy()
    stack = new_stack("stack", kubeconfig=front.kubeconfig)
    stack.environment |= {"TF_CLI_ARGS_plan": WIDE, "TF_CLI_ARGS_apply": WIDE, "TF_CLI_ARGS_destroy": WIDE}
    writes = writes_of_a_create(stack, front, entry, names, make(names))
    assert writes >= len(entry.objects(make(names)))
    front.reset()
    lanes, rules = {}, {}
    for trouble, action in TROUBLE.items():
        for number in range(1, writes + 1):
            lane = f"{trouble.replace(' ', '_')}_{number}"
            lanes[lane] = Names()
            entry.prepare(cluster, lanes[lane])
            rules[lane] = front.on(proxy.write_about(lanes[lane].mark, number), action)
    untroubled = hcl.resource(entry.type, "untroubled", make(names))
    stack.write(untroubled + "".join(hcl.resource(entry.type, lane, make(own)) for lane, own in lanes.items()))
    result = stack.run("apply", "-json", "-input=false", "-auto-approve", codes=(0, 1))
    front.heal()
    assert [lane for lane, rule in rules.items() if rule.left] == [], "these met no trouble"
    if result.code:
        assert result.errors and {e.address for e in result.errors} <= {f"{entry.type}.{lane}" for lane in lanes}, result
    expect_state_is_true(stack)
    stack.apply()
    for lane, own in lanes.items():
        objects = entry.objects(make(own))
        assert present(cluster, objects) == objects, lane
    stack.destroy()
    for own in lanes.values():
        expect_gone(cluster, entry.objects(make(own)))


def expect_state_is_true(stack):
    """What state claims is what the server has: a refresh would change nothing."""
    plan = stack.plan("-refresh-only")
    assert plan.drift == {}, stack.show(plan)
