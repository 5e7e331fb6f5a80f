# From the measurements (lines `round plugin seconds`, raw) to figures, ratios and a table.
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def round_to(digits): pow(10; digits) as $scale | . * $scale | round / $scale;

[inputs | split(" ") | {round: .[0] | tonumber, plugin: .[1], seconds: .[2] | tonumber}] as $measured
| ($measured | group_by(.round) | map(map({key: .plugin, value: .seconds}) | from_entries)) as $rounds
# The two of a ratio were measured within seconds of each other: what else the machine did weighs on both.
| def over($other): $rounds | map(.itemize / .[$other]) | median | round_to(3);
  {
    figures: [$ARGS.positional[] as $plugin | $rounds | map(.[$plugin])
      | {"\($plugin)_s": median | round_to(3), "\($plugin)_min_s": min | round_to(3), "\($plugin)_max_s": max | round_to(3)}]
      | add,
    ratios: [$ARGS.positional[] | select(IN("pgoutput", "wal2json", "empty")) | {"itemize_over_\(.)": over(.)}] | add
  }
