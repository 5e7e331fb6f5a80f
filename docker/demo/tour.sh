# shellcheck shell=bash disable=SC2154,SC2034 # variables that demo.sh and its other parts set or use
# The tour: every step shows what a reader would type and what really came back, and checks it.

tour_define() {
  title "1. One statement makes the table an item type"
  run "psql << 'SQL'
$(cat "$demo/define.sql")
SQL"
  run "psql -c 'SELECT type, source, key, read FROM itemize.definitions'"
  [[ $output == *listing*everyone* ]] || fail "itemize.definitions does not show the type"
  passed "defined; no column is visible to clients that it does not name"
}

tour_fetch() {
  title "3. A row as JSON, made inside the database"
  id=$(psql -Atc 'SELECT id FROM listing WHERE price IS NOT NULL ORDER BY id LIMIT 1')
  [ -n "$id" ] || id=$(psql -Atc 'SELECT min(id) FROM listing')
  run "psql -Atc \"SELECT item FROM itemize.fetch('listing', '{$id}')\""
  item=$output
  [ "$(jq -r '.id | tostring' <<< "$item" | cut -c 1-15)" = "$(cut -c 1-15 <<< "$id")" ] || fail "itemize.fetch gave no row $id"
  [ "$(jq -r .location.type <<< "$item")" = Point ] || fail "the location is not GeoJSON"
  passed "compact JSON in the order of the fields, the place as GeoJSON"
}

tour_get() {
  title "4. The same bytes over HTTP, from the copy in Redis"
  run "curl -si -m 10 $url/v1/items/listing/$id"
  [[ $output == HTTP/1.1\ 200* ]] || fail "the answer is not 200"
  local head=${output%%$'\r\n\r\n'*} body=${output#*$'\r\n\r\n'}
  etag=$(header_of "$head" etag)
  [ -n "$etag" ] || fail "the answer has no ETag"
  [ -n "$(header_of "$head" itemize-position)" ] || fail "the answer has no Itemize-Position"
  [ "$body" = "$item" ] || fail "the body differs from what itemize.fetch gave"
  passed "byte for byte what itemize.fetch gave"
  run "curl -si -m 10 -H 'If-None-Match: $etag' $url/v1/items/listing/$id"
  [[ $output == HTTP/1.1\ 304* ]] || fail "the answer is not 304"
  passed "304: a client that has these bytes gets none"
  run "curl -s -m 10 '$url/v1/items/listing?limit=100' | jq '.items | length'"
  [ "$output" = "$(psql -Atc 'SELECT least(count(*), 100) FROM listing')" ] || fail "the page of items is not complete"
  [[ $(curl -sf -m 10 "$url/") == *'<canvas id="map"'* ]] || fail "the page at $url/ is not served"
  passed "many at once, in pages; and the page for a browser at $url/"
}

tour_search() {
  title "6. Search: words, place, price in the visitor's currency"
  psql --quiet --set ON_ERROR_STOP=1 --file "$demo/rates.sql" > "$work/rates.log" 2>&1 || fail "the rates could not be stored" "$work/rates.log"
  local word
  # Any word of the catalogue that has some length, from whatever file it is.
  word=$(psql -Atc "SELECT word FROM listing, regexp_split_to_table(name, '[^[:alpha:]]+') AS word
    WHERE length(word) > 4 ORDER BY id LIMIT 1")
  [ -n "$word" ] || word=$(psql -Atc 'SELECT name FROM listing ORDER BY id LIMIT 1')
  run "curl -sG -m 10 $url/v1/search/listing --data-urlencode 'q=$word' -d currency=USD -d limit=3 | jq -c '.items[] | {key, score, price, headline}'"
  [[ $output == *'<mark>'* ]] || fail "the search for '$word' has found nothing"
  passed "found by its words, the price in dollars, what matched marked"
  run "curl -s -m 10 '$url/v1/facets/listing?facets=kind&max_values=3'"
  [[ $output == '{"facets":{"kind":['* ]] || fail "the facets are not counted"
  passed "and counted by what they are"
}

header_of() { # HEAD NAME
  awk -v name="$2:" 'tolower($1) == name { sub(/^[^:]*: */, ""); sub(/\r$/, ""); print; exit }' <<< "$1"
}

tour_event() {
  title "5. A change made with SQL arrives as a server-sent event"
  local events=$work/events.log pipe=$work/events.pipe listen="curl -sN '$url/v1/live?items=listing/$id'"
  mkfifo "$pipe"
  curl -sN "$url/v1/live?items=listing/$id" > "$pipe" &
  curl_pid=$!
  # Each line with the time at which it came.
  while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done < "$pipe" > "$events" &
  local reader_pid=$!
  stop_order=("TERM $curl_pid" "TERM $reader_pid" "${stop_order[@]}")
  say "$bold\$ $listen &$plain"
  await 10 "the live stream says hello" "$events" "$curl_pid" grep -q 'event: hello' "$events"

  run "psql -c 'UPDATE listing SET price = coalesce(price, 20) + 1 WHERE id = $id RETURNING price, currency'"
  [[ $output == *'UPDATE 1'* ]] || fail "no row was changed"
  local price committed arrived
  price=$(psql -Atc "SELECT price FROM listing WHERE id = $id")
  committed=$(psql -Atc "SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM listing WHERE id = $id")
  await 5 "the change arrives as an event" "$work/sidecar.log" "$curl_pid" grep -q '"op":"update"' "$events"
  sed 's/^[^ ]* //' "$events" | grep -A 3 -B 1 'event: item' | awk '{ print "  " substr($0, 1, 400) }'
  arrived=$(awk '/"op":"update"/ { print $1; exit }' "$events")
  grep -o '{"op":"update".*' "$events" | head -n 1 | jq -e --arg price "$price" '(.item.price | tonumber) == ($price | tonumber)' \
    > /dev/null || fail "the event does not carry the new price $price"
  local elapsed
  elapsed=$(milliseconds "$committed" "$arrived")
  awk -v ms="$elapsed" 'BEGIN { exit !(ms < 1000) }' || fail "the event took $elapsed ms; it should take less than a second"
  passed "the new price was here $elapsed ms after the commit"
  stop TERM "$curl_pid"
  stop TERM "$reader_pid"
  stop_order=("${stop_order[@]:2}")
}
