#!/bin/sh
# Planning 500 recipes (each the base of up to ten others): time and memory of `f3s plan`, and, where `docker buildx bake` is
# installed, its `--print` of the same family as a ratio of the two medians in one run.
set -eu
cd "$(dirname "$0")/.."
cargo build --quiet --release
f3s=$PWD/target/release/f3s
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/scripts"

python3 - "$work" <<'PYTHON'
import json
import sys

work = sys.argv[1]
targets = {}
for number in range(500):
    parent = f"image{(number - 1) // 10:03}" if number else "alpine:3.13"
    name = f"image{number:03}"
    steps = "".join(f'run("echo {name} step {step}");\n' for step in range(8))
    with open(f"{work}/scripts/{name}.rhai", "w") as file:
        file.write(f'//! {name}.\nbase("{parent}");\napk(["curl", "jq"]);\n{steps}env("NAME", "{name}");\npush();\n')
    commands = "".join(f"RUN echo {name} step {step}\n" for step in range(8))
    dockerfile = f"FROM base\nRUN apk add curl jq\n{commands}ENV NAME={name}\n"
    base = f"target:{parent}" if number else "docker-image://alpine:3.13"
    targets[name] = {"dockerfile-inline": dockerfile, "contexts": {"base": base}, "tags": [f"{name}:latest"]}
with open(f"{work}/docker-bake.json", "w") as file:
    json.dump({"group": {"default": {"targets": list(targets)}}, "target": targets}, file)
PYTHON

cat >"$work/measure.py" <<'PYTHON'
import os
import statistics
import subprocess
import sys
import time


def measure(words, times=7):
    seconds, peak = [], 0
    for _ in range(times):
        start = time.perf_counter()
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - start)
        assert status == 0, words
        peak = max(peak, usage.ru_maxrss)
    return statistics.median(seconds), peak / 1000


f3s = measure([sys.argv[1], "plan", "--offline", "--format", "json"])
print(f"f3s plan    500 recipes: {f3s[0]:.3f} s (median of 7), {f3s[1]:.0f} MB at most")
bake = ["docker", "buildx", "bake", "--print"]
if subprocess.run(bake, capture_output=True).returncode == 0:
    peer = measure(bake)
    print(f"buildx bake 500 targets: {peer[0]:.3f} s (median of 7), {peer[1]:.0f} MB at most")
    print(f"f3s takes {f3s[0] / peer[0]:.2f} of bake's time, and evaluates scripts and fingerprints besides")
else:
    print("docker buildx is not installed: no comparison")
PYTHON
cd "$work" && python3 measure.py "$f3s"
