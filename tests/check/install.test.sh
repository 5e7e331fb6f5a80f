#!/bin/bash
# `make install` obeys DESTDIR and PostgreSQL's directories, and installs what a user needs; the public headers stand
# each on its own, without the server and under every warning.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
pg_config=${PG_CONFIG:-pg_config}
version=$(sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" itemize.control)

make --no-print-directory install DESTDIR="$target" > "$target/log" 2>&1 || { cat "$target/log"; exit 1; }

extension_dir=$("$pg_config" --sharedir)/extension
headers=$("$pg_config" --includedir-server)/extension
for file in "$("$pg_config" --pkglibdir)/itemize.so" "$extension_dir/itemize.control" \
  "$extension_dir/itemize--$version.sql" /usr/local/bin/itemize-sidecar; do
  if [ ! -s "$target$file" ]; then
    echo "not installed: $file"
    exit 1
  fi
done

for header in extension/include/itemize/*.hpp; do
  name=itemize/$(basename "$header")
  if ! cmp -s "$header" "$target$headers/$name"; then
    echo "not installed: $name"
    exit 1
  fi
  echo "#include \"$name\"" |
    g++ -std=c++17 -pedantic -Wall -Wextra -Wshadow -Wconversion -Werror -fsyntax-only -I "$target$headers" -x c++ -
done

# What only tests load stays out.
extra=$(find "$target" -type f -name '*.so' ! -name itemize.so)
if [ -n "$extra" ]; then
  echo "installed, but for tests only: $extra"
  exit 1
fi
