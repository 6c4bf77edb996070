#!/usr/bin/env bash
# Installs what is used from Debian, as far as it is missing: curl for the tests (the seed's own command lines), the rest for
# the benches. With arguments, only those packages.
set -euo pipefail
[ $# -eq 0 ] && set -- curl nginx libnginx-mod-http-lua wrk strace util-linux python3-fastapi python3-uvicorn python3-httpx
there() { PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null || dpkg -s "$1" >/dev/null 2>&1; }
missing=()
for package; do there "$package" || missing+=("$package"); done
[ ${#missing[@]} -eq 0 ] && exit 0
apt-get update -qq
apt-get install -y -qq "${missing[@]}"
