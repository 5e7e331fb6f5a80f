#!/bin/bash
# Makes a private PostgreSQL tree with our extension in it: tests/stage.sh DIR
#
# PostgreSQL finds its share and library directories relative to the real path of its binaries (src/port/path.c,
# make_relative_path). So DIR holds real copies of the binaries and links to everything else of the installed
# server, with our library, control file and SQL beside them; the sidecar lies in DIR/bin. Nothing is installed
# into the system. Prints the directory of the server's binaries.
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "usage: tests/stage.sh DIR" >&2
  exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pg_config=${PG_CONFIG:-pg_config}
mkdir -p "$1"
stage=$(cd "$1" && pwd)
bindir=$("$pg_config" --bindir)
sharedir=$("$pg_config" --sharedir)
pkglibdir=$("$pg_config" --pkglibdir)
version=$(sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" "$root/itemize.control")

for built in build/extension/itemize.so build/extension/boundary_probe.so "build/sql/itemize--$version.sql" build/sidecar/itemize-sidecar \
  build/sidecar/fault_workload build/sidecar/judge_history; do
  if [ ! -s "$root/$built" ]; then
    echo "tests/stage.sh: $built is missing: run make first" >&2
    exit 1
  fi
done

rm -rf "${stage:?}$bindir" "${stage:?}$sharedir" "${stage:?}$pkglibdir" "${stage:?}/bin"
mkdir -p "$stage$bindir" "$stage$sharedir/extension" "$stage$pkglibdir" "$stage/bin"

cp -L "$bindir"/* "$stage$bindir/"

# An itemize that the machine has installed must not be found instead of ours.
link_all() { # FROM TO EXCEPT
  find "$1" -mindepth 1 -maxdepth 1 ! -name "$3" -exec ln -s -t "$2" {} +
}
link_all "$pkglibdir" "$stage$pkglibdir" 'itemize.so'
link_all "$sharedir" "$stage$sharedir" 'extension'
link_all "$sharedir/extension" "$stage$sharedir/extension" 'itemize*'

install -m 755 "$root/build/extension/itemize.so" "$root/build/extension/boundary_probe.so" "$stage$pkglibdir/"
install -m 644 "$root/itemize.control" "$root/build/sql/itemize--$version.sql" "$stage$sharedir/extension/"
find "$root/migrations" -name 'itemize--*.sql' -exec install -m 644 -t "$stage$sharedir/extension/" {} +
install -m 755 "$root/build/sidecar/itemize-sidecar" "$root/build/sidecar/fault_workload" "$root/build/sidecar/judge_history" \
  "$stage/bin/"

echo "$stage$bindir"
