# shellcheck shell=bash disable=SC2154,SC2034 # variables that demo.sh and its other parts set or use
# Loads a CSV file into public.listing (import.sql), with progress.

import_csv() { # FILE
  local csv=$1 header delimiter total step done_rows=0
  header=$(head -n 1 "$csv" | strip_mark | tr -d '\r')
  delimiter=$(delimiter_of "$header")
  psql --quiet --no-align --tuples-only --set header="$header" --set delimiter="$delimiter" --file "$demo/import.sql" \
    > "$work/import.log" 2>&1 || fail "the header of ${csv##*/} does not do" "$work/import.log"

  local columns
  columns=$(psql -Atc "SELECT string_agg('c' || number, ',' ORDER BY number) FROM demo_import.file_column")
  strip_mark < "$csv" |
    psql --quiet --set ON_ERROR_STOP=1 \
      --command "COPY demo_import.raw ($columns) FROM STDIN WITH (FORMAT csv, HEADER true, DELIMITER '$delimiter', ENCODING 'UTF8')" \
      > "$work/import.log" 2>&1 || fail "${csv##*/} could not be read" "$work/import.log"
  total=$(psql --set ON_ERROR_STOP=1 -Atc 'SELECT demo_import.check_rows()' 2> "$work/import.log") ||
    fail "${csv##*/} holds a row that does not do" "$work/import.log"
  [ "$total" -gt 0 ] || fail "${csv##*/} holds no row"

  step=$((total / 20 + 1))
  while [ "$done_rows" -lt "$total" ]; do
    psql --quiet --set ON_ERROR_STOP=1 -Atc "SELECT demo_import.insert_rows($done_rows, $((done_rows + step)))" \
      > "$work/import.log" 2>&1 || fail "rows could not be inserted" "$work/import.log"
    done_rows=$((done_rows + step < total ? done_rows + step : total))
    show_progress "$done_rows" "$total"
  done
  psql --quiet -c 'DROP SCHEMA demo_import CASCADE' -c 'ANALYZE public.listing'
}

# A byte order mark is no part of the first column's name.
strip_mark() {
  LC_ALL=C sed $'1s/^\xef\xbb\xbf//'
}

# What stands oftenest in the header of the three that exports use.
delimiter_of() { # HEADER
  local best=, count most=0 candidate others
  for candidate in ',' ';' $'\t'; do
    others=${1//"$candidate"/}
    count=$((${#1} - ${#others}))
    if [ "$count" -gt "$most" ]; then
      most=$count
      best=$candidate
    fi
  done
  printf '%s' "$best"
}

# On a terminal one line that grows; in a log a line a quarter.
show_progress() { # DONE TOTAL
  local percent=$(($1 * 100 / $2)) bar
  if [ -t 1 ]; then
    printf -v bar '%*s' $((percent / 4)) ''
    printf '\r  loading  [%-25s] %s of %s rows' "${bar// /#}" "$1" "$2"
    [ "$1" -lt "$2" ] || printf '\n'
  elif [ $((percent / 25)) -gt "$shown_quarter" ]; then
    shown_quarter=$((percent / 25))
    printf '  loading  %s of %s rows\n' "$1" "$2"
  fi
}
shown_quarter=0
