#!/bin/bash
# The configuration reference and `itemize-sidecar --help` name the same options, variables and defaults.
# shellcheck source=tests/check/docs.sh
. "$(dirname "${BASH_SOURCE[0]}")/docs.sh"

help=$(mktemp)
trap 'rm -rf "$copy" "$help"' EXIT
"$root/build/sidecar/itemize-sidecar" --help > "$help"

expect_fit configuration
page=docs/reference/configuration.md
plant configuration $page 's/^Default: `itemize`/Default: `other`/' "documented as 'ITEMIZE_SLOT, other'"
plant configuration $page 's/^### listen$/### listen-on/' 'option not documented: listen'
plant configuration $page 's/`ITEMIZE_PREFIX`/`ITEMIZE_KEY_PREFIX`/' "documented as 'ITEMIZE_KEY_PREFIX, itemize'"
sed -i '/--static-dir/d' "$help"
if output=$(compare_docs configuration "$root") || [[ $output != *'not there: static-dir'* ]]; then
  echo "an option that the program does not have was not seen: $output"
  exit 1
fi
