# From the measurements of the serving benchmark (lines `kind rps p50 p99 cpu`, raw, one for each round) to figures and
# ratios.
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def round_to(digits): pow(10; digits) as $scale | . * $scale | round / $scale;

[inputs | split(" ")] as $lines
| def of($kind; $column): [$lines[] | select(.[0] == $kind) | .[$column] | tonumber];
  # Each round's own pair: what else the machine did weighs on both.
  def over($kind; $other; $column): [of($kind; $column), of($other; $column)] | transpose | map(.[0] / .[1]) | median | round_to(3);
  def over($kind; $other): over($kind; $other; 1);
  [$lines[][0]] as $kinds
| {
    figures: ([$kinds | unique[] as $kind | {
        "\($kind)_rps": of($kind; 1) | median | round,
        "\($kind)_rps_min": of($kind; 1) | min,
        "\($kind)_rps_max": of($kind; 1) | max,
        "\($kind)_p50_ms": of($kind; 2) | median | round_to(3),
        "\($kind)_p99_ms": of($kind; 3) | median | round_to(3),
        "\($kind)_cpu_us": of($kind; 4) | median | round_to(2)}] | add
      + {p99_ms: of("itemize"; 3) | median | round_to(3), memory_hits: $hits, fills: $fills}),
    ratios: ({
        rps_over_httplib_hello: over("itemize"; "hello"),
        rps_over_sql_per_request: over("itemize"; "sql"),
        cpu_of_sql_per_request_over_itemize: over("sql"; "itemize"; 4),
        cpu_of_httplib_hello_over_itemize: over("hello"; "itemize"; 4),
        not_modified_over_httplib_hello: over("not_modified"; "hello"),
        not_modified_over_whole_answers: over("not_modified"; "itemize"),
        among_1000_idle_over_alone: over("among_idle"; "alone")
      } + if of("nginx"; 1) != [] then {rps_over_nginx: over("itemize"; "nginx")} else {} end)
  }
