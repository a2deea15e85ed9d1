"""Ways to the engine from afar: certificates for TLS, and an ssh server that lets one key in."""

import subprocess
from pathlib import Path

# The server's own view of users: root's home, and with it the list of keys, lies in the lab.
SERVER = """mount --bind {folder}/passwd /etc/passwd
exec dropbear -F -E -s -r {folder}/host_key -p 127.0.0.1:{port} -P {folder}/pid
"""
CLIENT = """Host *
    IdentityFile {folder}/key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    StrictHostKeyChecking accept-new
    LogLevel ERROR
"""


def run(*words):
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def certificates(folder: Path) -> list[str]:
    """`ca.pem`, `cert.pem`, `key.pem` for clients; returns dockerd's arguments for its side."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "cert.pem").exists():
        days = ["-days", "3650"]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        run("openssl", "req", "-x509", *key, "-subj", "/CN=lab", *days, "-keyout", folder / "ca-key.pem", "-out", folder / "ca.pem")
        sides = {"server-": "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth", "": "extendedKeyUsage=clientAuth"}
        for side, extensions in sides.items():
            request, extension_file = folder / "request.pem", folder / "extensions"
            extension_file.write_text(extensions + "\n")
            run("openssl", "req", *key, "-subj", f"/CN=lab {side}", "-keyout", folder / f"{side}key.pem", "-out", request)
            authority = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca-key.pem", "-CAcreateserial"]
            run("openssl", "x509", "-req", "-in", request, *authority, *days, "-extfile", extension_file, "-out", folder / f"{side}cert.pem")
    files = [f"--tlscacert={folder}/ca.pem", f"--tlscert={folder}/server-cert.pem", f"--tlskey={folder}/server-key.pem"]
    return ["--tlsverify", *files]


def ssh_server(folder: Path, port: int, engine: Path) -> list:
    """The words that start the server; a `bin/ssh` beside it knows the key. Sessions reach this engine."""
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, exist_ok=True)
    (folder / "bin").mkdir(exist_ok=True)
    if not (folder / "key").exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key")
        run("dropbearkey", "-t", "ed25519", "-f", folder / "host_key")
    # What the client asks for is run as it stands, on this engine.
    command = f"DOCKER_HOST=unix://{engine} exec $SSH_ORIGINAL_COMMAND"
    (home / ".ssh/authorized_keys").write_text(f'command="{command}" {(folder / "key.pub").read_text()}')
    (home / ".ssh/authorized_keys").chmod(0o600)
    home.chmod(0o700)
    (folder / "passwd").write_text(f"root:x:0:0:root:{home}:/bin/sh\n")
    (folder / "config").write_text(CLIENT.format(folder=folder))
    client = folder / "bin/ssh"
    client.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/config "$@"\n')
    client.chmod(0o755)
    return ["unshare", "--mount", "sh", "-ec", SERVER.format(folder=folder, port=port)]
