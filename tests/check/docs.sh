# shellcheck shell=bash
# What the checks of the documentation share: run one on the tree, then on copies with something wrong, which it must see.
# Sourced by tests/check/docs_*.test.sh.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

fresh_copy() {
  rm -rf "${copy:?}"/*
  (cd "$root" && tar -c README.md CHANGELOG.md CONTRIBUTING.md docs extension/include extension/src sidecar/src tests/check \
    migrations sql LICENSE docker/demo/demo.sh build/sql) | tar -x -C "$copy"
}

compare_docs() { # CHECK DIRECTORY
  perl "$root/tests/check/docs.pl" "$1" "$2" "${help-}"
}

# The documentation as it is must fit.
expect_fit() { # CHECK
  if ! compare_docs "$1" "$root"; then exit 1; fi
}

# plant CHECK FILE SED EXPECTED: with this edit to the file, the check must fail and say what is expected.
plant() {
  local output
  fresh_copy
  sed -i "$3" "$copy/$2"
  if cmp -s "$root/$2" "$copy/$2"; then
    echo "nothing to edit: $3 in $2"
    exit 1
  fi
  if output=$(compare_docs "$1" "$copy"); then
    echo "not seen: $3 in $2"
    exit 1
  fi
  if [[ $output != *"$4"* ]]; then
    echo "seen for another reason: $3 in $2: $output"
    exit 1
  fi
}
