"""What users copy is applied, planned again without changes, and destroyed."""

import pathlib
import shutil

import pytest

from harness.cli import ROOT

EXAMPLES = ROOT / "examples"
KINDS = ("resources", "data-sources", "ephemeral-resources", "functions", "stacks")
# What Terraform 1.14 has and none of the programs at hand: lists and actions are in protocol_test.py.
FOLDERS = [folder for kind in KINDS for folder in sorted((EXAMPLES / kind).glob("*")) if folder.is_dir()]
IMPORTS = [folder for folder in FOLDERS if (folder / "import.tf").exists()]


def name(folder: pathlib.Path) -> str:
    return str(folder.relative_to(EXAMPLES))


def copy(stack, folder: pathlib.Path) -> None:
    (stack.config / "required.tf").unlink()
    for path in folder.glob("*.tf"):
        if path.name != "import.tf":
            shutil.copy(path, stack.config)


@pytest.fixture(autouse=True)
def taking_turns(exclusive):
    """Examples have real names, and the same ones occur in several."""
    with exclusive("examples"), exclusive("built-in-tiers"):
        yield


@pytest.mark.parametrize("example", FOLDERS, ids=name)
def test_example(stack, example):
    copy(stack, example)
    stack.apply()
    stack.destroy()
    assert stack.state().resources == {}


@pytest.mark.parametrize("example", IMPORTS, ids=name)
def test_example_of_an_import(stack, new_stack, example):
    copy(stack, example)
    stack.apply(checked=False)
    imported = new_stack("imported")
    copy(imported, example)
    shutil.copy(example / "import.tf", imported.config)
    plan = imported.plan()
    (address,) = [a for a, change in plan.changes.items() if "importing" in change]
    assert plan.changes[address]["action"] in ("import", "noop", "update"), imported.show(plan)
    stack.destroy()


@pytest.mark.sandbox_only("asks no server")
@pytest.mark.one_cli("the format is the same")
def test_examples_are_formatted(stack):
    stack.config = EXAMPLES
    result = stack.run("fmt", "-recursive", "-check", "-list=true", codes=(0, 3))
    assert result.stdout == ""
