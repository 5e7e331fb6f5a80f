#!/bin/bash
# Fails when an #include runs the wrong way: tests/check/dependency_directions.sh [TREE]
#
# The table below is the whole rule: the files under a path may include, of the house, only what their row lists; what
# has no row must not exist. A room is a directory; `base/*` stands for all its headers. Of other people's headers it
# guards one thing: the server's come in through boundary/prelude.hpp alone, so that the files without it are plain C++.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

# path of the including file | prefixes it may include, besides its own room
rules='
extension/include/itemize/        | itemize/
extension/src/boundary/           | itemize/
extension/src/serializer/         | itemize/ boundary/ definition/model.hpp
extension/src/definition/         | itemize/ boundary/ serializer/ definition/model.hpp
extension/src/decoding/           | itemize/ boundary/ serializer/ definition/model.hpp publish/sealed_message.hpp
extension/src/fetch/              | itemize/ boundary/ serializer/ definition/model.hpp publish/sealed_message.hpp
extension/src/publish/            | itemize/ boundary/ serializer/ definition/model.hpp
extension/src/search/text/        | itemize/ boundary/ definition/model.hpp definition/search_model.hpp
extension/src/search/             | itemize/ boundary/ serializer/ definition/model.hpp definition/search_model.hpp
extension/src/leaving/            | itemize/ boundary/
extension/src/write/              | itemize/ boundary/ serializer/ definition/model.hpp fetch/item_lookup.hpp fetch/item_query.hpp
extension/src/                    | itemize/ boundary/ serializer/ definition/ decoding/ fetch/ publish/ search/ leaving/ write/
sidecar/src/base/                 | itemize/
sidecar/src/identity/             | itemize/ base/
sidecar/src/authorization/        | itemize/ base/ identity/
sidecar/src/matching/             | itemize/ base/
sidecar/src/redis/                | itemize/ base/
sidecar/src/postgres/             | itemize/ base/
sidecar/src/global/               | itemize/ base/ redis/ postgres/ options.hpp
sidecar/src/local/                | itemize/ base/ redis/ postgres/ options.hpp
sidecar/src/read/                 | itemize/ base/ matching/ authorization/ redis/ postgres/ options.hpp
sidecar/src/coherence/            | itemize/ base/ authorization/ redis/ postgres/ options.hpp read/
sidecar/src/admission/            | itemize/ base/ identity/ authorization/ redis/ postgres/ options.hpp read/
sidecar/src/live/                 | itemize/ base/ matching/ identity/ authorization/ redis/ postgres/ options.hpp read/ admission/register.hpp
sidecar/src/search/               | itemize/ base/ authorization/ redis/ postgres/ options.hpp read/
sidecar/src/write/                | itemize/ base/ authorization/ redis/ postgres/ options.hpp read/
sidecar/src/http/                 | itemize/ base/ matching/ redis/ postgres/ options.hpp identity/ authorization/ read/ admission/ live/ search/ write/
sidecar/src/tail/                 | itemize/ base/ redis/ postgres/ options.hpp local/stream_reader.hpp
sidecar/src/operate/              | itemize/ base/ redis/ postgres/ options.hpp
sidecar/src/                      | itemize/ base/ matching/ redis/ postgres/ identity/ authorization/ global/ local/ read/ admission/ search/ write/ coherence/ live/ http/ tail/ operate/
tests/unit/                       | *
tests/boundary/                   | boundary/
tests/faults/                     | itemize/
tests/fuzz/                       | itemize/ boundary/ search/ identity/ http/
'

found=0
wrong() {
  echo "$1"
  found=1
}

# FILE:LINE:TARGET of each quoted include, and of each bracketed one that names a room of ours.
includes() {
  find extension sidecar tests -type f \( -name '*.[ch]pp' -o -name '*.[ch]' \) -print0 | sort -z |
    xargs -0 grep -HnE '^[[:space:]]*#[[:space:]]*include' |
    sed -nE 's/^([^:]+):([0-9]+):[^"<]*["<]([^">]+)[">].*/\1 \2 \3/p'
}

houses='^(itemize|boundary|serializer|definition|decoding|fetch|publish|search|leaving|write|base|identity|authorization|matching|redis|postgres|global|local|read|admission|coherence|live|http|tail|operate)/'

allowed_by_rule() { # FILE TARGET: the first row whose path the file lies under decides
  local path allowed prefix
  while IFS='|' read -r path allowed; do
    path=${path//[[:space:]]/}
    if [ -z "$path" ] || [[ $1 != "$path"* ]]; then continue; fi
    # Within the own room everything goes, by its full name.
    local room=${path#extension/src/}
    room=${room#sidecar/src/}
    if [ -n "$room" ] && [[ $2 == "$room"* ]]; then return 0; fi
    for prefix in $allowed; do
      if [ "$prefix" = '*' ] || [[ $2 == "$prefix"* ]]; then return 0; fi
    done
    return 1
  done <<< "$rules"
  return 1
}

set -f # the * of the table is no file name
while read -r file line target; do
  case $target in
    *..*)
      wrong "$file:$line: includes $target: name a header by its room, not by a way to it"
      ;;
    postgres.h | postgres_fe.h | fmgr.h | c.h | access/* | catalog/* | executor/* | nodes/* | replication/* | storage/* | utils/*.h)
      # Further server headers are fine where the prelude comes with them; postgres.h itself only there.
      if [ "$file" = tests/bench/empty_plugin.c ]; then
        continue # an extension by itself, for comparison
      elif [[ $file != extension/src/* ]]; then
        wrong "$file:$line: includes the server's $target outside of the extension"
      elif [ "$target" = postgres.h ] && [ "$file" != extension/src/boundary/prelude.hpp ]; then
        wrong "$file:$line: includes postgres.h; boundary/prelude.hpp is the one door to it"
      fi
      ;;
    */*)
      if [[ $target =~ $houses ]] && ! allowed_by_rule "$file" "$target"; then
        wrong "$file:$line: must not include $target"
      fi
      ;;
    *.hpp)
      # The files directly in sidecar/src see each other, and the options that main hands to the rooms are seen there.
      if [[ ! $file =~ ^(sidecar/src|tests/[a-z]+)/[a-z_]+\.[ch]pp$ ]] && ! allowed_by_rule "$file" "$target"; then
        wrong "$file:$line: includes $target: name the room as well, or it is not for this room"
      fi
      ;;
  esac
  if [[ $file == extension/include/* && $target == *.h* && $target != itemize/* ]]; then
    wrong "$file:$line: the public wire header includes $target: only the standard library and itemize/ are allowed"
  fi
done < <(includes)

# A room that the table does not know has no direction yet.
set +f
for directory in extension/src/*/ sidecar/src/*/; do
  if [ -d "$directory" ] && ! grep -q "^$directory " <<< "$rules"; then
    wrong "$directory: a room without a row in $0"
  fi
done

exit "$found"
