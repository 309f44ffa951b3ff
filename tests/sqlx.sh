#!/usr/bin/env bash
# Writes `.sqlx`: what a PostgreSQL with all migrations says of each statement in the server's
# sources. Compiling the server asks no database, it reads these files. Run it after a change of a
# statement or a migration.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}/target}"
tests/packages.sh

programs=/usr/lib/postgresql/15/bin
folder=$(mktemp -d /tmp/telecom-sqlx-XXXXXX)
# PostgreSQL refuses to run as root: then the user of Debian's package.
as=()
if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid=postgres --clear-groups --)
    chown postgres "$folder"
fi
pid=
finish() {
    [ -z "$pid" ] || { kill -QUIT "$pid" && wait "$pid"; } 2>/dev/null || true
    [ ! -e "$folder/mtime" ] || touch -r "$folder/mtime" server/src/lib.rs
    rm -rf "$folder"
}
trap finish EXIT
mkdir "$folder/new"

# On a socket alone, so that no port is needed; the data is thrown away, so nothing has to be on the disk.
(cd "$folder" && "${as[@]}" "$programs/initdb" --auth=trust --username=postgres --encoding=UTF8 --no-sync -D "$folder/data" >"$folder/log")
(cd "$folder" && exec "${as[@]}" "$programs/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off) >>"$folder/log" 2>&1 &
pid=$!
until psql -qX -h "$folder" -U postgres -c 'SELECT 1' >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
    sleep 0.05
done
for migration in migrations/*.sql; do
    psql -qX -h "$folder" -U postgres -v ON_ERROR_STOP=1 --single-transaction -f "$migration" >/dev/null
done

# The macros run when the crate is compiled, and cargo does not know that they ask a database: a
# source is marked as new, and as it was afterwards. The whole workspace, since with one package the
# dependencies have fewer features and are compiled anew.
touch -r server/src/lib.rs "$folder/mtime"
touch server/src/lib.rs
DATABASE_URL="postgres://postgres@localhost/postgres?host=$folder" SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$folder/new" \
    cargo check --quiet --workspace --lib

# Only what differs is written: the files' times decide what is compiled again.
mkdir -p .sqlx
for file in .sqlx/query-*.json; do
    [ ! -e "$file" ] || [ -e "$folder/new/${file##*/}" ] || rm "$file"
done
for file in "$folder"/new/query-*.json; do
    cmp -s "$file" ".sqlx/${file##*/}" || cp "$file" .sqlx/
done
