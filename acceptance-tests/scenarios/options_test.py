"""Options of Terraform, for an instance of each entry of entries.py at once."""

import contextlib

import pytest

from entries import ENTRIES
from harness import hcl
from harness.clusters import Names
from lifecycle_test import expect_gone, present


class Subject:
    """One instance of an entry, with names of its own."""

    def __init__(self, entry, number, cluster):
        self.entry = entry
        self.names = Names()
        self.address = f"{entry.type}.subject{number}"
        entry.prepare(cluster, self.names)

    def text(self, attributes) -> str:
        return hcl.resource(self.entry.type, self.address.partition(".")[2], attributes)

    @property
    def full(self):
        return self.entry.full(self.names)

    @property
    def minimal(self):
        return self.entry.minimal(self.names)


@pytest.fixture(autouse=True)
def taking_turns(exclusive):
    with contextlib.ExitStack() as turns:
        for what in sorted({entry.exclusive for entry in ENTRIES} - {""}):
            turns.enter_context(exclusive(what))
        yield


@pytest.fixture
def subjects(cluster, taking_turns):
    return [Subject(entry, number, cluster) for number, entry in enumerate(ENTRIES)]


def test_without_refresh(stack, cluster, subjects):
    stack.write("".join(s.text(s.full) for s in subjects))
    stack.apply("-refresh=false")
    updated = {
        s.address: next((name, updates[0]) for name, updates in s.entry.updates(s.names).items() if updates[0].action == "update")
        for s in subjects
    }
    stack.write("".join(s.text(s.full | {updated[s.address][0]: updated[s.address][1].value}) for s in subjects))
    assert stack.apply("-refresh=false").actions == {s.address: "update" for s in subjects}
    stack.expect_empty("-refresh=false")
    stack.destroy("-refresh=false")
    for s in subjects:
        expect_gone(cluster, s.entry.objects(s.full))


def test_target(stack, cluster, subjects):
    others = [Subject(s.entry, f"_other{number}", cluster) for number, s in enumerate(subjects)]
    stack.write("".join(s.text(s.minimal) for s in subjects), others="".join(s.text(s.minimal) for s in others))
    targets = [f"-target={s.address}" for s in subjects]

    def is_there(subject):
        return cluster.has(*subject.entry.objects(subject.minimal)[0])

    assert stack.apply(*targets, checked=False).actions == {s.address: "create" for s in subjects}
    assert all(map(is_there, subjects)) and not any(map(is_there, others))
    assert stack.apply().actions == {s.address: "create" for s in others}
    stack.destroy(*targets)
    assert not any(map(is_there, subjects)) and all(map(is_there, others))
    stack.destroy()


def test_replace(stack, cluster, subjects):
    stack.write("".join(s.text(s.full) for s in subjects))
    stack.apply(checked=False)

    def uids():
        return {s.address: cluster.get(*s.entry.objects(s.full)[0])["metadata"]["uid"] for s in subjects}

    before = uids()
    plan = stack.apply(*(f"-replace={s.address}" for s in subjects))
    assert plan.actions == {s.address: "replace" for s in subjects}
    assert {change["reason"] for change in plan.changes.values()} == {"requested"}
    after = uids()
    assert [address for address in before if before[address] == after[address]] == []
    for s in subjects:
        assert present(cluster, s.entry.objects(s.full)) == s.entry.objects(s.full), s.address
    stack.destroy()


@pytest.mark.sandbox_only("no server is asked at all")
def test_mock_provider(stack, cluster, subjects):
    asked = len(cluster.requests())
    stack.environment["KUBE_CONFIG_PATH"] = "/nonexistent/kubeconfig"
    stack.write("".join(s.text(s.full) for s in subjects))
    conditions = ""
    for s in subjects:
        first = next(iter(s.full))
        conditions += f"""
  assert {{
    condition     = {s.address}.{first} == {hcl.value(s.full[first])}
    error_message = "{s.address}.{first}"
  }}"""
    stack.write_file("tests/main.tftest.hcl", f"""
mock_provider "charon" {{}}

run "plan" {{
  command = plan{conditions}
}}

run "apply" {{{conditions}
}}
""")
    result = stack.run("test", "-json")
    summary = next(m["test_summary"] for m in result.messages if m["type"] == "test_summary")
    assert (summary["passed"], summary["failed"], summary["errored"]) == (2, 0, 0), result
    assert len(cluster.requests()) == asked
