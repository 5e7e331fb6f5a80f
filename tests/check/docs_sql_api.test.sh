#!/bin/bash
# Every SQL object of the extension is in the SQL reference, with its arguments, and no page names one that is not there.
# shellcheck source=tests/check/docs.sh
. "$(dirname "${BASH_SOURCE[0]}")/docs.sh"

expect_fit sql_api
page=docs/reference/sql-api.md
plant sql_api $page 's/`definition_problems`/`problems`/; s/itemize.definition_problems/itemize.version/' 'not named in sql-api.md: definition_problems'
plant sql_api docs/how-to/define-item-types.md 's/itemize.suggest_definition/itemize.suggest/' 'there is no itemize.suggest'
plant sql_api $page 's/max_rows integer DEFAULT 100/max_rows integer DEFAULT 50/' 'the signature of list lacks max_rows'
