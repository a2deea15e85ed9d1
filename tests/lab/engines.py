"""The engines of the lab: the system's dockerd, and newer ones from the packages of later Debians, unpacked beside it."""

import lzma
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

# Their runc would need a newer C library than Debian 12 has: the system's serves all.
PACKAGES = ["docker.io", "containerd"]
# Docker's major version -> the release of Debian that carries it.
RELEASES = {26: "trixie", 28: "forky"}


def debian() -> str:
    """The mirror of Debian's packages that this system uses."""
    words = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    mirrors = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    mirrors = [mirror for mirror in mirrors if "security" not in mirror and mirror.startswith("http")]
    if not mirrors:
        raise SystemExit("lab: apt knows no mirror of Debian's packages, from which newer engines come")
    return mirrors[0].rstrip("/")


def programs(version: int, cache: Path) -> Path:
    """The folder of a newer Docker's programs; fetched once for a machine."""
    return unpacked(f"docker{version}", RELEASES[version], PACKAGES, cache)


def buildx(cache: Path) -> Path:
    """Docker's own client of BuildKit: what an ignore file leaves out is its decision."""
    return unpacked("buildx", RELEASES[26], ["docker-buildx"], cache) / "usr/libexec/docker/cli-plugins/docker-buildx"


def unpacked(what: str, release: str, packages: list[str], cache: Path) -> Path:
    root = cache / what
    if (root / "complete").exists():
        return root
    print(f"lab: fetching {what} (once)", file=sys.stderr)
    mirror = debian()
    with urllib.request.urlopen(f"{mirror}/dists/{release}/main/binary-amd64/Packages.xz", timeout=60) as answer:
        listing = lzma.decompress(answer.read()).decode()
    for name in packages:
        entry = re.search(rf"^Package: {re.escape(name)}\n(?:.+\n)*", listing, re.MULTILINE).group(0)
        path = re.search(r"^Filename: (.+)$", entry, re.MULTILINE).group(1)
        package = cache / f"{name}-{what}.deb"
        with urllib.request.urlopen(f"{mirror}/{path}", timeout=60) as answer, open(package, "wb") as file:
            shutil.copyfileobj(answer, file)
        subprocess.run(["dpkg", "-x", package, root], check=True)
        package.unlink()
    (root / "complete").touch()
    return root


def start(folder: Path, socket: Path, programs: Path | None, more: list[str]) -> subprocess.Popen:
    """A dockerd with its own data, socket and containerd. `programs`: where it is unpacked; the system's when None.
    `more`: arguments of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    dockerd = "dockerd"
    if programs:
        folders = [programs / "usr/sbin", programs / "usr/bin"]
        environment["PATH"] = ":".join([*map(str, folders), environment["PATH"]])
        dockerd = str(programs / "usr/sbin/dockerd")
    words = [dockerd, "--host", f"unix://{socket}", "--data-root", folder / "data", "--exec-root", folder / "run"]
    # Steps run in the host's network, to reach the lab on loopback; checks have none.
    words += ["--pidfile", folder / "pid", "--bridge", "none", "--iptables=false", *more]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    for _ in range(600):
        if answers(socket):
            return process
        if process.poll() is not None:
            break
        time.sleep(0.1)
    log = (folder / "log").read_text().splitlines()[-10:]
    raise SystemExit("lab: the engine did not start:\n" + "\n".join(log))


def answers(socket: Path) -> bool:
    words = ["docker", "--host", f"unix://{socket}", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(words, capture_output=True).returncode == 0
