# shellcheck shell=bash disable=SC2154,SC2034 # variables that demo.sh and its other parts set or use
# What the demo's parts share: output, checks with a reason, waiting with a deadline, and processes that end with it.

if [ -t 1 ]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' dim='' green='' red='' plain=''
fi

say() { printf '%s\n' "$*"; }
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
passed() { printf '  %s✓%s %s\n' "$green" "$plain" "$*"; }

# Ends the demo with its reason; the EXIT trap clears up. With a log file, its last lines are part of the reason.
fail() { # REASON [LOG]
  printf '\n%sdemo: %s%s\n' "$red" "$1" "$plain" >&2
  if [ -s "${2-}" ]; then
    printf 'The last lines of %s:\n' "${2##*/}" >&2
    tail -n 15 "$2" >&2
  fi
  exit 1
}

# Shows a command as a reader would type it, runs it, shows its real output and leaves that in $output.
run() { # COMMAND
  printf '%s$ %s%s\n' "$bold" "$1" "$plain"
  local status=0
  output=$(eval "$1" 2>&1) || status=$?
  printf '%s\n' "$output" | tr -d '\r' | awk -v dim="$dim" -v plain="$plain" \
    '{ if (length($0) > 400) $0 = substr($0, 1, 400) " …"; print "  " dim $0 plain }'
  [ "$status" -eq 0 ] || fail "the command above ended with status $status"
}

# Polls until COMMAND succeeds; fails at the deadline, or at once when the process it waits for has ended.
await() { # SECONDS WHAT LOG PID COMMAND...
  local deadline=$((SECONDS + $1)) what=$2 log=$3 pid=$4
  shift 4
  until "$@"; do
    [ -z "$pid" ] || kill -0 "$pid" 2> /dev/null || fail "$what: the process has ended" "$log"
    [ "$SECONDS" -lt "$deadline" ] || fail "$what: not seen in time" "$log"
    sleep 0.05
  done
}

# The servers refuse to run as root: then they run as the user that the Debian package made.
as_server=()
server_user=postgres
choose_server_user() {
  [ "$(id -u)" -eq 0 ] || return 0
  id -u "$server_user" > /dev/null 2>&1 ||
    fail "run as root, the demo starts its servers as the user $server_user, and there is none: run it as another user"
  as_server=(setpriv --reuid "$server_user" --regid "$server_user" --clear-groups env "HOME=$work")
}

# Starts a server, to be ended by SIGNAL, and leaves its pid in $started. setpriv and env replace themselves, so the pid is the server's own.
stop_order=()
start() { # NAME SIGNAL COMMAND...
  local name=$1 signal=$2
  shift 2
  "${as_server[@]}" "$@" > "$work/$name.log" 2>&1 < /dev/null &
  started=$!
  stop_order=("$signal $started" "${stop_order[@]}")
}

# Ends what was started, the last first: asks, and after ten seconds insists.
stop_all() {
  local entry
  for entry in "${stop_order[@]}"; do stop "${entry% *}" "${entry#* }"; done
  stop_order=()
}

stop() { # SIGNAL PID
  local signal deadline
  for signal in "$1" KILL; do
    kill -"$signal" "$2" 2> /dev/null || break
    deadline=$((SECONDS + 10))
    while kill -0 "$2" 2> /dev/null && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.05; done
  done
  wait "$2" 2> /dev/null || true
}

# Milliseconds between two times in seconds with a fraction.
milliseconds() { # FROM TO
  awk -v from="$1" -v to="$2" 'BEGIN { printf "%.1f", (to - from) * 1000 }'
}
