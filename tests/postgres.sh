# A PostgreSQL of a script's own, for scripts that source this. Superuser `postgres`, no password.
# shellcheck shell=bash

postgres_pid=

# postgres_start FOLDER: it listens on a socket in the folder alone, so that no port is needed, and is
# ready on return. Its data and its log lie there too; both go with the folder.
postgres_start() {
    local folder=$1 programs=/usr/lib/postgresql/15/bin as=()
    # PostgreSQL refuses to run as root: then the user of Debian's package.
    if [ "$(id -u)" = 0 ]; then
        as=(setpriv --reuid=postgres --clear-groups --)
        chown postgres "$folder"
    fi
    (cd "$folder" && "${as[@]}" "$programs/initdb" --auth=trust --username=postgres --encoding=UTF8 --no-sync -D "$folder/data" >"$folder/log")
    # The data is thrown away, so nothing has to be on the disk.
    (cd "$folder" && exec "${as[@]}" "$programs/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off) >>"$folder/log" 2>&1 &
    postgres_pid=$!
    until psql -qX -h "$folder" -U postgres -c 'SELECT 1' >/dev/null 2>&1; do
        kill -0 "$postgres_pid" 2>/dev/null || { cat "$folder/log" >&2; return 1; }
        sleep 0.05
    done
}

postgres_stop() {
    [ -z "$postgres_pid" ] || { kill -QUIT "$postgres_pid" && wait "$postgres_pid"; } 2>/dev/null || true
}
