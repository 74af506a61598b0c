"""That the bench fails when it should: a missed bar, a row without one."""

import importlib.util
import pathlib

import pytest

SPEC = importlib.util.spec_from_file_location("bench", pathlib.Path(__file__).with_name("bench.py"))
bench = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bench)


@pytest.fixture
def measured(monkeypatch):
    """Runs the bench's command line with a part that measures what the test says."""

    def run(resident):
        monkeypatch.setattr(bench.os, "access", lambda *_: True)
        monkeypatch.setattr(bench.harness_cli, "find", lambda _: bench.harness_cli.Cli("terraform", "terraform", "1.11.4"))
        monkeypatch.setattr(bench, "start_and_memory", lambda bars, *_: bars.add(
            "memory", f"{resident} MiB", "<= 18 MiB", resident <= 18))
        monkeypatch.setattr(bench.sys, "argv", ["bench.py", "--only", "start"])
        return bench.main()

    return run


def test_a_bar_that_holds_is_success(measured, capsys):
    assert measured(18) == 0
    assert "| memory | 18 MiB   | <= 18 MiB | ok |" in capsys.readouterr().out


def test_a_missed_bar_fails_the_command(measured, capsys):
    assert measured(19) == 1
    assert "| MISSED |" in capsys.readouterr().out


def test_a_row_without_a_bar_cannot_be_missed():
    bars = bench.Bars()
    bars.add("for the record", "3 x", met=False)
    assert bars.missed == 0


def test_the_least_of_each_column_counts():
    assert bench.least([bench.Cost(2, 5, 9), bench.Cost(3, 4, 8)]) == bench.Cost(2, 4, 8)


def test_requests_are_told_apart(tmp_path):
    cluster = object.__new__(bench.Cluster)
    cluster.folder = tmp_path
    event = '{"stage": "%s", "userAgent": "%s", "verb": "%s", "requestURI": "%s"}\n'
    (tmp_path / "audit.jsonl").write_text("".join(event % row for row in [
        ("ResponseComplete", "terraform-provider-charon/1", "patch", "/api/v1/x?force=true"),
        ("ResponseComplete", "terraform-provider-charon/1", "patch", "/api/v1/x?dryRun=All"),
        ("ResponseComplete", "terraform-provider-charon/1", "list", "/api/v1/x"),
        ("RequestReceived", "terraform-provider-charon/1", "patch", "/api/v1/x"),
        ("ResponseComplete", "kubectl/1", "create", "/api/v1/x"),
    ]))
    assert cluster.requests() == (1, 1, 1)
