#!/bin/bash
# The alert rules for Prometheus are valid and fire when they should; they name only metrics that there are, and each
# alert is explained where its runbook says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rules=itemize.rules.yaml
tests=itemize.rules.test.yaml
metrics=docs/reference/metrics.md
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

if ! command -v promtool > /dev/null; then
  echo 'promtool is not installed (package prometheus)'
  exit 77
fi

metrics_of() { # FILE: those named in expressions, as the reference names them
  sed '/^ *#/d' "$1" | grep -oE '\bitemize_[a-z_]+' | sed -E 's/(_seconds|_bytes)_(bucket|sum|count)$/\1/' | sort -u
}

check() { # DIRECTORY
  local wrong=0 name line runbook
  promtool check rules "$1/$rules" || wrong=1
  (cd "$1" && promtool test rules "$tests") || wrong=1
  for name in $(metrics_of "$1/$rules"); do
    grep -q "^| \`$name\` |" "$metrics" || { echo "not in $metrics: $name"; wrong=1; }
  done
  for name in $(sed -n 's/^ *- alert: //p' "$1/$rules"); do
    line=$(sed -n "/- alert: $name\$/,/- alert: /p" "$1/$rules" | grep -m 1 ' runbook: ' || true)
    runbook=${line##* }
    if [[ $runbook != docs/how-to/troubleshoot.md#* ]]; then
      echo "without a runbook: $name"
      wrong=1
    elif ! grep -q "^| \`$name\` |" "${runbook%%#*}"; then
      echo "not in ${runbook%%#*}: $name"
      wrong=1
    elif ! sed -n 's/^## //p' "${runbook%%#*}" | tr 'A-Z ' 'a-z-' | grep -qx -- "${runbook#*#}"; then
      echo "no section ${runbook#*#} in ${runbook%%#*}: $name"
      wrong=1
    fi
  done
  return "$wrong"
}

# plant FILE SED EXPECTED: with this edit, the check must fail and say what is expected.
plant() {
  local output
  cp docker/prometheus/* "$copy"
  sed -i "$2" "$copy/$1"
  if cmp -s "docker/prometheus/$1" "$copy/$1"; then
    echo "nothing to edit: $2 in $1"
    exit 1
  fi
  if output=$(check "$copy" 2>&1) || [[ $output != *"$3"* ]]; then
    echo "not seen: $2 in $1: $output"
    exit 1
  fi
}

if ! check docker/prometheus; then exit 1; fi
plant $rules 's/itemize_stream_full/itemize_redis_full/' 'not in docs/reference/metrics.md: itemize_redis_full'
plant $rules 's/alert: ItemizePaused/alert: ItemizeHeld/' 'not in docs/how-to/troubleshoot.md: ItemizeHeld'
plant $rules 's/#alerts/#alarms/' 'no section alarms'
plant $rules '0,/runbook/{/runbook/d}' 'without a runbook: ItemizeNoPublisher'
plant $rules 's/ and itemize_slot_owner == 1) == 1/) == 1/' 'FAILED'
plant $rules 's/ or sum by (job, reason) (.*/ or vector(0) > 1/' 'FAILED'
plant $rules 's/for: 1m/for: soon/' 'FAILED'
