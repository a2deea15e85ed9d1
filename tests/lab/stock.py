"""What the upstreams of the ten recipes serve: small stand-ins in the real formats and layouts, below `www/HOST/PATH`."""

import io
import lzma
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import apk

ALPINE_PACKAGES = """apache2-utils bind-tools bridge-utils busybox-extras curl ebtables ethtool fio fping iperf3 iproute2
iptables iputils ipvsadm jq lftp lsof mtr netcat-openbsd net-tools nmap procps psmisc rsync smartmontools strace sysstat
tcpdump tree unzip util-linux wget zip mysql-client bash bash-doc bash-completion vim fontconfig perl-switch""".split()

CENTOS_PACKAGES = """atop bind-utils curl dstat ebtables ethtool fping htop iftop iproute jq less lsof mtr nc net-tools
nmap-ncat perf psmisc strace sysstat tcpdump telnet tree unzip wget which zip ca-certificates kde-l10n-Chinese
glibc-common""".split()

TEX_PACKAGES = "epstopdf-pkg ctex everyshi everysel euenc".split()

JDK = "TencentKona-8.0.5-282"
TRIMMED_FILES = """release THIRD_PARTY_README LICENSE ASSEMBLY_EXCEPTION src.zip lib/ant-javafx.jar lib/javafx-mx.jar
lib/jconsole.jar jre/lib/amd64/libawt_xawt.so jre/lib/amd64/libjavafx_font_freetype.so
jre/lib/amd64/libjavafx_font_pango.so jre/lib/amd64/libjavafx_font.so jre/lib/amd64/libjavafx_font_t2k.so
jre/lib/amd64/libjavafx_iio.so jre/lib/amd64/libjfxwebkit.so jre/lib/ext/jfxrt.jar jre/lib/deploy.jar""".split()
TRIMMED_FOLDERS = """sample demo man lib/missioncontrol lib/visualvm jre/lib/desktop jre/lib/fonts jre/lib/locale/de
jre/lib/locale/fr jre/lib/locale/it jre/lib/locale/ja jre/lib/locale/ko jre/lib/locale/ko.UTF-8 jre/lib/locale/pt_BR
jre/lib/locale/sv jre/lib/locale/zh_HK.BIG5HK jre/lib/locale/zh_TW jre/lib/locale/zh_TW.BIG5 jre/lib/locale
jre/lib/oblique-fonts""".split()


def script(text: str) -> tuple[bytes, int]:
    return ("#!/bin/sh\n" + text).encode(), 0o755


def plain(text: str) -> tuple[bytes, int]:
    return text.encode(), 0o644


def write(path: Path, content: bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def tar(files: dict, mode: str) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode=mode) as archive:
        for path, (content, bits) in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(content), bits, apk.TIME
            archive.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def zipped(files: dict) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, (content, bits) in sorted(files.items()):
            info = zipfile.ZipInfo(path)
            info.external_attr = (0o100000 | bits) << 16
            archive.writestr(info, content)
    return raw.getvalue()


def alpine(www: Path, keys: Path):
    """A signed, indexed repository for each release, and glibc's packages under their own key."""
    lab, sgerrand = apk.make_key(keys, "lab.rsa"), apk.make_key(keys, "sgerrand.rsa")
    zone = Path("/usr/share/zoneinfo/Asia/Shanghai").read_bytes()
    special = {
        "tzdata": {"usr/share/zoneinfo/Asia/Shanghai": (zone, 0o644)},
        "nginx": {
            "usr/sbin/nginx": script(
                'for file in nginx.conf http.d/default.conf; do test -s /etc/nginx/$file || exit 1; done\n'
                'case "$1" in -t) echo "configuration file /etc/nginx/nginx.conf test is successful" >&2;; esac\n'
            ),
            "etc/nginx/mime.types": plain("types { text/html html; }\n"),
        },
    }
    for release in ["v3.12", "v3.13"]:
        for repository in ["main", "community"]:
            folder = www / "mirrors.tencent.com/alpine" / release / repository / "x86_64"
            entries = []
            names = [*ALPINE_PACKAGES, *special] if repository == "main" else ["community-only"]
            for name in names:
                files = special.get(name, {f"usr/share/lab/{name}": plain(f"{name} of {release}\n")})
                whole, entry = apk.package(name, "1.0-r0", files, lab, "lab.rsa.pub")
                write(folder / f"{name}-1.0-r0.apk", whole)
                entries.append(entry)
            write(folder / "APKINDEX.tar.gz", apk.index(entries, lab, "lab.rsa.pub"))
    write(www / "alpine-pkgs.sgerrand.com/sgerrand.rsa.pub", (keys / "sgerrand.rsa.pub").read_bytes())
    localedef = 'case "$1" in --version) echo "localedef (lab) 2.33";; *) echo "$*" >>/usr/glibc-compat/locales;; esac\n'
    packages = {
        "glibc": {"usr/glibc-compat/lib/libc.so.6": plain("a stand-in\n")},
        "glibc-bin": {"usr/glibc-compat/bin/localedef": script(localedef)},
        "glibc-i18n": {"usr/glibc-compat/share/i18n/locales/en_US": plain("a stand-in\n")},
    }
    for name, files in packages.items():
        whole, _ = apk.package(name, "2.33-r0", files, sgerrand, "sgerrand.rsa.pub")
        write(www / f"github.com/sgerrand/alpine-pkg-glibc/releases/download/2.33-r0/{name}-2.33-r0.apk", whole)


def java(www: Path):
    version = 'openjdk version "1.8.0_282"\nOpenJDK Runtime Environment (Tencent Kona 8.0.5) (build 1.8.0_282-b12)'
    files = {"bin/java": script(f"cat >&2 <<'END'\n{version}\nEND\n"), "jre/lib/rt.jar": plain("classes\n")}
    files |= {path: plain(f"{path}\n") for path in TRIMMED_FILES}
    files |= {f"{folder}/file": plain(f"{folder}\n") for folder in TRIMMED_FOLDERS}
    files = {f"{JDK}/{path}": entry for path, entry in files.items()}
    name = "TencentKona8.0.5.b12_jdk_linux-x86_64_8u282.tar.gz"
    write(www / "github.com/Tencent/TencentKona-8/releases/download/8.0.5-GA" / name, tar(files, "w:gz"))

    top = "apache-skywalking-apm-bin"
    files = {
        f"{top}/agent/skywalking-agent.jar": plain("agent\n"),
        f"{top}/agent/config/agent.config": plain("agent.service_name=lab\n"),
        f"{top}/oap-libs/oap.jar": plain("not wanted\n"),
        f"{top}/README.txt": plain("not wanted\n"),
    }
    write(www / "archive.apache.org/dist/skywalking/8.5.0/apache-skywalking-apm-8.5.0.tar.gz", tar(files, "w:gz"))


def jmeter(www: Path):
    top = "apache-jmeter-5.4.1"
    files = {
        f"{top}/bin/jmeter": script('echo "Apache JMeter 5.4.1"\n'),
        f"{top}/bin/jmeter-server": script('exec "$(dirname "$0")/jmeter" "$@"\n'),
        f"{top}/lib/ext/ApacheJMeter_core.jar": plain("core\n"),
    }
    write(www / f"archive.apache.org/dist/jmeter/binaries/{top}.tgz", tar(files, "w:gz"))
    plugins = www / "jmeter-plugins.org"
    standard = {"lib/ext/JMeterPlugins-Standard.jar": plain("standard\n"), "README": plain("read\n")}
    write(plugins / "downloads/file/JMeterPlugins-Standard-1.4.0.zip", zipped(standard))
    parallel = {"lib/ext/bzm-parallel-0.7.jar": plain("parallel\n")}
    write(plugins / "files/packages/bzm-parallel-0.7.zip", zipped(parallel))
    write(www / "github.com/raladev/load/blob/master/JARs/pepper-box-1.0.jar", b"pepper box\n")


def reporter(www: Path):
    """A git repository over plain HTTP."""
    work, bare = www.parent / "reporter", www / "github.com/8710925/reporter"
    for folder in [work, bare]:
        shutil.rmtree(folder, ignore_errors=True)
    write(work / "cmd/grafana-reporter/main.go", b"package main\n\nfunc main() {}\n")
    write(work / "util/texlive.profile", b"selected_scheme scheme-basic\n")
    write(work / "util/SIMKAI.ttf", b"a font\n")
    identity = ["-c", "user.name=lab", "-c", "user.email=lab@example.com"]
    for words in [["init", "-q", "-b", "master"], ["add", "."], [*identity, "commit", "-q", "-m", "reporter"]]:
        subprocess.run(["git", "-C", work, *words], check=True)
    bare.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "clone", "-q", "--bare", work, bare], check=True)
    subprocess.run(["git", "-C", bare, "update-server-info"], check=True)


def tex(www: Path):
    repository = "mirrors.tuna.tsinghua.edu.cn/CTAN/systems/texlive/tlnet"
    for name in TEX_PACKAGES:
        content = tar({f"tex/latex/{name}/{name}.sty": plain(f"% {name}\n")}, "w")
        write(www / repository / f"archive/{name}.tar.xz", lzma.compress(content))
    tlmgr = (Path(__file__).parent / "tinytex/tlmgr").read_bytes()
    write(www / repository / "tlmgr", tlmgr)
    installer = (Path(__file__).parent / "tinytex/install-unx.sh").read_bytes()
    write(www / "github.com/yihui/tinytex/raw/master/tools/install-unx.sh", installer)


def centos(www: Path, work: Path, url: str, root: Path):
    """A yum repository made by rpmbuild and createrepo, and a root file system that has a real dnf and rpm."""
    folder = www / "mirrors.cloud.tencent.com/centos/7/os/x86_64"
    if not (folder / "repodata").exists():
        spec = ["Name: lab", "Version: 1", "Release: 1", "Summary: lab", "License: MIT", "BuildArch: noarch", "%description", "lab", "%install"]
        spec += [f"mkdir -p %{{buildroot}}/usr/share/lab; echo {name} >%{{buildroot}}/usr/share/lab/{name}" for name in CENTOS_PACKAGES]
        for name in CENTOS_PACKAGES:
            spec += [f"%package -n {name}", f"Summary: a stand-in for {name}", f"%description -n {name}", "lab", f"%files -n {name}", f"/usr/share/lab/{name}"]
        write(work / "lab.spec", ("\n".join(spec) + "\n").encode())
        subprocess.run(["rpmbuild", "--quiet", "-bb", "--define", f"_topdir {work}", "--define", f"_rpmdir {folder}", work / "lab.spec"], check=True, capture_output=True)
        subprocess.run(["createrepo_c", "--quiet", folder], check=True)
    repository = f"[base]\nname=lab\nbaseurl={url}/mirrors.cloud.tencent.com/centos/7/os/x86_64\ngpgcheck=0\nenabled=1\n"
    write(www / "mirrors.cloud.tencent.com/repo/centos7_base.repo", repository.encode())
    source = "raw.githubusercontent.com/CentOS/sig-cloud-instance-images/CentOS-7.8.2003-x86_64/docker"
    target = www / source / "centos-7.8.2003-x86_64-docker.tar.xz"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(root)


def programs(www: Path, cache: Path):
    """The real dumb-init and gosu, from Debian's packages."""
    targets = {
        "dumb-init": ("usr/bin/dumb-init", "github.com/Yelp/dumb-init/releases/download/v1.2.5/dumb-init_1.2.5_x86_64"),
        "gosu": ("usr/sbin/gosu", "github.com/tianon/gosu/releases/download/1.13/gosu-amd64"),
    }
    for name, (inside, outside) in targets.items():
        unpacked = cache / "programs" / name
        if not (unpacked / inside).exists():
            unpacked.mkdir(parents=True, exist_ok=True)
            subprocess.run(["apt-get", "download", "-q", name], cwd=unpacked, check=True, capture_output=True)
            [package] = unpacked.glob("*.deb")
            subprocess.run(["dpkg", "-x", package, unpacked], check=True)
        write(www / outside, (unpacked / inside).read_bytes())


def centos_root(cache: Path) -> Path:
    """Debian with dnf and rpm, dressed as CentOS: made once for a machine, in a minute."""
    target = cache / "centos-root-2.tar.xz"
    if target.exists():
        return target
    print("lab: making the stand-in CentOS root (a minute, once)", file=sys.stderr)
    tree = target.with_suffix("")
    hooks = [
        'ln -s dnf "$1/usr/bin/yum"',
        'mkdir -p "$1/etc/yum.repos.d"',
        'echo "CentOS Linux release 7.8.2003 (Core)" >"$1/etc/centos-release"',
        'printf "[gone]\\nname=gone\\nbaseurl=http://mirror.centos.example/\\n" >"$1/etc/yum.repos.d/CentOS-Gone.repo"',
        'rm -rf "$1/usr/share/doc" "$1/var/lib/apt/lists"',
    ]
    words = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=dnf,rpm,locales,tzdata,ca-certificates"]
    words += [f"--customize-hook={hook}" for hook in hooks]
    subprocess.run([*words, "bookworm", tree], check=True)
    # The real one has something of its installer there; mmdebstrap would clean it away.
    with tarfile.open(tree, "a") as archive:
        archive.addfile(tarfile.TarInfo("./tmp/ks-script-lab"))
    subprocess.run(["xz", "-1", "-T0", "--force", tree], check=True)
    return target


def make(www: Path, cache: Path, url: str):
    """Everything, once: what is there stays, so that fingerprints and layers stay the same."""
    stamp = www / "stamp"
    wanted = f"{url} 2"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    # What f3s fetched is what was served before.
    shutil.rmtree(www.parent / "cache", ignore_errors=True)
    work = www.parent / "work"
    alpine(www, cache / "keys")
    java(www)
    jmeter(www)
    reporter(www)
    tex(www)
    programs(www, cache)
    centos(www, work, url, centos_root(cache))
    stamp.write_text(wanted)
