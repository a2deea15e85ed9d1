#!/bin/sh
# A real family on a real engine: Debian -> ops -> Java -> application. Needs no image registry.
set -eu
cd "$(dirname "$0")/../.."
demo=$PWD/scripts/demo

say() { printf '\n== %s\n' "$*"; }

# Installs packages of Debian, or says which are missing.
need() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $*"
        apt-get update -q >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null
    else
        echo "install these packages, or run \`make demo\` as root on Debian: $*" >&2
        exit 1
    fi
}

PATH=$PATH:/usr/sbin:/sbin
command -v cargo >/dev/null || { echo "install Rust first: https://rustup.rs" >&2; exit 1; }

say "building f3s (some minutes the first time)"
cargo build --release
f3s=$PWD/target/release/f3s

# The engine that f3s finds, or else starts.
engine() { (cd "$demo" && "$f3s" doctor 2>/dev/null) | sed -n 's/^ok .*engine .* at //p'; }
address=$(engine)
if [ -z "$address" ]; then
    command -v dockerd >/dev/null || need docker.io iptables iproute2
    "$f3s" engine start >/dev/null
    address=$(engine)
fi
command -v docker >/dev/null || need docker-cli
docker() { command docker --host "$address" "$@"; }

if ! docker image inspect debian:12 >/dev/null 2>&1; then
    say "fetching debian:12"
    if ! timeout 60 docker --host "$address" pull -q debian:12 >/dev/null 2>&1; then
        command -v mmdebstrap >/dev/null || need mmdebstrap
        say "no registry answers: making debian:12 with mmdebstrap (half a minute)"
        rootfs=$(mktemp)
        trap 'rm -f "$rootfs"' EXIT
        mmdebstrap --quiet --variant=minbase bookworm - >"$rootfs"
        docker import "$rootfs" debian:12 >/dev/null
    fi
fi

say "f3s run"
cd "$demo"
"$f3s" run "$@"

say "what was built"
docker images --format '{{.Repository}}:{{.Tag}}  {{.Size}}' | grep -E '^(ops|java|app):' | sort
"$f3s" graph

say "what to try next"
cat <<TRY
  cd scripts/demo; alias f3s=$f3s
  docker --host $address run --rm app
  f3s plan                        # nothing to do
  f3s run --set ops.zone=Europe/Paris; f3s run
  f3s dockerfile java             # what java.rhai is lowered to
  f3s doc trim_jdk                # what a function does
TRY
