#!/bin/bash
# The SQLSTATEs and log events of the error reference are those that the program has.
# shellcheck source=tests/check/docs.sh
. "$(dirname "${BASH_SOURCE[0]}")/docs.sh"

page=docs/reference/errors.md
expect_fit errors
plant errors $page '/^| `2BP01`/d' 'not documented: 2BP01'
plant errors $page 's/^| `42P01`/| `42P02`/' 'not there: 42P02'

expect_fit log_events
plant log_events $page 's/`slot_lost`/`slot_gone`/' 'not documented: slot_lost'
plant log_events sidecar/src/main.cpp 's/"ready"/"all_ready"/' 'not there: ready'
