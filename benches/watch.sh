#!/bin/sh
# Watch mode on 100 recipes: from saving a recipe to the start of the engine's work, and processor time while idle.
# Needs an engine; the images are from scratch.
set -eu
cd "$(dirname "$0")/.."
cargo build --quiet --release
f3s=$PWD/target/release/f3s
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" && python3 - "$f3s" <<'PYTHON'
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

DEBOUNCE = 0.050
f3s = sys.argv[1]
scripts = pathlib.Path("scripts")
scripts.mkdir()


def recipe(number, word):
    base = f"wb{(number - 1) // 10:03}" if number else "scratch"
    return f'//! Number {number}.\nbase("{base}");\nwrite("/file{number}", "{word}");\nenv("NUMBER", "{number}");\n'


for number in range(100):
    (scripts / f"wb{number:03}.rhai").write_text(recipe(number, "start"))
environment = dict(os.environ, F3S_CACHE_DIR=os.path.abspath("cache"))
words = [f3s, "watch", "--progress", "json"]
# Where the time goes: f3s says how long each of its phases took.
phases = open("phases", "w")
environment["RUST_LOG"] = "f3s=info"
environment["NO_COLOR"] = "1"
watch = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=phases, text=True, env=environment)


def until(event):
    for line in watch.stdout:
        if json.loads(line)["event"] == event:
            return time.perf_counter()
    raise SystemExit("f3s ended")


def spans():
    """Milliseconds that each phase took, busy or waiting, in every round."""
    units = {"ns": 1e-6, "µs": 1e-3, "ms": 1, "s": 1e3}
    found = {}
    for line in open("phases"):
        match = re.search(r"INFO (?:f3s: )?([a-z ]+): .*close time\.busy=([\d.]+)(ns|µs|ms|s) time\.idle=([\d.]+)(ns|µs|ms|s)", line)
        if match:
            name, busy, busy_unit, idle, idle_unit = match.groups()
            took = float(busy) * units[busy_unit] + float(idle) * units[idle_unit]
            found.setdefault(name, []).append(took)
    return found


def processor_seconds():
    fields = open(f"/proc/{watch.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


try:
    until("finished")
    time.sleep(0.5)
    delays = []
    for turn in range(15):
        # A leaf: one image is built.
        saved = time.perf_counter()
        (scripts / "wb099.rhai").write_text(recipe(99, f"turn {turn}"))
        delays.append(until("image_started") - saved)
        until("finished")
        time.sleep(0.2)
    beyond = sorted((delay - DEBOUNCE) * 1000 for delay in delays)
    print(f"save -> engine's work: {statistics.median(beyond):.0f} ms beyond the debounce of 50 ms (median of 15, at most {beyond[-1]:.0f} ms)")
    for name, times in spans().items():
        print(f"    {name}: {statistics.median(times[-15:]):.1f} ms (median)")
    before = processor_seconds()
    time.sleep(5)
    print(f"idle: {(processor_seconds() - before) * 1000:.0f} ms of processor time in 5 s")
finally:
    watch.send_signal(2)
    watch.wait()
    doctor = subprocess.run([f3s, "doctor"], capture_output=True, text=True).stdout
    docker = ["docker", "--host", re.search(r"engine \S+ at (\S+)", doctor).group(1)]
    listing = [*docker, "images", "--format", "{{.Repository}}:{{.Tag}}"]
    images = subprocess.run(listing, capture_output=True, text=True).stdout.split()
    ours = [name for name in images if name.split("/")[-1].startswith("wb")]
    subprocess.run([*docker, "rmi", "--force", *ours], capture_output=True)
PYTHON
