#!/usr/bin/env python3
"""Compiles each file by itself as far as its names, without precompiled headers: check_includes.py BUILD JOBS.

A build with these, or one that compiles several files as one (CHARON_BATCH), finds the names of other files' headers in every
file, so that nothing there tells of an #include that is missing. BUILD holds a compile_commands.json of Clang's. Exit code 1 if
any file does not compile."""
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys


CHECKOUT = pathlib.Path(__file__).resolve().parents[1]
ROOTS = (CHECKOUT, CHECKOUT / "acceptance-tests/sandbox")  # of what batches include


def check(entry: dict) -> str:
    words = shlex.split(entry["command"])
    command = []
    while words:
        word = words.pop(0)
        if word in ("-include-pch", "-o"):
            words.pop(0)
        elif word not in ("-c", "-Winvalid-pch", "-Xclang"):
            command.append(word)
    run = subprocess.run([*command, "-fsyntax-only"], cwd=entry["directory"], capture_output=True, text=True)
    return run.stderr if run.returncode else ""


def each_alone(build: pathlib.Path) -> list[dict]:
    """The command of each file; one that is compiled as a part of another has the other's."""
    entries = []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        parts = [entry["file"]]
        if "/batches/" in entry["file"]:
            parts = [str(next(root / part for root in ROOTS if (root / part).exists()))
                     for part in re.findall(r'#include "(.*)"', pathlib.Path(entry["file"]).read_text())]
        entries += [{**entry, "command": entry["command"].replace(entry["file"], part)}
                    for part in parts if not pathlib.Path(part).is_relative_to(build.resolve())]
    return entries


entries = each_alone(pathlib.Path(sys.argv[1]))
with concurrent.futures.ThreadPoolExecutor(int(sys.argv[2])) as workers:
    wrong = [errors for errors in workers.map(check, entries) if errors]
print("".join(wrong) + f"{len(entries)} files compiled by themselves, {len(wrong)} of them could not be")
sys.exit(bool(wrong) or not entries)
