# Needs initdb and postgres from the image, and the usual small commands beside sh.
set -eu
for folder in /usr/lib/postgresql/*/bin; do
  PATH=$PATH:$folder
done

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -e "$PGDATA" ]; then
    echo "$PGDATA holds something that is not a PostgreSQL data directory; it is left alone" >&2
    exit 1
  fi
  # Made beside its place and moved there when it is whole, so that an interruption leaves no half database.
  new=$PGDATA.new
  rm -rf "$new"
  initdb --pgdata="$new" --username=postgres --encoding=UTF8 --locale=C \
    --auth-local=peer --auth-host=scram-sha-256
  echo "host all all all scram-sha-256" >>"$new/pg_hba.conf"
  read -r password <"$PASSWORD_FILE" || [ -n "$password" ]
  quote="\$secret\$"
  # One statement a line is how the single-user server reads. A statement that fails must not show
  # the password in the log.
  postgres --single -D "$new" -c exit_on_error=true -c log_min_error_statement=panic postgres >/dev/null <<SQL
CREATE ROLE "$ROLE" LOGIN PASSWORD $quote$password$quote
CREATE DATABASE "$ROLE" OWNER "$ROLE"
SQL
  mv "$new" "$PGDATA"
fi

chmod 0700 "$PGDATA"
# WAL may take a quarter of the default volume; PostgreSQL's own 1 GB is all of it.
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql \
  -c max_wal_size=256MB
