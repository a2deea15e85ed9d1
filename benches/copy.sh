#!/bin/sh
# A copied folder of 50,000 files, one that is 1,000 deep, and a sparse file of 3 GB: the first build, nothing changed, one
# file changed; beside `docker build` of the same on the same engine. Needs an engine, alpine:3.13 on it, and docker with buildx
# (or the lab's).
set -eu
cd "$(dirname "$0")/.."
cargo build --quiet --release
f3s=$PWD/target/release/f3s
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" && exec python3 - "$f3s" <<'PYTHON'
import os
import pathlib
import subprocess
import sys
import time

f3s = sys.argv[1]
# In the lab Docker's client is an older one without BuildKit.
client = os.environ.get("F3S_LAB_BUILDX", "docker")
environment = dict(os.environ, F3S_CACHE_DIR=os.path.abspath("cache"), DOCKER_BUILDKIT="1")
environment.pop("F3S_CONFIG", None)
pathlib.Path("f3s.toml").write_text("")
pathlib.Path("scripts").mkdir()


def many():
    for number in range(50_000):
        file = pathlib.Path(f"many/{number % 500:03}/{number}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {number}\n")
    return pathlib.Path("many/250/250")


def deep():
    here = os.getcwd()
    os.mkdir("deep")
    os.chdir("deep")
    for number in range(1_000):
        pathlib.Path("f").write_text(f"{number}\n")
        os.mkdir("d")
        os.chdir("d")
    os.chdir(here)
    return pathlib.Path("deep/d/d/d/f")


def sparse():
    os.mkdir("sparse")
    with open("sparse/file", "wb") as file:
        file.truncate(3 << 30)
    return pathlib.Path("sparse/small")


def timed(words):
    start = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    seconds = time.monotonic() - start
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr[-2000:]}")
    return seconds


print(f"{'folder':8} {'what':18} {'f3s':>8} {'docker build':>13}")
for make in [many, deep, sparse]:
    name = make.__name__
    change = make()
    pathlib.Path(f"scripts/{name}.rhai").write_text(f'base("alpine:3.13");\ncopy("../{name}", "/{name}");\n')
    pathlib.Path("Dockerfile").write_text(f"FROM alpine:3.13\nCOPY {name} /{name}\n")
    # Digests of files that are younger than this are not kept.
    time.sleep(2.5)
    for what in ["first", "nothing changed", "one file changed"]:
        if what == "one file changed":
            change.write_text(f"changed at {time.time()}\n")
        ours = timed([f3s, "build", name])
        theirs = timed([client, "build", "--quiet", "--tag", f"bench-{name}", "."])
        print(f"{name:8} {what:18} {ours:6.2f} s {theirs:11.2f} s", flush=True)
subprocess.run([f3s, "prune"], capture_output=True, env=environment)
subprocess.run(["docker", "rmi", "bench-many", "bench-deep", "bench-sparse"], capture_output=True)
PYTHON
