#!/bin/bash
# Searches beside the same by hand, and beside the SQL of the framework that this design comes from: tests/bench/search.sh
#
# Generated rows (tests/bench/search_rows.cpp), a tenth of them and all of them: text, text in a radius, text and a price
# in another currency, the nearest, filters, facets and the 50th page. The questions rotate through forty words and as many
# places; itemize.search and the statement by hand (GIN and ts_rank on a stored tsvector, GiST, B-tree) are asked one
# after the other, by one client. Before that: both find as many rows, and no search reads the whole table. SEARCH_ROWS and
# BENCH_ROUNDS make it smaller for a try. The result is build/bench/search.json; last come the ratios that miss their bars
# (search.jq).
set -Eeuo pipefail
trap 'echo "bench: ${BASH_SOURCE[0]##*/}:$LINENO failed: $BASH_COMMAND" >&2' ERR
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/bench/bench.sh
. "$here/bench.sh"
# shellcheck source=tests/bench/search_questions.sh
. "$here/search_questions.sh"

rows=${SEARCH_ROWS:-500000}
rounds=${BENCH_ROUNDS:-3}
framework_questions=3
sizes=($((rows / 10)) "$rows")

build_generator() {
  "${CXX:-g++}" -std=c++17 -O2 -Wall -Wextra -o "$work/search_rows" "$here/search_rows.cpp"
  mapfile -t words < <("$work/search_rows" words)
}

load() { # ROWS
  printf 'loading %d rows\n' "$1"
  ask postgres --command "CREATE DATABASE bench_$1"
  ask "bench_$1" --set generator="$work/search_rows" --set rows="$1" --file "$work/src/tests/bench/search.sql"
  # Places of the first rows, which are in every size.
  ask "bench_$1" --command "SELECT format('%s, %s', ST_X(location::geometry), ST_Y(location::geometry))
    FROM offer WHERE id <= 1000 AND id % 25 = 0 ORDER BY id"
  mapfile -t places <<< "$answer"
}

# With the planner's own settings, each question is answered from an index.
check_plans() { # ROWS
  local kind number
  for kind in "${kinds[@]}"; do
    for ((number = 0; number < ${#words[@]}; number++)); do
      printf "SELECT '%s %d: ' || line FROM itemize.explain_search('offer', %s" "$kind" "$number" "$(arguments "$kind" "$number")"
      if [[ $kind == deep_* ]]; then
        printf ", after => (SELECT (array_agg(cursor))[%d] FROM itemize.search('offer', %s, max_rows => %d))" \
          "$skipped" "$(arguments "$kind" "$number")" "$skipped"
      fi
      printf ") AS line WHERE line LIKE '%%Seq Scan on offer%%';\n"
    done
  done > "$work/script"
  ask "bench_$1" --file "$work/script"
  [ -z "$answer" ] || fail_bench "searches of $1 rows read the whole table: $answer"
}

# Of every kind, both methods find as many rows, on all pages together.
check_counts() { # ROWS
  local kind given number found page_rows=ALL skipped=0
  for kind in text text_radius text_price nearest filters facets; do
    found=0
    for number in 0 1 2 3 4; do
      given=$(arguments "$kind" "$number")
      if [ "$kind" = facets ]; then
        ask "bench_$1" --command "SELECT sum(count), (SELECT sum(count) FROM ($(by_hand_question "$kind" "$number")) h)
          FROM ($(itemize_question "$kind" "$number")) f"
      else
        ask "bench_$1" --command "SELECT total, (SELECT count(*) FROM ($(by_hand_question "$kind" "$number")) h)
          FROM itemize.search_count('offer', ${given%, order_by*}, exact => true)"
      fi
      [ "${answer%|*}" = "${answer#*|}" ] || fail_bench "$kind $number of $1 rows, found by itemize and by hand: $answer"
      found=$((found + ${answer%|*}))
    done
    [ "$found" -gt 0 ] || fail_bench "$kind of $1 rows: nothing was found"
  done
}

# A statement of the script, with a line before that says what is measured.
write_measurement() { # ROUND KIND NUMBER METHOD STATEMENT
  printf '\\echo MEASURE %s %s %s %s\n\\timing on\n%s;\n\\timing off\n' "$@"
}

# The cursor behind the 49th page is taken before, as a client has it from that page. Of few rows there is none: page 1.
write_question() { # ROUND KIND NUMBER
  case $2 in
    deep_*)
      printf "SELECT coalesce((array_agg(cursor))[%d], '') AS after FROM itemize.search('offer', %s, max_rows => %d) \\\\gset\n" \
        "$skipped" "$(arguments "$2" "$3")" "$skipped" ;;
  esac
  # Each is first in every second round.
  if [ $((($1 + $3) % 2)) -eq 0 ]; then
    write_measurement "$1" "$2" "$3" itemize "$(itemize_question "$2" "$3")"
    write_measurement "$1" "$2" "$3" by_hand "$(by_hand_question "$2" "$3")"
  else
    write_measurement "$1" "$2" "$3" by_hand "$(by_hand_question "$2" "$3")"
    write_measurement "$1" "$2" "$3" itemize "$(itemize_question "$2" "$3")"
  fi
}

write_script() {
  local round kind number
  echo '\o /dev/null'
  # Round 0 brings the rows into memory; it is not counted.
  for ((round = 0; round <= rounds; round++)); do
    for kind in "${kinds[@]}"; do
      for ((number = 0; number < ${#words[@]}; number++)); do
        # Only of frequent words there are so many pages.
        if [[ $kind == deep_text && $((number % 2)) -eq 1 ]] || [[ $kind == deep_* && $number -ge $((2 * deep_words)) ]]; then continue; fi
        write_question "$round" "$kind" "$number"
      done
    done
  done
  for kind in "${framework_kinds[@]}"; do
    for ((number = 0; number < 2 * framework_questions; number += 2)); do
      write_measurement 1 "$kind" "$number" framework "$(framework_question "$kind" "$number")"
    done
  done
}

measure() { # ROWS
  write_script > "$work/script"
  ask "bench_$1" --file "$work/script"
  awk -v rows="$1" '/^MEASURE/ { what = $2 " " $3 " " $4 " " $5 } /^Time:/ { print rows, what, $2 }' "$work/answer" >> "$work/measurements"
}

begin_bench
build_generator
start_bench_server '' checkpoint_timeout=1h max_wal_size=16GB autovacuum=off synchronous_commit=off shared_buffers=2GB \
  maintenance_work_mem=512MB
: > "$work/measurements"
for size in "${sizes[@]}"; do
  load "$size"
  # Few rows are read sooner without an index, and may have none of the words.
  if [ "$size" -ge 5000 ]; then
    check_plans "$size"
    check_counts "$size"
  fi
  measure "$size"
done

result=$(jq -nR -f "$here/search.jq" "$work/measurements")
jq -r '.table[]' <<< "$result"
setup=$(describe_setup --argjson rows "$rows" --argjson rounds "$rounds" --argjson words "${#words[@]}" \
  --arg figures 'milliseconds of a question, seen by the client: the mean over the words of the median of the rounds' \
  --arg ratios 'KIND_ROWS: itemize over by hand; framework_KIND_ROWS: the framework over itemize, for the same words' \
  --arg by_hand 'GIN and ts_rank on a stored tsvector of the row'\''s language, ts_headline, PostGIS on the sphere, B-tree on (currency, price), OFFSET' \
  --arg framework 'a dictionary per row, geometry compared as geography, prices converted row by row, OFFSET' \
  --arg deep 'page 50 of 20 rows')
write_result search "$(jq .figures <<< "$result")" "$(jq .ratios <<< "$result")" "$setup"
# Said, not failed: answers that lie ready in an index cost little more than the call, and every machine has its hours.
jq -r 'if .bars == [] then "every ratio keeps to its bar" else "ratios that miss their bars:", .bars[] end' <<< "$result"
