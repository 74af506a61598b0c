"""charon_vpn_user on each generation of Headscale: made, renamed, adopted, imported, refused, removed."""

import pytest

from harness import hcl
from harness.front import Front

pytestmark = pytest.mark.one_cli("about the provider and the server")


def user(label, **attributes):
    return hcl.resource("charon_vpn_user", label, attributes)


@pytest.fixture
def front(headscale, vpn_stack):
    """Between the provider and the server."""
    one = Front(headscale.endpoint)
    vpn_stack.environment["HEADSCALE_ENDPOINT"] = one.url
    yield one
    one.close()


@pytest.mark.each_cli("what a user meets first")
def test_users_live_and_go(vpn_stack, headscale, names):
    """Several at once: one made, one adopted, one made anew in place of another, one with nodes that go along."""
    there, replaced = headscale.new_user(names("there")), headscale.new_user(names("replaced"))
    ids = {u["name"]: u["id"] for u in headscale.users()}
    details = {} if headscale.is_old else {
        "display_name": "Robot", "email": "robot@example.com", "picture_url": "https://example.com/robot.png"}

    def config(name, **more):
        return (user("made", name=name, **details) + user("adopted", name=there, on_conflict="adopt", force_delete=True)
                + user("anew", name=replaced, on_conflict="replace") + "".join(more.values()))

    vpn_stack.write(config(names("made")))
    plan = vpn_stack.apply()
    assert any("will be adopted" in w.text for w in plan.warnings) and any("made anew" in w.text for w in plan.warnings)
    made = headscale.user(names("made"))
    assert vpn_stack.state()["charon_vpn_user.made"]["id"] == made["id"]
    if details:
        assert (made["displayName"], made["email"], made["profilePicUrl"]) == tuple(details.values())
    assert headscale.user(there)["id"] == ids[there]
    assert headscale.user(replaced)["id"] != ids[replaced]

    # Another name is the same user; one that somebody renamed is renamed back, one that is gone is made again.
    headscale.ask("DELETE", f"user/{replaced if headscale.is_old else headscale.user(replaced)['id']}")
    headscale.ask("POST", f"user/{there if headscale.is_old else ids[there]}/rename/{names('drifted')}")
    vpn_stack.write(config(names("renamed")))
    plan = vpn_stack.apply()
    assert plan.actions == {"charon_vpn_user.made": "update", "charon_vpn_user.adopted": "update", "charon_vpn_user.anew": "create"}
    assert headscale.user(names("renamed"))["id"] == made["id"]
    assert headscale.user(there)["id"] == ids[there]

    # By name and by id; nothing is left to do then.
    if not details:
        vpn_stack.run("state", "rm", "charon_vpn_user.made")
        vpn_stack.import_("charon_vpn_user.made", names("renamed"))
        vpn_stack.expect_empty()

    # A user with nodes is not removed, and the nodes are named; with force_delete they go along.
    key = headscale.new_key(names("renamed"))
    machine = headscale.machine(names("host"))
    machine.register(key)
    other = headscale.machine(names("other"))
    other.register(headscale.new_key(there))
    result = vpn_stack.destroy(fails=True)
    assert result.says(f"still has the node {machine.node['givenName']} (id {machine.id})", "force_delete"), result
    assert machine.node is not None and other.node is None
    assert headscale.user(there) is None
    headscale.delete_node(machine.id)
    vpn_stack.destroy()
    assert headscale.user(names("renamed")) is None


@pytest.mark.each_cli("what a user meets first")
def test_who_is_there_is_not_taken_unasked(vpn_stack, headscale, names):
    """The plan says so, the apply fails; a destroy, which plans the whole configuration first, does not."""
    there = headscale.new_user(names("there"))
    headscale.new_key(there)  # In use: no interrupted apply left it.
    text = user("one", name=there) + user("other", name=names("other"))
    vpn_stack.write(text)
    failed = vpn_stack.apply(fails=True)
    assert "exists already" in failed.error.text and 'on_conflict = "adopt"' in failed.error.text and failed.error.code.startswith("name")
    plan = vpn_stack.plan()
    warning = next(w for w in plan.warnings if "exists already" in w.text)
    assert "will be unable to create" in warning.summary and warning.address == "charon_vpn_user.one", warning
    assert headscale.user(names("other"))
    # Nor does a change that cannot be.
    vpn_stack.write(user("other", name=there))
    assert [w.address for w in vpn_stack.plan().warnings if "unable to update" in w.summary] == ["charon_vpn_user.other"]
    vpn_stack.destroy()
    assert headscale.user(names("other")) is None and headscale.user(there)

    vpn_stack.write(user("one", name=names("twice")) + user("two", name=names("twice"), on_conflict="adopt"))
    result = vpn_stack.apply(fails=True, checked=False)
    assert result.says("declared twice"), result
    assert len([u for u in headscale.users() if u["name"] == names("twice")]) == 1
    vpn_stack.write("")
    vpn_stack.apply()
    assert headscale.user(names("twice")) is None


@pytest.mark.versions("0.23")
def test_what_the_version_cannot_is_a_plan_error(vpn_stack, headscale, names):
    vpn_stack.write(user("one", name=names("one"), display_name="One")
                    + hcl.resource("charon_vpn_preauth_key", "two", {"tags": ["tag:infra"], "expose_key": True})
                    + hcl.resource("charon_vpn_node", "three", {"hostname": names("host"), "expiry": "2030-01-01T00:00:00Z"}))
    plan = vpn_stack.plan(fails=True)
    assert plan.says("Headscale 0.24 and later can", "Headscale 0.28 and later can", "Headscale 0.27 and later can"), plan
    assert headscale.user(names("one")) is None


def test_an_answer_gets_lost(vpn_stack, headscale, front, names):
    """The user is made once, and is in the state."""
    vpn_stack.write("".join(user(f"u{n}", name=names(f"u{n}")) for n in range(3)))
    front.on("POST", "/user$", acted=True, drop=True, times=2)
    vpn_stack.apply()
    assert len([line for line in front.writes() if line.endswith("/user")]) == 3
    for n in range(3):
        assert vpn_stack.state()[f"charon_vpn_user.u{n}"]["id"] == headscale.user(names(f"u{n}"))["id"]
    vpn_stack.destroy()


def test_killed_while_the_answer_is_awaited(vpn_stack, headscale, front, names):
    """The next apply takes what is exactly as declared, new and in nobody's use, and says so; the rest only if asked to.
    A third one has nothing to do."""
    details = {} if headscale.is_old else {"display_name": "Robot", "email": "robot@example.com"}
    asked = {"plain": {}, "adopted": {"on_conflict": "adopt"}, "refused": {"on_conflict": "fail"}, "used": {}}
    if details:
        asked |= {"detailed": details, "other": {"display_name": "Else"}}

    def config(**changed):
        return "".join(user(label, name=names(label), **(of | changed.get(label, {}))) for label, of in asked.items())

    vpn_stack.write(config())
    front.on("POST", "/user$", acted=True, times=len(asked))
    running = vpn_stack.start("apply", "-json", "-input=false", "-auto-approve")
    front.wait_until_held(len(asked))
    vpn_stack.allowed = {"Plugin did not respond", "plugin crashed", "Plugin error"}
    running.kill_provider()
    assert vpn_stack.finish(running).code == 1
    vpn_stack.allowed = set()
    front.heal()
    made = {label: headscale.user(names(label))["id"] for label in asked}
    assert vpn_stack.state().resources == {}
    headscale.new_key(names("used"))

    wanted = config(other={"display_name": "Another"})
    vpn_stack.write(wanted)
    plan = vpn_stack.plan()
    taken = {w.address.rpartition(".")[2] for w in plan.warnings if "interrupted apply" in w.text and "on_conflict" in w.text}
    refused = {w.address.rpartition(".")[2] for w in plan.warnings if "unable to create" in w.summary}
    assert taken == {"plain", "detailed"} & asked.keys() and refused == {"refused", "used", "other"} & asked.keys(), plan.warnings
    result = vpn_stack.run("apply", "-json", "-input=false", str(plan.file), codes=(1,))
    assert {e.address.rpartition(".")[2] for e in result.errors} == refused, result
    vpn_stack.write(config(**{label: {"on_conflict": "adopt"} for label in refused}))
    vpn_stack.apply()
    assert {label: vpn_stack.state()[f"charon_vpn_user.{label}"]["id"] for label in asked} == made
    vpn_stack.destroy()
    assert not [u for u in headscale.users() if names.are_in(u["name"])]
