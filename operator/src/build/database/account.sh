# initdb and `postgres --single` want to know the name of the uid they run under, which the platform
# may have made up.
set -eu
while read -r key uid rest; do
  [ "$key" = Uid: ] && break
done </proc/self/status
printf 'root:x:0:0:root:/:/bin/sh\npostgres:x:%s:0:PostgreSQL:/tmp:/bin/sh\n' "$uid" >/run/telecom/passwd
