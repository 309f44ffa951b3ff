# Puts images into the cluster: built (or found in the cache), then imported when the cluster has another one.
# shellcheck shell=bash

# The images that were imported by this run, one name a line, for those who must restart what runs on them.
IMPORTED=$RUN_DIR/imported

# ensure_image NAME: in containerd with the bytes of the archive.
ensure_image() {
    local name=$1 archive wanted reference
    archive=$("$PROJECT/tests/images/build.sh" "$name")
    wanted=$(cat "$archive.digest")
    # Docker's own names: a pod that says telecom-operator/server:0.1.0 means docker.io/telecom-operator/server:0.1.0.
    reference=$(image_name "$name")
    if ctr_local images ls "name==$reference" | grep -F "$wanted" >/dev/null; then
        echo "$name is there"
        return 0
    fi
    ctr_local images import --digests=false "$archive"
    ctr_local images ls "name==$reference" | grep -F "$wanted" >/dev/null || die "containerd took $archive but shows no $reference with digest $wanted"
    echo "$name" >>"$IMPORTED"
}

# image_name NAME: read from the archive itself, so that it is written in one place (tests/images/build.sh).
image_name() {
    tar -xOf "$IMAGE_CACHE/$1.tar" index.json | sed 's/.*"io.containerd.image.name":"\([^"]*\)".*/\1/'
}

import_images() {
    local name before after
    mkdir -p "$RUN_DIR"
    touch "$IMPORTED"
    before=$(wc -l <"$IMPORTED")
    for name in "$@"; do ensure_image "$name"; done
    after=$(wc -l <"$IMPORTED")
    note "$((after - before)) new of $#"
}
