"""The harness around the real programs, without our provider: resources that are built in."""

import json
import signal
import subprocess
import sys
import time

import pytest

from harness import cli, processes
from harness.errors import CommandFailed
from harness.stack import Running, Stack

MAIN = """
resource "terraform_data" "a" {
  input            = "%s"
  triggers_replace = "%s"
}
output "it" {
  value = terraform_data.a.output
}
"""
SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "sleep 60"
  }
}
"""


@pytest.fixture(params=["terraform", "tofu"])
def stack(request, tmp_path):
    program = cli.find(request.param)
    if not program:
        pytest.skip(f"no {request.param} here")
    stack = Stack(tmp_path, program, provider=tmp_path)
    (stack.config / "required.tf").unlink()
    yield stack
    stack.close()


def test_apply_says_what_it_did_and_destroy_ends_it(stack):
    stack.write(MAIN % ("one", ""))
    plan = stack.apply()
    assert plan.actions == {"terraform_data.a": "create"} and plan.outputs == {"it": "create"}
    assert stack.state()["terraform_data.a"]["input"]["value"] == "one"
    assert stack.state().outputs == {"it": "one"}
    assert stack.planned(plan, "terraform_data.a")["after"]["input"] == "one"
    stack.destroy()
    assert stack.state().resources == {}


def test_actions_of_a_plan(stack):
    stack.write(MAIN % ("one", ""))
    stack.apply()
    stack.write(MAIN % ("two", ""))
    plan = stack.plan()
    assert plan.actions == {"terraform_data.a": "update"} and not plan.is_empty
    stack.write(MAIN % ("one", "other"))
    assert stack.plan().actions == {"terraform_data.a": "replace"}
    stack.write("")
    assert stack.plan().actions == {"terraform_data.a": "delete"}


def test_a_plan_that_only_changes_outputs_is_not_empty(stack):
    stack.write(MAIN % ("one", ""))
    stack.apply()
    stack.write(MAIN % ("one", ""), more='output "more" {\n  value = 1\n}\n')
    assert not stack.plan().is_empty
    with pytest.raises(CommandFailed, match="should be empty"):
        stack.expect_empty()


def test_errors_are_told_apart_with_their_place(stack):
    stack.write('resource "terraform_data" "a" {\n  inptu = 1\n}\n')
    error = stack.plan(fails=True).error
    assert (error.severity, error.summary, error.line) == ("error", "Unsupported argument", 2)
    assert "inptu" in error.code
    with pytest.raises(CommandFailed, match="Unsupported argument"):
        stack.plan()
    assert stack.validate(fails=True)[0].summary == "Unsupported argument"


def test_what_core_must_not_say_fails_the_test(stack):
    text = "Error: Provider produced inconsistent\n│ result after apply"
    result = cli.Result(["x"], 1, "", f"│ {text}", 0.1, None)
    with pytest.raises(CommandFailed, match="Provider produced inconsistent"):
        stack.check(result)
    stack.allowed = {"Provider produced inconsistent", "inconsistent result"}
    stack.check(result)


def test_each_command_leaves_output_and_trace(stack):
    stack.write(MAIN % ("one", ""))
    stack.plan()
    assert {p.name for p in stack.logs.iterdir()} == {"01-plan.out", "01-plan.err", "01-plan.trace"}
    assert "TRACE" in (stack.logs / "01-plan.trace").read_text()


def test_killed_programs_are_waited_for(stack):
    stack.write(SLOW)
    running = stack.start("apply", "-auto-approve")
    while not any("sleep 60" in processes.arguments(p) for p in processes.descendants(running.pid)):
        time.sleep(0.02)
    running.kill_terraform()
    assert stack.finish(running).code == -signal.SIGKILL
    stack.end_processes()
    marker = f"TF_DATA_DIR={stack.environment['TF_DATA_DIR']}"
    deadline = time.monotonic() + 5
    while processes.all_with_environment(marker):
        assert time.monotonic() < deadline
        time.sleep(0.02)


WRITER = """
import sys, time
with open(sys.argv[1], "w") as state:
    while True:
        state.seek(0)
        state.truncate(0)
        time.sleep(0.01)
        state.write('{"serial": 1, "resources": [')
        state.flush()
        time.sleep(0.01)
        state.write(']}')
        state.flush()
        time.sleep(0.002)
"""


def test_nothing_is_killed_while_it_writes_the_state(stack):
    file = stack.config / "terraform.tfstate"
    for _ in range(10):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(file)])
        while not file.exists():
            time.sleep(0.001)
        Running(stack, process, [], "", None).kill_terraform()
        assert process.wait() == -signal.SIGKILL
        assert json.loads(file.read_text()) == {"serial": 1, "resources": []}
    # One that waits for its first state has nothing to lose.
    file.write_text("")
    process = subprocess.Popen(["sleep", "60"])
    Running(stack, process, [], "", None).kill_terraform()
    assert process.wait() == -signal.SIGKILL and file.read_text() == ""


def test_arguments_of_short_processes_are_seen(stack):
    stack.write(SLOW.replace("sleep 60", "sleep 0.3 #seen-me"))
    with stack.watching_arguments():
        stack.run("apply", "-auto-approve")
    assert "seen-me" in stack.process_arguments().read_text()
