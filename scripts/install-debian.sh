#!/usr/bin/env bash
# Installs what is used from Debian, as far as it is missing: curl (the seed's own command lines) and prometheus,
# with promtool, and chromium for the tests, the rest for the benches. With arguments, only those packages.
set -euo pipefail
[ $# -eq 0 ] && set -- curl prometheus chromium nginx libnginx-mod-http-lua wrk util-linux python3-fastapi python3-uvicorn python3-httpx
there() { PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null || dpkg -s "$1" >/dev/null 2>&1; }
missing=()
for package; do there "$package" || missing+=("$package"); done
[ ${#missing[@]} -eq 0 ] && exit 0
# Only the programs are wanted: none of them is to run as a service (invoke-rc.d asks this file).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq "${missing[@]}"
