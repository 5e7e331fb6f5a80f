# shellcheck shell=bash
# The workspace of one run of the tests: a temporary directory with a private server tree (stage), a copy of the tests
# (src) and a place to write (run), a user that servers accept to run as, and an end that leaves nothing behind.
# Sourced by run.sh. Several runs at a time do not meet: nothing here has a fixed port, name or path.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
pg_config=${PG_CONFIG:-pg_config}
work=
child=
as_test_user=()

# PostgreSQL refuses to run as root; everybody else runs the tests as himself.
if [ "$(id -u)" -eq 0 ]; then
  test_user=postgres
else
  test_user=$(id -un)
fi

make_workspace() {
  local base=${TMPDIR:-/tmp}
  # The path ends up in names of Unix sockets (107 bytes at most) and must be open to the servers' user.
  if [ "$(id -u)" -eq 0 ] || [ ${#base} -gt 30 ]; then base=/tmp; fi
  work=$(mktemp -d "$base/itemize.XXXXXX")
  chmod 755 "$work"
  mkdir "$work/src" "$work/run" "$work/run/tmp" "$work/run/home"
  printf '' > "$work/results"
  local bindir
  bindir=$("$pg_config" --bindir)
  stage_bin=$work/stage$bindir
  pgxs_test=$("$pg_config" --pkglibdir)/pgxs/src/test

  # Put before a command: it runs as the test user, in the workspace, with nothing of the caller's environment.
  # The working directory also marks the process as ours, see processes().
  as_test_user=()
  if [ "$(id -u)" -eq 0 ]; then
    as_test_user=(setpriv --reuid "$test_user" --regid "$(id -g "$test_user")" --init-groups)
  fi
  as_test_user+=(
    env -i -C "$work/run"
    PATH="$stage_bin:$work/stage/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    HOME="$work/run/home" TMPDIR="$work/run/tmp" LC_ALL=C.UTF-8 TZ=UTC TERM=dumb PGCTLTIMEOUT=180
    PERL5LIB="$work/src/tests/tap/lib:$pgxs_test/perl" PG_REGRESS="$pgxs_test/regress/pg_regress"
    ITEMIZE_SOURCE="$work/src" ITEMIZE_STAGE="$work/stage" ITEMIZE_DATA="$work/data"
  )
  # A change is judged by the same choices as the one before it; new ones are made by `make soak`, and for who asks for them.
  as_test_user+=("ITEMIZE_SEED=${ITEMIZE_SEED:-20260701}")
}

# Server tree and tests, readable for the test user wherever the repository lies.
fill_workspace() {
  [ ! -d "$work/stage" ] || return 0
  "$root/tests/stage.sh" "$work/stage" > /dev/null
  (cd "$root" && tar -c --exclude=./build --exclude=./.git .) | tar -x --no-same-owner -C "$work/src"
  chmod -R a+rX "$work/src" "$work/stage"
  # Collections of others that tests read where they are present, beside the repository; they are no part of it.
  if [ -d "$root/../shared/data" ]; then
    cp -rL --no-preserve=mode "$root/../shared/data" "$work/data"
    chmod -R a+rX "$work/data"
  fi
  if [ "$(id -u)" -eq 0 ]; then chown -R "$test_user:" "$work/run"; fi
}

# Runs a command in its own session, so that Ctrl-C reaches this script alone, which then ends all in good order.
run_child() {
  setsid "$@" < /dev/null &
  child=$!
  local status=0
  wait "$child" || status=$?
  child=
  return "$status"
}

# The processes of this run: those that work inside the workspace (a server's data directory lies there as well).
processes() {
  local entry directory
  for entry in /proc/[0-9]*; do
    directory=$(readlink "$entry/cwd" 2>/dev/null) || continue
    case $directory in
      "$work"/*) echo "${entry#/proc/}" ;;
    esac
  done
}

end_processes() {
  local pids deadline=$((SECONDS + 8))
  if [ -n "$child" ]; then kill -TERM -- "-$child" 2>/dev/null; fi
  while pids=$(processes) && [ -n "$pids" ]; do
    # INT is PostgreSQL's fast shutdown, TERM what everybody else understands.
    # shellcheck disable=SC2086 # a list of process ids
    if [ "$SECONDS" -lt "$deadline" ]; then
      kill -TERM $pids 2>/dev/null
      kill -INT $pids 2>/dev/null
    else
      kill -KILL $pids 2>/dev/null
    fi
    sleep 0.1
  done
}

# What explains a failure survives in build/check.
keep_logs() {
  rm -rf "$root/build/check"
  mkdir -p "$root/build/check"
  (cd "$work/run" && find . \( -name '*.diffs' -o -name '*.out' -o -name '*.log' -o -name 'regress_log_*' \
    -o -name '*.json' -o -name '*.png' \) -type f -size -20M -print0 -o -name 'history_*.gz' -print0 | tar -c --null -T -) | tar -x --no-same-owner -C "$root/build/check"
}

end_workspace() {
  [ -n "$work" ] || return 0
  end_processes
  if grep -q '^fail' "$work/results"; then
    keep_logs
    echo "logs of the failed tests: build/check"
  fi
  rm -rf "$work"
  work=
}
