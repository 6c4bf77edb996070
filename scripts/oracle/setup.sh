#!/usr/bin/env bash
# Installs the current FastAPI in a virtual environment for the differential tests. The first argument can name another file
# of requirements, to test other versions. If the environment already has them, nothing changes.
set -euo pipefail
cd "$(dirname "$0")"
requirements=${1:-requirements.txt}
directory=../../.cache/oracle
cmp -s "$requirements" "$directory/requirements.txt" && exit 0
command -v python3 >/dev/null && python3 -c 'import ensurepip, venv' 2>/dev/null ||
  bash ../install-debian.sh python3 python3-venv
rm -rf "$directory"
mkdir -p ../../.cache
python3 -m venv "$directory"
"$directory/bin/pip" install --quiet --disable-pip-version-check --retries 1 -r "$requirements"
cp "$requirements" "$directory/requirements.txt"
