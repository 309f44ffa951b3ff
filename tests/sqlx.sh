#!/usr/bin/env bash
# Writes `.sqlx`: what a PostgreSQL with all migrations says of each statement in the server's
# sources. Compiling the server asks no database, it reads these files. Run it after a change of a
# statement or a migration.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}/target}"
tests/packages.sh

# shellcheck source=tests/postgres.sh
source tests/postgres.sh
folder=$(mktemp -d /tmp/telecom-sqlx-XXXXXX)
finish() {
    postgres_stop
    [ ! -e "$folder/mtime" ] || touch -r "$folder/mtime" server/src/lib.rs
    rm -rf "$folder"
}
trap finish EXIT
mkdir "$folder/new"

postgres_start "$folder"
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
