#!/bin/bash
# The metrics of the reference are those of the program, with their types.
# shellcheck source=tests/check/docs.sh
. "$(dirname "${BASH_SOURCE[0]}")/docs.sh"

expect_fit metrics
page=docs/reference/metrics.md
plant metrics $page '/itemize_read_hits_total/d' 'not documented: itemize_read_hits_total'
plant metrics $page 's/itemize_slot_owner/itemize_owner/' 'not there: itemize_owner'
plant metrics $page 's/^| `itemize_live_connections` | gauge/| `itemize_live_connections` | counter/' "documented as 'counter'"
