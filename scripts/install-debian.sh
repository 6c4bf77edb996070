#!/usr/bin/env bash
# Installs the missing Debian packages. Tests need curl, prometheus (with promtool), chromium and systemd (systemd-analyze);
# the benchmarks need the rest. With arguments, it installs only the named packages.
set -euo pipefail
[ $# -eq 0 ] && set -- curl prometheus chromium systemd nginx libnginx-mod-http-lua wrk util-linux python3-fastapi python3-uvicorn python3-httpx
is_installed() { PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null || dpkg -s "$1" >/dev/null 2>&1; }
missing=()
for package; do is_installed "$package" || missing+=("$package"); done
[ ${#missing[@]} -eq 0 ] && exit 0
# This file makes invoke-rc.d start no services: only the programs are needed.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq "${missing[@]}"
