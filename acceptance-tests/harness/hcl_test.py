import json
import subprocess

import pytest

from harness import cli, hcl
from harness.hcl import Expression


def test_writes_what_a_user_would_write():
    attributes = {"name": "x", "on": True, "none": None, "labels": {"a.b/c": "d"}, "empty": {},
                  "list": [{"n": 1}], "from": Expression("local.y")}
    assert hcl.resource("t", "x", attributes, "lifecycle {\n  prevent_destroy = true\n}") == (
        'resource "t" "x" {\n'
        '  name = "x"\n'
        "  on = true\n"
        "  none = null\n"
        '  labels = {\n    "a.b/c" = "d"\n  }\n'
        "  empty = {}\n"
        "  list = [{\n    n = 1\n  }]\n"
        "  from = local.y\n"
        "  lifecycle {\n    prevent_destroy = true\n  }\n"
        "}\n"
    )


@pytest.mark.parametrize("text", ['"quotes" and \\', "${not.a.template}", "%{ if x }", "line\nline\t", "ä😀", ""])
def test_strings_arrive_as_they_are(tmp_path, text):
    terraform = cli.find("terraform") or cli.find("tofu")
    if not terraform:
        pytest.skip("neither terraform nor tofu here")
    (tmp_path / "main.tf").write_text(f"output \"x\" {{\n  value = jsonencode({hcl.value(text)})\n}}\n")
    environment = {"PATH": "/usr/bin:/bin", "TF_CLI_CONFIG_FILE": "/dev/null", "CHECKPOINT_DISABLE": "1"}
    for arguments in (["apply", "-auto-approve"], ["output", "-raw", "x"]):
        run = subprocess.run([terraform.path, *arguments], cwd=tmp_path, env=environment,
                             capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == text
