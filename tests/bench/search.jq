# From the measurements (lines `rows round kind number method milliseconds`, raw) to figures, ratios, a table, and which ratios miss
# their bars: 1.1 of the time by hand at most, the framework's at least 3 times ours.
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def round_to(digits): pow(10; digits) as $scale | . * $scale | round / $scale;

[inputs | split(" ") | {rows: .[0], round: .[1] | tonumber, kind: .[2], number: .[3] | tonumber, method: .[4], ms: .[5] | tonumber}
 | select(.round > 0)]
| group_by([.rows, .kind, .number, .method])
| map(first + {ms: map(.ms) | median})
| . as $asked
| def of($rows; $kind; $method): $asked | map(select(.rows == $rows and .kind == $kind and .method == $method));
  def mean: map(.ms) | add / length;
  ($asked | map({rows, kind}) | unique | sort_by((.rows | tonumber), .kind)) as $questions
| {
    figures: [$questions[] as $q | ("itemize", "by_hand", "framework") as $method | of($q.rows; $q.kind; $method)
      | select(length > 0) | {"\($q.kind)_\($q.rows)_\($method)_ms": mean | round_to(3)}] | add,
    ratios: [$questions[] as $q | of($q.rows; $q.kind; "itemize") as $ours
      | {"\($q.kind)_\($q.rows)": (($ours | mean) / (of($q.rows; $q.kind; "by_hand") | mean) | round_to(3))},
        (of($q.rows; $q.kind; "framework") | select(length > 0) | . as $theirs
         | ($ours | map(select(.number | IN($theirs[].number)))) as $same
         | {"framework_\($q.kind)_\($q.rows)": (($theirs | mean) / ($same | mean) | round_to(2))})] | add,
    table: ["question                 rows     itemize   by hand   framework (ms)", ($questions[] as $q
      | [("itemize", "by_hand", "framework") as $m | of($q.rows; $q.kind; $m) | if length > 0 then mean | round_to(3) | tostring else "" end] as $cells
      | "\($q.kind + " " * (22 - ($q.kind | length)))\(" " * (7 - ($q.rows | length)) + $q.rows)\([$cells[] | " " * (12 - length) + .] | add)")]
  }
| .bars = [.ratios | to_entries[] | (.key | startswith("framework_")) as $is_framework
    | if $is_framework then select(.value < 3) | "\(.key): \(.value), below 3 x the framework"
      else select(.value > 1.1) | "\(.key): \(.value), above 1.1 by hand" end]
