#!/bin/bash
# Every link inside of the documentation leads to a file and a heading that are there.
# shellcheck source=tests/check/docs.sh
. "$(dirname "${BASH_SOURCE[0]}")/docs.sh"

expect_fit links
plant links docs/README.md 's/sql-api.md/sql_api.md/' 'no file for the link'
plant links docs/how-to/define-item-types.md 's/^## Keys/## Other keys/; $a [keys](#keys)' 'no heading for the link #keys'
