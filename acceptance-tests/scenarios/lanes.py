"""What goes wrong at a write, many times in one run: a lane is something of its own that is made, changed and removed. All lanes of
a step are struck by one command, each at one of its writes and in its way; the same command again has to end it."""

import dataclasses
from collections.abc import Iterable

from crash_test import apply_and_kill
from harness import proxy
from harness.clusters import Names
from lifecycle_test import expect_state_is_true

STEPS = ("create", "update", "destroy")
WIDE = "-parallelism=64"


@dataclasses.dataclass
class Lane:
    number: int = 1  # of the write that is struck; the last one of a step that has fewer
    acted: bool = False  # whether the server has done it
    fault: proxy.Action | None = None
    same_run: bool | None = None  # whether the run that is struck gets over the fault; None: that depends on the time that is left
    names: Names = dataclasses.field(default_factory=Names)
    # Whether also a run that fails leaves in the state what the server has, and nothing else.
    state_is_true = False

    def __str__(self) -> str:
        return f"write {self.number}, acted={self.acted}, {self.fault}"

    @property
    def more(self) -> dict:
        """Further attributes of its resources: what hangs is given up in time, but not before a busy server has done all lanes' work."""
        return {"timeouts": dict.fromkeys(("create", "update", "delete"), "10s")} if isinstance(self.fault, proxy.Hang) else {}

    def writes(self, step: str) -> int:
        raise NotImplementedError

    def about(self) -> proxy.Matches:
        """What is about it, as things are now."""
        raise NotImplementedError

    def text(self, step: str) -> str:
        """The configuration, for create and update."""
        raise NotImplementedError

    def found(self) -> object:
        """What the server has."""
        raise NotImplementedError

    def expected(self, step: str) -> object:
        """What it has to have then."""
        raise NotImplementedError

    def strike(self, step: str) -> int:
        return min(self.number, self.writes(step))


def write(stack, lanes: list[Lane], step: str) -> None:
    stack.write("".join(lane.text("update" if step == "destroy" else step) for lane in lanes))


def command(step: str) -> str:
    return "destroy" if step == "destroy" else "apply"


def finish(stack, lanes: list[Lane], step: str) -> None:
    """What was made is in the state or found, and the same command again ends it."""
    if step == "create" and lanes[0].state_is_true:
        expect_state_is_true(stack)
    if step == "destroy":
        stack.destroy(WIDE)
        assert stack.state().resources == {}
    else:
        stack.apply(WIDE)
    for lane in lanes:
        assert lane.found() == lane.expected(step), f"{step}: {lane}"


def kill(stack, front, lanes: list[Lane], victims: Iterable[str]) -> None:
    """Kills the victim of each step, provider or terraform, when each lane is at its write."""
    for step, victim in zip(STEPS, victims):
        write(stack, lanes, step)
        apply_and_kill(stack, front, victim, [(lane.about(), lane.strike(step), lane.acted) for lane in lanes], command(step))
        finish(stack, lanes, step)


def strike(stack, front, lanes: list[Lane]) -> None:
    """Each step goes on with all lanes' faults, and those that say so get over them."""
    for step in STEPS:
        write(stack, lanes, step)
        front.reset()
        for lane in lanes:
            front.on(proxy.write_about(lane.about(), lane.strike(step)), lane.fault)
        result = stack.run(command(step), "-json", "-input=false", "-auto-approve", WIDE, codes=(0, 1))
        assert len([e for e in front.log() if e.fault]) == len(lanes), [str(e) for e in front.log()]
        said = "".join(error.address + error.text for error in result.errors)
        for lane in lanes:
            assert lane.same_run is None or lane.names.are_in(said) != lane.same_run, f"{step}: {lane}: {result}"
        front.heal()
        finish(stack, lanes, step)
