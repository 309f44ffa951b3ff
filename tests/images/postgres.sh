# The PostgreSQL image: Debian's own packages in a Debian root, without what a server in a container never uses.
# shellcheck shell=bash

postgres_root() {
    local root=$1 lib
    # A mirror of choice by DEBIAN_MIRROR; without it debootstrap's own default.
    mkdir -p "$CACHE_DIR/debian"
    debootstrap --cache-dir="$CACHE_DIR/debian" --variant=minbase --include="postgresql-$POSTGRES_MAJOR,libnss-wrapper,tzdata" \
        "$DEBIAN_SUITE" "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
    lib=$root/usr/lib/$(uname -m)-linux-gnu
    # Without its provider PostgreSQL leaves JIT compilation off by itself: 120 MB less.
    rm -rf "$root/usr/lib/postgresql/$POSTGRES_MAJOR/lib/llvmjit.so" "$root/usr/lib/postgresql/$POSTGRES_MAJOR/lib/bitcode" \
        "$lib"/libLLVM* "$lib"/libz3* "$lib"/perl* "$root"/usr/lib/llvm*
    rm -rf "$root"/var/lib/apt "$root"/var/lib/dpkg "$root"/var/cache/* "$root"/var/log/* "$root"/var/lib/postgresql/* "$root"/etc/postgresql \
        "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/locale "$root"/usr/share/info "$root"/usr/share/perl* "${root:?}"/dev/* "${root:?}"/proc/* \
        "$root"/etc/ssl/private "$root"/etc/hostname "$root"/etc/resolv.conf
    # 999 is the uid of postgres in the usual images; Debian's adduser takes whatever is free.
    sed -i '/^postgres:/d' "$root/etc/passwd" "$root/etc/group" "$root/etc/shadow"
    echo "postgres:x:999:999:PostgreSQL:/var/lib/postgresql:/bin/sh" >>"$root/etc/passwd"
    echo "postgres:x:999:" >>"$root/etc/group"
    mkdir -p "$root/run/postgresql" "$root/var/lib/postgresql/data"
    chmod 1777 "$root/run/postgresql" "$root/var/lib/postgresql/data"
    find "$root" -perm /6000 -type f -exec chmod ug-s {} +
    # Some clusters give every Pod a uid of its own, and initdb insists on a name for it.
    cat >"$root/usr/local/bin/initdb" <<SH
#!/bin/sh
if ! getent passwd "\$(id -u)" >/dev/null; then
    NSS_WRAPPER_PASSWD=\$(mktemp) || exit 1
    NSS_WRAPPER_GROUP=/etc/group
    echo "postgres:x:\$(id -u):\$(id -g):PostgreSQL:/var/lib/postgresql:/bin/sh" >"\$NSS_WRAPPER_PASSWD"
    export NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP LD_PRELOAD=libnss_wrapper.so
fi
exec /usr/lib/postgresql/$POSTGRES_MAJOR/bin/initdb "\$@"
SH
    chmod 0755 "$root/usr/local/bin/initdb"
}
