#!/bin/bash
# The check of the dependency directions catches wrong includes: each is planted in a copy of the sources.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

fresh_copy() {
  rm -rf "${copy:?}"/*
  (cd "$root" && tar -c extension sidecar tests/unit) | tar -x -C "$copy"
}

# plant FILE INCLUDE EXPECTED: the check must fail, and name file and reason.
plant() {
  local output
  fresh_copy
  mkdir -p "$copy/$(dirname "$1")"
  printf '%s\n' "$2" >> "$copy/$1"
  if output=$("$here/dependency_directions.sh" "$copy"); then
    echo "not caught: $2 in $1"
    exit 1
  fi
  if [[ $output != *"${1%/*}"*"$3"* ]]; then
    echo "caught for another reason: $2 in $1: $output"
    exit 1
  fi
}

fresh_copy
if ! "$here/dependency_directions.sh" "$copy"; then
  echo 'the sources themselves do not pass'
  exit 1
fi

plant extension/include/itemize/lsn.hpp '#include "postgres.h"' 'only the standard library'
plant extension/include/itemize/lsn.hpp '#include <nlohmann/json.hpp>' 'only the standard library'
plant extension/include/itemize/lsn.hpp '#include "serializer/value_encoder.hpp"' 'must not include'
plant extension/src/boundary/entry.cpp '#include "definition/model.hpp"' 'must not include'
plant extension/src/decoding/planted.cpp '#include "fetch/planted.hpp"' 'must not include'
plant extension/src/fetch/planted.cpp '#include "definition/define.hpp"' 'must not include'
plant extension/src/serializer/planted.cpp '#include "postgres.h"' 'the one door'
plant extension/src/serializer/planted.cpp '  #  include <base/logger.hpp>' 'must not include'
plant sidecar/src/base/planted.cpp '#include "redis/connection.hpp"' 'must not include'
plant sidecar/src/global/planted.cpp '#include "local/applier.hpp"' 'must not include'
plant sidecar/src/redis/planted.cpp '#include "options.hpp"' 'not for this room'
plant sidecar/src/read/planted.cpp '#include "http/target.hpp"' 'must not include'
plant sidecar/src/read/planted.cpp '#include "../http/target.hpp"' 'not by a way to it'
plant sidecar/src/http/planted.cpp '#include "target.hpp"' 'name the room'
plant sidecar/src/http/planted.cpp '#include "boundary/error.hpp"' 'must not include'
plant sidecar/src/http/planted.cpp '#include "utils/builtins.h"' 'outside of the extension'
plant sidecar/src/planted/planted.cpp '#include <string>' 'a room without a row'
