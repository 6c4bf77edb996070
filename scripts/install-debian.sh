#!/usr/bin/env bash
# Installs what the tests use from Debian: curl, for the seed's own command lines.
set -euo pipefail
missing=()
for tool in curl; do command -v "$tool" >/dev/null || missing+=("$tool"); done
[ ${#missing[@]} -eq 0 ] && exit 0
apt-get update -qq
apt-get install -y -qq "${missing[@]}"
