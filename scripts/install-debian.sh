#!/usr/bin/env bash
# Installs what is used from Debian, as far as it is missing: curl for the tests (the seed's own command lines), nginx for
# the benches. With arguments, only those.
set -euo pipefail
[ $# -eq 0 ] && set -- curl nginx
missing=()
for tool; do PATH="$PATH:/usr/sbin" command -v "$tool" >/dev/null || missing+=("$tool"); done
[ ${#missing[@]} -eq 0 ] && exit 0
apt-get update -qq
apt-get install -y -qq "${missing[@]}"
