#!/usr/bin/env python3
"""The lab: loopback servers that play every upstream of the ten recipes, a registry, and engines.

    lab.py up     start what does not run, write target/lab/env
    lab.py down   end everything; what was made stays for the next time
    lab.py run    up, wait for Ctrl-C, down
    lab.py status succeed if it is up
    lab.py forget make the engines forget their build caches: steps are to run, not to be found
    lab.py clean  fail if tests left something behind, and say what

Logs and data lie in target/lab, what is fetched once for a machine in ~/.cache/f3s/lab.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import engines
import images
import remote
import stock

HERE = Path(__file__).resolve().parent
LAB = Path(os.environ.get("F3S_LAB_DIR") or HERE.parents[1] / "target/lab")
CACHE = Path(os.environ.get("F3S_LAB_CACHE") or Path.home() / ".cache/f3s/lab")
USER, PASSWORD = "lab", "lab-password+/?"
# The same ports every time keep addresses in images, and so fingerprints, the same.
PORTS = {"upstream": 58280, "registry": 58250, "flaky": 58251, "engine_tls": 58276, "ssh": 58222}
UPSTREAMS = """https://github.com https://archive.apache.org https://jmeter-plugins.org https://alpine-pkgs.sgerrand.com
https://raw.githubusercontent.com http://mirrors.tencent.com http://mirrors.cloud.tencent.com
http://mirrors.tuna.tsinghua.edu.cn""".split()
PINNED = """https://github.com/Yelp/dumb-init/releases/download/v1.2.5/dumb-init_1.2.5_x86_64
https://github.com/tianon/gosu/releases/download/1.13/gosu-amd64 https://alpine-pkgs.sgerrand.com/sgerrand.rsa.pub
https://archive.apache.org/dist/jmeter/binaries/apache-jmeter-5.4.1.tgz""".split()
# Where the engines answer, in the lab's state.
SOCKETS = ["socket", "empty_socket", "socket_26", "socket_28", "socket_28_containerd"]
PACKAGES = {
    "dockerd": "docker.io",
    "iptables": "iptables",
    "docker-registry": "docker-registry",
    "htpasswd": "apache2-utils",
    "createrepo_c": "createrepo-c",
    "rpmbuild": "rpm",
    "mmdebstrap": "mmdebstrap",
    "openssl": "openssl",
    "git": "git",
    "xz": "xz-utils",
    "skopeo": "skopeo",
    "pgrep": "procps",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "dropbear": "dropbear-bin",
    "unshare": "util-linux",
    "script": "bsdutils",
}


def install():
    """What the lab needs from the system's packages."""
    search = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program, path=search)]
    if not Path("/usr/share/zoneinfo/Asia/Shanghai").exists():
        missing.append("tzdata")
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SystemExit(f"lab: install these packages of Debian: {' '.join(missing)}")
    print(f"lab: installing {' '.join(missing)}", file=sys.stderr)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True)
    words = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    subprocess.run(words, check=True, capture_output=True, env=environment)


def state() -> dict:
    file = LAB / "state.json"
    return json.loads(file.read_text()) if file.exists() else {}


def runs(pid: int | None, word: str) -> bool:
    """A number in a file proves nothing: the process must be ours."""
    try:
        return pid is not None and word in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def wait_for(port: int, what: str):
    for _ in range(200):
        if not free(port):
            return
        time.sleep(0.05)
    raise SystemExit(f"lab: {what} does not answer on port {port}")


def start(words: list, log: str) -> int:
    with open(LAB / log, "a") as file:
        process = subprocess.Popen([str(word) for word in words], stdout=file, stderr=file, stdin=subprocess.DEVNULL, start_new_session=True)
    return process.pid


def start_registry(known: dict):
    folder = LAB / "registry"
    folder.mkdir(parents=True, exist_ok=True)
    entry = subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], check=True, capture_output=True, text=True).stdout
    (folder / "htpasswd").write_text(entry)
    config = f"""version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {folder / "data"}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{PORTS["registry"]}"}}
auth: {{htpasswd: {{realm: lab, path: {folder / "htpasswd"}}}}}
"""
    (folder / "config.yml").write_text(config)
    known["registry"] = start(["docker-registry", "serve", folder / "config.yml"], "registry.log")


def write_configuration(known: dict):
    import base64

    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    docker = LAB / "docker"
    docker.mkdir(exist_ok=True)
    auths = {f"127.0.0.1:{PORTS[name]}": {"auth": login} for name in ["registry", "flaky"]}
    (docker / "config.json").write_text(json.dumps({"auths": auths}, indent=2) + "\n")
    url = f"http://127.0.0.1:{PORTS['upstream']}"
    mirrors = [f'"{upstream}/" = "{url}/{upstream.partition("://")[2]}/"' for upstream in UPSTREAMS]
    config = f'registry = "127.0.0.1:{PORTS["registry"]}/f3s-tcr"\nnetwork = "host"\n\n[mirrors]\n' + "\n".join(mirrors) + "\n"
    # The stand-ins are other files than those of which the library knows the checksums.
    config += "\n[checksums]\n"
    for pinned in PINNED:
        digest = hashlib.sha256((LAB / "www" / pinned.partition("://")[2]).read_bytes()).hexdigest()
        config += f'"{pinned}" = "sha256:{digest}"\n'
    (LAB / "f3s.toml").write_text(config)
    variables = {
        "DOCKER_HOST": f"unix://{known['socket']}",
        "DOCKER_CONFIG": docker,
        "F3S_CONFIG": LAB / "f3s.toml",
        "F3S_CACHE_DIR": LAB / "cache",
        "F3S_LAB": LAB,
        "F3S_LAB_UPSTREAM": url,
        "F3S_LAB_REGISTRY": f"127.0.0.1:{PORTS['registry']}",
        "F3S_LAB_FLAKY_REGISTRY": f"127.0.0.1:{PORTS['flaky']}",
        "F3S_LAB_EMPTY": f"unix://{known['empty_socket']}",
        "F3S_LAB_26": f"unix://{known['socket_26']}",
        "F3S_LAB_28": f"unix://{known['socket_28']}",
        "F3S_LAB_28_CONTAINERD": f"unix://{known['socket_28_containerd']}",
        "F3S_LAB_BUILDX": engines.buildx(CACHE),
        "F3S_LAB_TLS": f"tcp://127.0.0.1:{PORTS['engine_tls']}",
        "F3S_LAB_SSH": f"ssh://root@127.0.0.1:{PORTS['ssh']}",
        "F3S_LAB_MISSING": " ".join(known["missing"]),
    }
    (LAB / "env").write_text("".join(f"export {name}='{value}'\n" for name, value in variables.items()))


def up():
    install()
    LAB.mkdir(parents=True, exist_ok=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    known = state()
    for name in PORTS:
        PORTS[name] = known.get("ports", {}).get(name, PORTS[name])
    if not runs(known.get("upstream"), "upstream.py"):
        for name, port in PORTS.items():
            while not free(port):
                port += 10
            PORTS[name] = port
        known["ports"] = dict(PORTS)
    www = LAB / "www"
    stock.make(www, CACHE, f"http://127.0.0.1:{PORTS['upstream']}")
    if not runs(known.get("upstream"), "upstream.py"):
        registry = f"127.0.0.1:{PORTS['registry']}"
        words = [sys.executable, HERE / "upstream.py", www, PORTS["upstream"], PORTS["flaky"], registry]
        known["upstream"] = start(words, "upstream.log")
    if not runs(known.get("registry"), "docker-registry"):
        start_registry(known)
    wait_for(PORTS["upstream"], "the upstreams' server")
    wait_for(PORTS["registry"], "the registry")
    start_engines(known)
    start_ssh(known)
    for name in SOCKETS:
        known["missing"] = images.load(["docker", "--host", f"unix://{known[name]}"], CACHE)
    for image in known["missing"]:
        print(f"lab: {image} is nowhere to be had: cases that need it are skipped", file=sys.stderr)
    write_configuration(known)
    (LAB / "state.json").write_text(json.dumps(known))
    print(f"lab: up; `. {LAB / 'env'}` and use f3s", file=sys.stderr)


def start_ssh(known: dict):
    words = remote.ssh_server(LAB / "ssh", PORTS["ssh"], Path(known["socket"]))
    if not runs(known.get("ssh"), "dropbear"):
        known["ssh"] = start(words, "ssh.log")
    wait_for(PORTS["ssh"], "the ssh server")


def start_engines(known: dict):
    """One to build on, which TLS reaches as well, one that stays empty but for base images, and newer ones, of which the
    last keeps images in containerd's store."""
    tls = ["--host", f"tcp://127.0.0.1:{PORTS['engine_tls']}", *remote.certificates(LAB / "tls")]
    store = LAB / "containerd-store.json"
    store.write_text(json.dumps({"features": {"containerd-snapshotter": True}}))
    programs_26, programs_28 = (engines.programs(version, CACHE) for version in [26, 28])
    wanted = [
        ("engine", "socket", None, tls),
        ("empty", "empty_socket", None, []),
        ("engine26", "socket_26", programs_26, []),
        ("engine28", "socket_28", programs_28, []),
        ("engine28c", "socket_28_containerd", programs_28, ["--config-file", store]),
    ]
    for name, key, programs, more in wanted:
        # Paths of sockets are short: a checkout may lie deep.
        known[key] = str(LAB / f"{name}.sock") if len(str(LAB)) < 80 else f"/tmp/f3s-lab-{os.getuid()}-{name}.sock"
        if runs(known.get(name), "dockerd") and engines.answers(Path(known[key])):
            continue
        known[name] = engines.start(LAB / name, Path(known[key]), programs, more).pid
        (LAB / "state.json").write_text(json.dumps(known))


def down():
    known = state()
    engine_names = ["engine", "empty", "engine26", "engine28", "engine28c"]
    words = {**dict.fromkeys(engine_names, "dockerd"), "registry": "docker-registry", "upstream": "upstream.py", "ssh": "dropbear"}
    ending = [(known[name], word) for name, word in words.items() if runs(known.get(name), word)]
    for pid, _ in ending:
        os.kill(pid, signal.SIGTERM)
    for _ in range(600):
        if not any(runs(pid, word) for pid, word in ending):
            break
        time.sleep(0.1)
    # What dockerd leaves mounted keeps the folder from being removed.
    for namespace in LAB.glob("*/run/netns/default"):
        subprocess.run(["umount", namespace], capture_output=True)
    print("lab: down", file=sys.stderr)


def up_already() -> bool:
    known = state()
    return runs(known.get("upstream"), "upstream.py") and runs(known.get("engine"), "dockerd")


def forget():
    known = state()
    for name in SOCKETS:
        words = ["docker", "--host", f"unix://{known[name]}", "builder", "prune", "--all", "--force"]
        subprocess.run(words, check=True, capture_output=True)


def clean():
    """What tests must not leave behind: containers, volumes, images of their projects."""
    known = state()
    questions = {
        "containers": (["ps", "-a", "--format", "{{.Image}} {{.Command}}"], ""),
        "volumes": (["volume", "ls", "--quiet"], ""),
        "images": (["images", "--digests", "--format", "{{.Repository}}:{{.Tag}} {{.Digest}}"], r"\bt\d+-\d+\b"),
    }
    for name in SOCKETS:
        for what, (words, pattern) in questions.items():
            words = ["docker", "--host", f"unix://{known[name]}", *words]
            lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
            left = [line for line in lines if re.search(pattern, line)]
            if left:
                raise SystemExit(f"lab: {what} are left over:\n" + "\n".join(left))


def main():
    command = sys.argv[1] if len(sys.argv) == 2 else "help"
    if command == "up":
        up()
    elif command == "down":
        down()
    elif command == "status":
        raise SystemExit(0 if up_already() else 1)
    elif command == "forget":
        forget()
    elif command == "clean":
        clean()
    elif command == "run":
        up()
        print("lab: Ctrl-C ends it", file=sys.stderr)
        try:
            signal.pause()
        except KeyboardInterrupt:
            down()
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
