# Line 8 of postmaster.pid is the server's state (PostgreSQL: miscadmin.h, LOCK_FILE_LINE_PM_STATUS).
for _ in 1 2 3 4 5 6 7 8; do
  read -r state
done <"$PGDATA/postmaster.pid"
[ "$state" = ready ]
