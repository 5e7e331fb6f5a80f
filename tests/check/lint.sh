#!/bin/bash
# One kind of lint over the whole tree: tests/check/lint.sh format|tidy|shell|perl
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export LC_ALL=C.UTF-8

cpp_files() {
  find extension sidecar tests -name '*.[ch]pp' | sort
}

# Files whose first line matches a pattern, wherever they are and whatever they are called.
files_that_begin() {
  find .ci docker regress tests -type f ! -name '*.p[lm]' -print0 |
    xargs -0 awk -v pattern="$1" 'FNR == 1 { if ($0 ~ pattern) print FILENAME; nextfile }' | sort
}

case ${1-} in
  format)
    cpp_files | xargs clang-format --dry-run -Werror
    ;;
  tidy)
    make --no-print-directory build/extension/compile_commands.json build/sidecar/build.ninja > /dev/null
    exec perl tests/check/clang_tidy.pl
    ;;
  shell)
    files_that_begin '^#!.*(/| )(ba)?sh' | xargs shellcheck --severity=warning --external-sources
    # A sourced file uses variables of the script that sources it, and makes some for it.
    files_that_begin '^# shellcheck shell=' | xargs shellcheck --severity=warning --exclude=SC2034,SC2154
    ;;
  perl)
    # PostgreSQL::Test makes a directory for its logs when a program is merely compiled.
    TESTDIR=$(mktemp -d)
    export TESTDIR
    trap 'rm -rf "$TESTDIR"' EXIT
    pgxs_perl=$("${PG_CONFIG:-pg_config}" --pkglibdir)/pgxs/src/test/perl
    find tests docker -name '*.p[lm]' | sort | while read -r file; do
      output=$(perl -wc -I tests/tap/lib -I "$pgxs_perl" "$file" 2>&1) || { echo "$output" && exit 1; }
      if [ "$output" != "$file syntax OK" ]; then echo "$output" && exit 1; fi
    done
    ;;
  *)
    echo "usage: tests/check/lint.sh format|tidy|shell|perl" >&2
    exit 2
    ;;
esac
