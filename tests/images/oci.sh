# Writes an OCI image archive of one layer from a folder: no daemon, no registry, the same bytes for the same input.
# shellcheck shell=bash

digest() { sha256sum "$1" | cut -d ' ' -f 1; }

# blob FILE MEDIA_TYPE [EXTRA]: moves FILE under its digest and prints its descriptor.
blob() {
    local sum
    sum=$(digest "$1")
    printf '{"mediaType":"%s","digest":"sha256:%s","size":%s%s}' "$2" "$sum" "$(stat -c %s "$1")" "${3:-}"
    mv "$1" "$OCI/blobs/sha256/$sum"
}

# oci_archive ROOT REFERENCE CONFIG ARCHIVE: ROOT becomes the image's file system, CONFIG its `config` object (JSON).
# Beside ARCHIVE a file ending in .digest gets the digest that a containerd shows for the image.
oci_archive() {
    local root=$1 reference=$2 config=$3 archive=$4 OCI arch layer image
    arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
    OCI=$(mktemp -d "$archive.XXXXXX")
    mkdir -p "$OCI/blobs/sha256"
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --xattrs -C "$root" -cf "$OCI/layer" .
    # Uncompressed: the archive never travels, and packing it would take longer than anything else here.
    printf '{"created":"1970-01-01T00:00:00Z","architecture":"%s","os":"linux","config":%s,"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$arch" "$config" "$(digest "$OCI/layer")" >"$OCI/config"
    layer=$(blob "$OCI/layer" application/vnd.oci.image.layer.v1.tar)
    image=$(blob "$OCI/config" application/vnd.oci.image.config.v1+json)
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' "$image" "$layer" >"$OCI/manifest"
    digest "$OCI/manifest" | sed 's/^/sha256:/' >"$archive.digest.part"
    printf '{"schemaVersion":2,"manifests":[%s]}' "$(blob "$OCI/manifest" application/vnd.oci.image.manifest.v1+json \
        ",\"platform\":{\"architecture\":\"$arch\",\"os\":\"linux\"},\"annotations\":{\"io.containerd.image.name\":\"$reference\",\"org.opencontainers.image.ref.name\":\"${reference##*:}\"}")" >"$OCI/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$OCI/oci-layout"
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$OCI" -cf "$archive.part" oci-layout index.json blobs
    rm -rf "$OCI"
    mv "$archive.digest.part" "$archive.digest"
    mv "$archive.part" "$archive"
}

# user_files ROOT UID NAME: what programs expect to find about their user.
user_files() {
    mkdir -p "$1/etc" "$1/tmp"
    chmod 1777 "$1/tmp"
    printf 'root:x:0:0:root:/:/sbin/nologin\n%s:x:%s:%s:%s:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n' "$3" "$2" "$2" "$3" >"$1/etc/passwd"
    printf 'root:x:0:\n%s:x:%s:\nnogroup:x:65534:\n' "$3" "$2" >"$1/etc/group"
}

# with_libraries ROOT BINARY TARGET: the program, stripped, with the shared libraries that it names.
with_libraries() {
    local root=$1 binary=$2 target=$3 library
    install -D -m 0755 "$binary" "$root$target"
    strip "$root$target" 2>/dev/null || true
    # A static program has none: ldd fails on it, and grep finds nothing.
    { ldd "$binary" 2>/dev/null | grep -oE '/[^ ]+' || true; } | while read -r library; do
        install -D -m 0755 "$(readlink -f "$library")" "$root$library"
    done
    install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
}
