# shellcheck shell=bash
# The questions of bench-search, each in the SQL of itemize, by hand and of the framework. Sourced by search.sh.
#
# By hand answers what itemize.search answers: key, score, distance, price and headline of the first rows. What it need not
# do: make a cursor for each row, and read the rates, which are written into it.

page_rows=20
deep_page=50
skipped=$((page_rows * (deep_page - 1)))

# Every kind of question, and those that the framework is asked as well.
kinds=(text text_radius text_price nearest filters facets deep_text deep_nearest deep_filters)
framework_kinds=(text_radius text_price deep_text)
deep_words=5

point() { # NUMBER: a place where there are rows
  echo "ST_SetSRID(ST_Point(${places[$1 % ${#places[@]}]}), 4326)"
}

# One word, or two of which the second is frequent, so that there are rows with both.
words_of() { # NUMBER
  if [ $(($1 % 2)) -eq 1 ] && [ "$1" -lt 20 ]; then
    echo "${words[$1]} ${words[$1 % 5 == $1 ? 5 : $1 % 5]}"
  else
    echo "${words[$1]}"
  fi
}

kind_of_row() { # NUMBER
  local all=(flat room house loft cabin villa)
  echo "${all[$1 % ${#all[@]}]}"
}

arguments() { # KIND NUMBER: of itemize.search
  case $1 in
    text | deep_text) echo "'$(words_of "$2")', lang => 'en'" ;;
    text_radius) echo "'${words[$2]}', lang => 'en', near => $(point "$2"), within => 30000" ;;
    text_price) echo "'${words[$2]}', lang => 'en', price_min => 60, price_max => 90, currency => 'USD'" ;;
    nearest | deep_nearest) echo "near => $(point "$2")" ;;
    filters | deep_filters)
      echo "filters => '{\"kind\": \"$(kind_of_row "$2")\", \"beds\": {\"gte\": 4}}', order_by => 'changed.desc'" ;;
    facets) echo "'${words[$2]}', lang => 'en'" ;;
  esac
}

itemize_question() { # KIND NUMBER
  case $1 in
    facets) echo "SELECT * FROM itemize.facets('offer', '[\"kind\", \"beds\"]', $(arguments "$1" "$2"))" ;;
    deep_*) echo "SELECT * FROM itemize.search('offer', $(arguments "$1" "$2"), max_rows => $page_rows, after => :'after')" ;;
    *) echo "SELECT * FROM itemize.search('offer', $(arguments "$1" "$2"), max_rows => $page_rows)" ;;
  esac
}

by_hand_question() { # KIND NUMBER
  local offset='' query point
  query="plainto_tsquery('english', '${words[$2]}')"
  point="$(point "$2")::geography"
  case $1 in deep_*) offset="OFFSET $skipped" ;; esac
  local headline="ts_headline('english', name || ' ' || description, $query)"
  case $1 in
    text | deep_text)
      query="plainto_tsquery('english', '$(words_of "$2")')"
      echo "SELECT id, score, ts_headline('english', name || ' ' || description, $query)
        FROM (SELECT *, ts_rank(tsv, $query) AS score FROM by_hand WHERE tsv @@ $query
              ORDER BY score DESC, id LIMIT $page_rows $offset) h" ;;
    text_radius)
      echo "SELECT id, score, distance, $headline
        FROM (SELECT *, ts_rank(tsv, $query) AS score, ST_Distance(location, $point, false) AS distance FROM by_hand
              WHERE tsv @@ $query AND ST_DWithin(location, $point, 30000, false)
              ORDER BY score DESC, id LIMIT $page_rows) h" ;;
    text_price)
      echo "SELECT id, score, price_usd, $headline
        FROM (SELECT r.*, ts_rank(tsv, $query) AS score, round(price * factor, 2) AS price_usd FROM by_hand r
              JOIN (VALUES ('EUR', 55.56, 83.33, 1.08), ('USD', 60, 90, 1), ('GBP', 47.23, 70.83, 1.08 / 0.85),
                           ('JPY', 8889, 13333, 1.08 / 160)) AS b(currency, low, high, factor)
                ON r.currency = b.currency AND price BETWEEN low AND high
              WHERE tsv @@ $query ORDER BY score DESC, id LIMIT $page_rows) h" ;;
    nearest | deep_nearest)
      echo "SELECT id, ST_Distance(location, $point, false) FROM by_hand ORDER BY location <-> $point LIMIT $page_rows $offset" ;;
    filters | deep_filters)
      echo "SELECT id FROM by_hand WHERE kind = '$(kind_of_row "$2")' AND beds >= 4
        ORDER BY changed DESC, id LIMIT $page_rows $offset" ;;
    facets)
      echo "WITH found AS MATERIALIZED (SELECT kind, beds FROM by_hand WHERE tsv @@ $query)
        (SELECT 'kind', kind, count(*) FROM found GROUP BY kind ORDER BY 3 DESC LIMIT 20)
        UNION ALL (SELECT 'beds', beds::text, count(*) FROM found GROUP BY beds ORDER BY 3 DESC LIMIT 20)" ;;
  esac
}

# A dictionary per row, a geometry compared as a geography, prices converted row by row, pages by OFFSET.
framework_question() { # KIND NUMBER
  local found="tsv @@ to_tsquery(dictionary, '${words[$2]}')" score="ts_rank(tsv, to_tsquery(dictionary, '${words[$2]}'))"
  case $1 in
    text_radius)
      echo "SELECT id, $score AS score, ST_Distance(place::geography, $(point "$2")::geography) FROM framework
        WHERE $found AND ST_DWithin(place::geography, $(point "$2")::geography, 30000)
        ORDER BY score DESC, id LIMIT $page_rows" ;;
    text_price)
      echo "SELECT id, $score AS score, price * factor FROM framework JOIN currency_factor USING (currency)
        WHERE $found AND price * factor BETWEEN 60 AND 90 ORDER BY score DESC, id LIMIT $page_rows" ;;
    deep_text)
      local query
      query=$(words_of "$2")
      found="tsv @@ to_tsquery(dictionary, '${query// / & }')"
      score="ts_rank(tsv, to_tsquery(dictionary, '${query// / & }'))"
      echo "SELECT id, $score AS score FROM framework WHERE $found ORDER BY score DESC, id LIMIT $page_rows OFFSET $skipped" ;;
  esac
}
