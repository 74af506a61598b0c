#!/usr/bin/env python3
"""Compiles each file as far as its names, without precompiled headers: check_includes.py BUILD JOBS.

A build that has these finds every name of theirs in every file, so that nothing there tells of an #include that is missing.
BUILD holds a compile_commands.json of Clang's. Exit code 1 if any file does not compile."""
import concurrent.futures
import json
import pathlib
import shlex
import subprocess
import sys


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


build = pathlib.Path(sys.argv[1])
entries = [entry for entry in json.loads((build / "compile_commands.json").read_text())
           if not pathlib.Path(entry["file"]).is_relative_to(build.resolve())]
with concurrent.futures.ThreadPoolExecutor(int(sys.argv[2])) as workers:
    wrong = [errors for errors in workers.map(check, entries) if errors]
print("".join(wrong) + f"{len(entries)} files compiled without precompiled headers, {len(wrong)} of them could not be")
sys.exit(bool(wrong) or not entries)
