#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing of Debian's packages, by purpose:
#     tests/stack/packages.sh build test servers lint browser bench npm
# Needs no network when everything is there already. Runs as root, else through sudo.
set -eu

packages_of() {
    case "$1" in
    build) echo "gcc libc6-dev cmake ninja-build pkg-config librdkafka-dev libjansson-dev
        libcurl4-openssl-dev libpcre2-dev libuv1-dev libfyaml-dev libmicrohttpd-dev libssl-dev
        libisal-dev libzstd-dev libxxhash-dev libcmocka-dev" ;;
    test) echo "python3 python3-pytest python3-venv python3-kafka kcat zstd spin openssl valgrind" ;;
    light) echo "python3 python3-kafka kcat" ;;
    servers) echo "openjdk-17-jre-headless maven python3 python3-kafka kcat util-linux" ;;
    lint) echo "clang clang-format clang-tidy libclang-rt-14-dev llvm python3 git" ;;
    browser) echo "chromium" ;;
    bench) echo "python3 kcat util-linux openssl make g++ rsyslog rsyslog-kafka rsyslog-elasticsearch" ;;
    npm) echo "npm" ;;
    *) echo "packages.sh: unknown purpose '$1' (build, test, light, servers, lint, browser, bench, npm)" >&2; exit 2 ;;
    esac
}

[ $# -gt 0 ] || { echo "usage: packages.sh PURPOSE..." >&2; exit 2; }
missing=
for purpose in "$@"; do
    wanted=$(packages_of "$purpose")
    for package in $wanted; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] && continue
        case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
    done
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "These packages are missing, and only root can install them: apt-get install$missing" >&2
        exit 1
    }
    as_root=sudo
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        return 1
    }
}
echo "  reading the package lists" >&2
apt update || echo "  the package lists could not be refreshed; trying with the old ones" >&2
echo "  installing:$missing" >&2
# shellcheck disable=SC2086
apt install --no-install-recommends $missing || {
    echo "These packages could not be installed:$missing" >&2
    exit 1
}
