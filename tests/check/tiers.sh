# shellcheck shell=bash
# The tiers of the tests, each a function that runs and reports. Sourced by run.sh after workspace.sh.

# One line of the result: kind (pass, fail, skip), how many, what (a name, or the reason of a skip).
report() {
  printf '%s\t%s\t%s\n' "$1" "$2" "${3-}" >> "$work/results"
}

# Runs a command that is one check by itself; status 77 skips it, with its last line of output as the reason.
check() { # NAME COMMAND...
  local name=$1 status=0
  shift
  run_child "$@" > "$work/output" 2>&1 || status=$?
  case $status in
    0)
      report pass 1 "$name"
      echo "ok      $name"
      ;;
    77)
      report skip 1 "$name: $(tail -n 1 "$work/output")"
      echo "skipped $name"
      ;;
    *)
      report fail 1 "$name"
      cat "$work/output"
      echo "FAILED  $name"
      ;;
  esac
}

tier_lint() {
  local lint
  for lint in format tidy shell perl; do
    check "lint: $lint" "$here/lint.sh" "$lint"
  done
  check 'lint: dependency directions' "$here/dependency_directions.sh"
}

tier_build() {
  check 'build without a warning' make --no-print-directory all
}

# Rules of the house that need the built tree: the documentation fits the program, the checks themselves catch something.
tier_rules() {
  local rule
  for rule in "$here"/*.test.sh; do
    check "rule: $(basename "$rule" .test.sh)" "$rule"
  done
}

# The protocol's model: each check writes a line that begins with ok or FAILED.
tier_model() {
  local status=0 mark name failed=0
  mkdir -p "$work/run/model"
  run_child env TMPDIR="$work/run/model" "$root/tests/model/check.sh" "${names[@]}" > "$work/model.log" 2>&1 || status=$?
  cat "$work/model.log"
  while read -r mark name; do
    case $mark in
      ok) report pass 1 "model: $name" ;;
      FAILED) report fail 1 "model: $name" && failed=1 ;;
    esac
  done < "$work/model.log"
  if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then report fail 1 "model: exit status $status"; fi
}

# Counts what GoogleTest wrote about a run.
report_unit_tests() { # PREFIX JSON STATUS
  local failures
  if [ ! -s "$2" ]; then
    report fail 1 "$1: no result, exit status $3"
    return
  fi
  failures=$(jq '.failures + .errors' "$2")
  jq -r --arg prefix "$1" '[.testsuites[] | .name as $suite | .testsuite[]
      | {name: "\($prefix): \($suite).\(.name)", skipped: (.result == "SKIPPED"), ran: (.status == "RUN"),
         failed: ((.failures // []) | length > 0)} | select(.ran)]
    | (map(select(.failed)) | .[] | "fail\t1\t\(.name)"), (map(select(.skipped)) | .[] | "skip\t1\t\(.name)"),
      (map(select((.failed or .skipped) | not)) | length | "pass\t\(.)\t\($prefix)")' "$2" >> "$work/results"
  # A leak or an undefined operation found after the last test has no test to its name.
  if [ "$3" -ne 0 ] && [ "$failures" -eq 0 ]; then report fail 1 "$1: exit status $3"; fi
}

run_unit_tests() { # PREFIX BINARY
  local status=0 filter='*'
  if [ ${#names[@]} -gt 0 ]; then filter=$(IFS=:; echo "${names[*]}"); fi
  fill_workspace
  install -m 755 "$2" "$work/unit_tests"
  rm -f "$work/run/unit.json"
  run_child "${as_test_user[@]}" \
    ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
    "$work/unit_tests" --gtest_brief=1 --gtest_filter="$filter" --gtest_output=json:"$work/run/unit.json" || status=$?
  report_unit_tests "$1" "$work/run/unit.json" "$status"
}

tier_unit() {
  run_unit_tests unit "$root/build/sidecar/unit_tests"
}

# Runs each parser on its corpus and on what libFuzzer makes of it: as many inputs in each run of `make check`, always the same,
# or FUZZ_SECONDS of them, from SEED or another each time. What is found is kept in build/fuzz/found.
tier_fuzz() {
  local source target limit=(-runs=15000 -seed=1)
  check 'fuzz: build' make --no-print-directory build-fuzz
  if [ -n "${FUZZ_SECONDS-}" ]; then
    limit=("-max_total_time=$FUZZ_SECONDS" "-seed=${SEED:-$((RANDOM * 32768 + RANDOM + 1))}")
    echo "fuzz: ${limit[*]}"
  fi
  mkdir -p "$work/run/fuzz" "$root/build/fuzz/found"
  for source in "$root"/tests/fuzz/*.cpp; do
    target=$(basename "$source" .cpp)
    if [ ${#names[@]} -gt 0 ] && [[ " ${names[*]} " != *" $target "* ]]; then continue; fi
    mkdir -p "$work/run/fuzz/$target"
    check "fuzz: $target" "$root/build/fuzz/$target" "${limit[@]}" -max_len=8192 -timeout=20 -print_final_stats=1 \
      -artifact_prefix="$root/build/fuzz/found/$target-" "$work/run/fuzz/$target" "$root/tests/fuzz/corpus/$target"
  done
}

# The unit tests, and every TAP test that starts the sidecar, with both built under AddressSanitizer and UBSan. A file
# with the line "# sanitize: no" stays out: a long one whose ways through the sidecar others go as well. Names are of either.
tier_sanitize() {
  check 'sanitize: build' make --no-print-directory build-sanitized
  if [ ! -x build/sanitized/unit_tests ]; then return; fi
  run_unit_tests sanitize "$root/build/sanitized/unit_tests"
  install -m 755 "$root/build/sanitized/itemize-sidecar" "$work/stage/bin/itemize-sidecar-sanitized"
  local files named
  mapfile -t files < <(grep -l start_sidecar "$root"/tests/tap/*.pl | xargs grep -L '^# sanitize: no')
  if [ ${#names[@]} -gt 0 ]; then
    named=("${names[@]%.pl}")
    mapfile -t files < <(printf '%s\n' "${files[@]}" | grep -E "/($(IFS='|' && echo "${named[*]}"))\.pl$")
    if [ ${#files[@]} -eq 0 ]; then return; fi
  fi
  run_tap_files sanitize "$work/stage/bin/itemize-sidecar-sanitized" "${files[@]##*/}"
}

# A database server for pg_regress; its socket is $work/run/pg.
start_server() {
  run_child "${as_test_user[@]}" bash "$work/src/tests/check/regress_server.sh" start "$work/run/pg"
}

stop_server() {
  run_child "${as_test_user[@]}" bash "$work/src/tests/check/regress_server.sh" stop "$work/run/pg"
}

# pg_regress reports `test NAME ... ok` up to PostgreSQL 15 and `ok 1 - NAME` from 16 on.
report_regress() { # TIER OUTPUT NAMES...
  local tier=$1 output=$2 name
  shift 2
  for name in "$@"; do
    if grep -qE "^(test +)?$name +\.\.\. +ok|^ok [0-9]+ +[-+] +$name( |$)" "$output" 2>/dev/null; then
      report pass 1 "$tier: $name"
    else
      report fail 1 "$tier: $name"
    fi
  done
}

run_regress() { # TIER PROGRAM TESTS...
  local tier=$1 program=$2 output=$work/run/$1
  shift 2
  fill_workspace
  if ! start_server; then
    report fail 1 "$tier: the server does not start"
    return
  fi
  run_child "${as_test_user[@]}" mkdir -p "$output"
  run_child "${as_test_user[@]}" PGUSER=postgres "$pgxs_test/$program" --inputdir="$work/src/regress" --outputdir="$output" \
    --bindir="$stage_bin" --host="$work/run/pg" --port=5432 --dbname="itemize_$tier" --encoding=UTF8 "$@" \
    > "$work/$tier.log" 2>&1
  cat "$work/$tier.log"
  if [ -s "$output/regression.diffs" ]; then cat "$output/regression.diffs"; fi
  report_regress "$tier" "$work/$tier.log" "$@"
  stop_server
}

# Names of tests: those asked for, else all files of a directory.
test_names() { # DIRECTORY SUFFIX
  local file
  if [ ${#names[@]} -gt 0 ]; then
    printf '%s\n' "${names[@]}"
    return
  fi
  for file in "$root/$1"/*"$2"; do
    if [ -e "$file" ]; then basename "$file" "$2"; fi
  done
}

tier_regress() {
  local tests
  mapfile -t tests < <(test_names regress/sql .sql)
  if [ ${#tests[@]} -gt 0 ]; then run_regress regress regress/pg_regress "${tests[@]}"; fi
}

tier_isolation() {
  local tests
  mapfile -t tests < <(test_names regress/specs .spec)
  if [ ${#tests[@]} -gt 0 ]; then run_regress isolation isolation/pg_isolation_regress "${tests[@]}"; fi
}

run_tap_files() { # PREFIX SIDECAR FILES...
  local prefix=$1 sidecar=$2
  shift 2
  if [ $# -eq 0 ]; then
    report fail 1 "$prefix: no TAP test was found"
    return
  fi
  fill_workspace
  rm -f "$work/run/tap_results"
  run_child "${as_test_user[@]}" ITEMIZE_SIDECAR="$sidecar" \
    ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
    perl "$work/src/tests/check/tap_tier.pl" "$prefix" "$work/run/tap_results" "$@"
  if [ -s "$work/run/tap_results" ]; then
    cat "$work/run/tap_results" >> "$work/results"
  else
    report fail 1 "$prefix: the TAP tests did not end"
  fi
}

tier_tap() {
  local files
  mapfile -t files < <(test_names tests/tap .pl)
  files=("${files[@]##*/}")
  files=("${files[@]%.pl}")
  files=("${files[@]/%/.pl}")
  if [ -n "$quick" ]; then
    mapfile -t files < <(cd "$root/tests/tap" && grep -l '^# tier: quick' -- "${files[@]}")
  fi
  run_tap_files tap "$work/stage/bin/itemize-sidecar" "${files[@]}"
}

# The images and the compose file with a real engine. It needs root, and nothing that is built outside the images.
tier_containers() {
  mkdir -p "$work/run/containers"
  run_child env -i -C "$work/run/containers" HOME="$work/run/home" TMPDIR="$work/run/tmp" TERM=dumb \
    bash "$root/tests/containers/containers.sh" "$work/run/container_results" "${names[@]}" || true
  if [ -s "$work/run/container_results" ]; then
    cat "$work/run/container_results" >> "$work/results"
  else
    report fail 1 'containers: the tests did not begin'
  fi
}

# What is long: the parsers for minutes, and the mixed load and the randomized faults for as long as SOAK_SECONDS says, with the
# choices of SEED (or ITEMIZE_SEED). NAMEs are of these three: fuzz, 080_random_faults, 082_mixed_load.
tier_soak() {
  local part status wanted=("${names[@]}")
  if [ ${#wanted[@]} -eq 0 ]; then wanted=(fuzz 082_mixed_load 080_random_faults); fi
  names=()
  for part in "${wanted[@]}"; do
    if [ "$part" = fuzz ]; then
      FUZZ_SECONDS=$((${SOAK_SECONDS:-600} / 10)) tier_fuzz
      continue
    fi
    fill_workspace
    mkdir -p "$work/run/soak"
    if [ "$(id -u)" -eq 0 ]; then chown "$test_user:" "$work/run/soak"; fi
    status=0
    run_child "${as_test_user[@]}" TESTDIR="$work/run/soak" ITEMIZE_SEED="${SEED:-${ITEMIZE_SEED-}}" SOAK_SECONDS="${SOAK_SECONDS:-600}" \
      FAULTS="${FAULTS-}" perl -w "$work/src/tests/tap/$part.pl" || status=$?
    if [ "$status" -eq 0 ]; then report pass 1 "soak: $part"; else report fail 1 "soak: $part: status $status"; fi
  done
}
