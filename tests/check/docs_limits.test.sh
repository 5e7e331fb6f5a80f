#!/bin/bash
# The limits in the documentation are those of the program.
# shellcheck source=tests/check/docs.sh
. "$(dirname "${BASH_SOURCE[0]}")/docs.sh"

expect_fit limits
plant limits docs/reference/http-api.md 's/in one page | 1000/in one page | 500/' 'kMaxPageItems is 1000, not 500'
plant limits extension/src/fetch/item_lookup.hpp 's/kMaxKeysPerFetch = 10000/kMaxKeysPerFetch = 20000/' 'kMaxKeysPerFetch is 20000'
plant limits sql/50_status.sql 's/late_seconds CONSTANT float8 := 15/late_seconds CONSTANT float8 := 16/' 'late_seconds is not kReportLate'
plant limits sidecar/src/global/trim_rules.hpp 's/{64} << 20U/{32} << 20U/' 'much_lag is not kMuchLag'
