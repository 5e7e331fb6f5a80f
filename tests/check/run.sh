#!/bin/bash
# Runs tiers of the tests: tests/check/run.sh [--quick] all|TIER... [NAME...]
#
# Tiers: lint build rules model unit fuzz sanitize regress isolation tap containers; and soak, which is not among all. NAMEs
# limit the tests of the last tier.
# --quick takes only TAP files that carry the line "# tier: quick". The last line says `N passed, M failed`, the one
# before it how many were skipped, each with its reason. Ends with status 0 only when something passed and nothing failed.
set -uo pipefail
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/check/workspace.sh
. "$here/workspace.sh"
# shellcheck source=tests/check/tiers.sh
. "$here/tiers.sh"

all_tiers=(lint build rules model unit fuzz sanitize regress isolation tap containers)
tiers=()
quick=
names=()
for word in "$@"; do
  case $word in
    --quick) quick=1 ;;
    all) tiers=("${all_tiers[@]}") ;;
    lint | build | rules | model | unit | fuzz | sanitize | regress | isolation | tap | containers | soak)
      if [ ${#names[@]} -eq 0 ]; then tiers+=("$word"); else names+=("$word"); fi
      ;;
    *) names+=("$word") ;;
  esac
done
if [ ${#tiers[@]} -eq 0 ]; then
  sed -n '2,3s/^# //p' "$0" >&2
  exit 2
fi

cd "$root" || exit 1
trap end_workspace EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
make_workspace

count() { # pass|fail|skip
  awk -F '\t' -v kind="$1" '$1 == kind { sum += $2 } END { print sum + 0 }' "$work/results"
}

for tier in "${tiers[@]}"; do
  started=$SECONDS
  printf '\n== %s\n' "$tier"
  passed=$(count pass) failed=$(count fail)
  "tier_$tier"
  passed=$(($(count pass) - passed)) failed=$(($(count fail) - failed))
  # A tier in which nothing ran has not been tested, whatever the reason.
  if [ $((passed + failed)) -eq 0 ]; then report fail 1 "$tier: no test ran"; fi
  printf '== %s: %d passed, %d failed (%d s)\n' "$tier" "$passed" "$failed" $((SECONDS - started))
  if [ "$tier" = build ] && [ "$failed" -gt 0 ]; then break; fi
done

printf '\n'
awk -F '\t' '$1 == "fail" { print "failed: " $3 }' "$work/results"
awk -F '\t' '$1 == "skip" { print "skipped: " $3 }' "$work/results"
printf '%d skipped\n' "$(count skip)"
passed=$(count pass)
failed=$(count fail)
# The last line is the verdict, so everything is cleaned up before it is printed.
end_workspace
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
