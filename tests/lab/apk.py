"""Alpine packages and their index in apk's own format, version 2 (wiki.alpinelinux.org, "Apk spec")."""

import base64
import gzip
import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

TIME = 1_600_000_000


def make_key(folder: Path, name: str) -> Path:
    """A private key `NAME.pem` and its public half `NAME.pub`, made once."""
    private = folder / f"{name}.pem"
    if not private.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
        public = ["openssl", "rsa", "-in", private, "-pubout", "-out", folder / f"{name}.pub"]
        subprocess.run(public, check=True, capture_output=True)
    return private


def _tar(files: dict, end: bool, checksums: bool = False) -> bytes:
    """A gzip stream of a tar; without `end` another one may follow."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        folders = set()
        for path, (content, mode) in sorted(files.items()):
            parts = path.split("/")[:-1]
            for length in range(1, len(parts) + 1):
                folder = "/".join(parts[:length])
                if folder not in folders:
                    folders.add(folder)
                    info = tarfile.TarInfo(folder)
                    info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, TIME
                    tar.addfile(info)
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(content), mode, TIME
            if checksums:
                info.pax_headers = {"APK-TOOLS.checksum.SHA1": hashlib.sha1(content).hexdigest()}
            tar.addfile(info, io.BytesIO(content))
        length = raw.tell()
    data = raw.getvalue() if end else raw.getvalue()[:length]
    return gzip.compress(data, mtime=0)


def _signed(control: bytes, key: Path, key_name: str) -> bytes:
    signature = subprocess.run(["openssl", "dgst", "-sha1", "-sign", key], input=control, check=True, capture_output=True)
    return _tar({f".SIGN.RSA.{key_name}": (signature.stdout, 0o644)}, end=False) + control


def package(name: str, version: str, files: dict, key: Path, key_name: str) -> tuple[bytes, str]:
    """The package, and its entry in an index. `files`: path -> (content, mode)."""
    data = _tar(files, end=True, checksums=True)
    size = sum(len(content) for content, _ in files.values())
    info = [
        f"pkgname = {name}",
        f"pkgver = {version}",
        f"pkgdesc = a stand-in for {name}",
        "url = https://example.com/",
        f"builddate = {TIME}",
        f"size = {size}",
        "arch = x86_64",
        "license = MIT",
        f"datahash = {hashlib.sha256(data).hexdigest()}",
    ]
    control = _tar({".PKGINFO": (("\n".join(info) + "\n").encode(), 0o644)}, end=False)
    whole = _signed(control, key, key_name) + data
    checksum = base64.b64encode(hashlib.sha1(control).digest()).decode()
    entry = [
        f"C:Q1{checksum}",
        f"P:{name}",
        f"V:{version}",
        "A:x86_64",
        f"S:{len(whole)}",
        f"I:{size}",
        f"T:a stand-in for {name}",
        "U:https://example.com/",
        "L:MIT",
    ]
    return whole, "\n".join(entry) + "\n"


def index(entries: list[str], key: Path, key_name: str) -> bytes:
    """`APKINDEX.tar.gz`."""
    files = {"APKINDEX": ("\n".join(entries).encode() + b"\n", 0o644), "DESCRIPTION": (b"the lab\n", 0o644)}
    return _signed(_tar(files, end=True), key, key_name)
