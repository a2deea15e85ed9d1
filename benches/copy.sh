#!/bin/sh
# A copied folder of 50,000 files, one that is 1,000 deep, and a sparse file of 3 GB: the first build, nothing changed, one
# file changed; beside `docker build` of the same on the same engine. Needs an engine, alpine:3.13 on it, and docker with buildx
# (or the lab's). Arguments name some of the three: many, deep, sparse.
set -eu
cd "$(dirname "$0")/.."
cargo build --quiet --release
f3s=$PWD/target/release/f3s
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" && exec python3 - "$f3s" "$@" <<'PYTHON'
import os
import pathlib
import subprocess
import sys
import time

f3s = sys.argv[1]
folders = sys.argv[2:] or ["many", "deep", "sparse"]
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
    """Seconds that passed, and of the client's own processor time: what else the machine does says nothing of it."""
    with open("said", "w") as said:
        start = time.monotonic()
        process = subprocess.Popen(words, stdout=said, stderr=said, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
    if status:
        raise SystemExit(f"{words}: {pathlib.Path('said').read_text()[-2000:]}")
    return f"{seconds:9.2f} s {usage.ru_utime + usage.ru_stime:7.2f} s"


print(f"{'folder':8} {'what':18} {'f3s':>11} {'(client)':>9} {'docker':>11} {'(client)':>9}")
for name in folders:
    change = {"many": many, "deep": deep, "sparse": sparse}[name]()
    # Other targets: neither finds in the engine's cache what the other has copied.
    pathlib.Path(f"scripts/{name}.rhai").write_text(f'base("alpine:3.13");\ncopy("../{name}", "/f3s");\n')
    pathlib.Path("Dockerfile").write_text(f"FROM alpine:3.13\nCOPY {name} /docker\n")
    # Digests of files that are younger than this are not kept.
    time.sleep(2.5)
    for what in ["first", "nothing changed", "one file changed"]:
        if what == "one file changed":
            change.write_text(f"changed at {time.time()}\n")
        ours = timed([f3s, "build", name])
        theirs = timed([client, "build", "--quiet", "--tag", f"bench-{name}", "."])
        print(f"{name:8} {what:18} {ours} {theirs}", flush=True)
subprocess.run([f3s, "prune"], capture_output=True, env=environment)
subprocess.run(["docker", "rmi", *(f"bench-{name}" for name in folders)], capture_output=True)
PYTHON
