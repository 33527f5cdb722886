#!/bin/sh
# Build the wheel, install it away from the tree, and use it there.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$top/.venv/bin/python" -m hatchling build -t wheel -d "$work/dist"
"$top/.venv/bin/python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet "$work"/dist/*.whl "$top/plugins/isoflop-example-plugin"
cd "$work"
"$work/venv/bin/isoflop" plugins | grep -q example
"$work/venv/bin/isoflop" collect dataset:published-models --registry registry
"$work/venv/bin/isoflop" report --registry registry --out report || [ $? = 3 ]
test -s report/index.html
grep -qi "Tokens per parameter" report/index.html
"$work/venv/bin/isoflop" schedule print --registry registry --out report | grep -q OnCalendar
"$work/venv/bin/python" -m zipfile -l "$work"/dist/*.whl | grep -q explorer/explorer.js
echo "wheel test passed"
