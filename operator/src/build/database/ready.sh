# Line 8 of postmaster.pid is the server's state (PostgreSQL: miscadmin.h, LOCK_FILE_LINE_PM_STATUS).
line=0
while read -r text; do
  line=$((line + 1))
  [ "$line" = 8 ] && state=$text
done <"$PGDATA/postmaster.pid"
[ "${state:-}" = ready ]
