#!/usr/bin/env bash
# `make image`: builds the image of samples/http from what is committed, without an engine, and runs it as it says itself.
# Wants root on Debian, the Python of the image with a prefix of its own, and PyPI. The base is made here of Debian's
# packages and that Python, in the place of the one that the Dockerfile names; the wheel is that of this checkout.
set -euo pipefail
checkout=$(git rev-parse --show-toplevel)
python=$("$checkout/.ci/newest-python" || echo python3)
prefix=$("$python" -c 'import sys; print(sys.base_prefix)') version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
for program in buildah debootstrap curl openssl; do
    command -v $program >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $program >/dev/null
done
work=$(mktemp -d) && cd "$work"
b() { buildah --root "$work/store" --runroot "$work/run" --storage-driver vfs "$@"; }
box="" && trap '[ -z "$box" ] || b rm "$box" >/dev/null; rm -rf --one-file-system "$work"' EXIT

base() { # what the FROM line names
    from=docker.io/library/$(sed -n 's/^FROM //p' "$checkout/samples/http/Dockerfile")
    [ "$from" = "docker.io/library/python:$version-slim" ] || { echo "the image is $from, and there is Python $version" && exit 1; }
    libraries=libsqlite3-0,libssl3t64,libffi8,libbz2-1.0,liblzma5,zlib1g,libreadline8t64,libncursesw6,libuuid1
    debootstrap --variant=minbase --include=ca-certificates,netbase,tzdata,$libraries trixie base http://deb.debian.org/debian >base.log
    tar -C "$prefix" --exclude=__pycache__ --exclude=site-packages --exclude=test --exclude="config-$version*" -cf - \
        "bin/python$version" "lib/python$version" $(cd "$prefix" && ls -d lib/libpython3* 2>/dev/null) | tar -C base/usr/local -xf -
    mkdir -p "base/usr/local/lib/python$version/site-packages"
    ln -s "python$version" base/usr/local/bin/python3 && ln -s python3 base/usr/local/bin/python
    chroot base sh -c 'ldconfig && python -m ensurepip >/dev/null 2>&1 && ln -s pip3 /usr/local/bin/pip'
    made=$(b from scratch)
    b add -q "$made" base / >/dev/null
    b config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin --cmd '["python3"]' "$made"
    b commit -q --rm "$made" "$from" >/dev/null
}

build() { # in the folder that README.md makes. pip trusts what this machine trusts
    mkdir source && git -C "$checkout" archive HEAD | tar -x -C source
    cp -r source/samples/http shop && cp -r source/samples/orders shop/orders && chmod -R go= shop
    "$python" -m pip wheel -q --no-deps -w shop/wheels ./source
    cp "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" ca.crt && printf '[global]\ncert = /run/ca.crt\n' >pip.conf
    b build --format docker --isolation chroot --pull=never --network host \
        -v "$work/ca.crt:/run/ca.crt:ro" -v "$work/pip.conf:/etc/pip.conf:ro" -t shop shop >build.log 2>&1 || { tail -20 build.log && exit 1; }
}

settings() { # of the image, as variables
    b inspect --type image shop | "$python" -c '
import json, shlex, sys
config = json.load(sys.stdin)["Docker"]["config"]
found = dict(ENVIRON=config["Env"], WORDS=(config["Entrypoint"] or []) + config["Cmd"], HEALTH=config["Healthcheck"]["Test"][1:],
             VOLUME=list(config["Volumes"]), RUNS_AS=[config["User"]], WHERE=[config["WorkingDir"]])
print(*(f"{name}=({shlex.join(words)})" for name, words in found.items()), sep="\n")'
}

inside() { # each step is an exec: what is started in the background is the server itself
    exec unshare -m bash -c 'mount --make-rprivate /; mount --bind "$1" "$2$3"; mount --bind "$4" "$2/run/secrets/token"; root=$2; shift 4
        mount -t proc proc "$root/proc"; mount --bind /dev "$root/dev"; exec chroot "$root" "$@"' _ "$work/volume" "$root" "$VOLUME" "$work/token" \
        env -i -C "$WHERE" "${ENVIRON[@]}" setpriv --reuid "$RUNS_AS" --regid "$group" --clear-groups --bounding-set=-all --inh-caps=-all \
        --no-new-privs "$@"
}

url=http://127.0.0.1:8027
code() { curl -s -o /dev/null -w '%{http_code}' "$@" || true; }
is() { [ "$2" = "$3" ] && echo "ok    $1: $2" || { echo "WRONG $1: $2, not $3" && exit 1; }; }
start() {
    (inside "${WORDS[@]}") >out 2>err & server=$!
    for _ in $(seq 300); do
        [ "$(code $url/health/ready)" = 200 ] && return
        kill -0 $server 2>/dev/null || break
        sleep 0.1
    done
    cat err && exit 1
}
stop() { kill -TERM $server && wait $server && rc=0 || rc=$?; is "SIGTERM" $rc 0; }

[ "$(code $url/health/live)" = 000 ] || { echo "somebody listens on $url" && exit 1; }
base && build && b images
box=$(b from --pull-never shop) && root=$(b mount "$box") && eval "$(settings)"
group=$(awk -F: -v user="$RUNS_AS" '$3 == user {print $4}' "$root/etc/passwd")
install -d -o "$RUNS_AS" -g "$group" -m "$(stat -c %a "$root$VOLUME")" volume
(umask 077 && openssl rand -hex 32 >token) && chown "$RUNS_AS" token
mkdir -p "$root/run/secrets" && touch "$root/run/secrets/token"
who="Authorization: Bearer $(cat token)"

start
is "runs as" "$(stat -c %u /proc/$server)" "$RUNS_AS"
is "without the token" "$(code $url/streams)" 401
is "another host name" "$(code -H 'Host: evil' -H "$who" $url/streams)" 421
is "the name of --allow-host" "$(code -H 'Host: shop' -H "$who" $url/streams)" 200
is "the client of the sample" "$(SHOP_TOKEN=$(cat token) timeout 60 "$python" shop/client.py $url | tail -1)" "304 nothing new"
(inside "${HEALTH[@]}") && rc=0 || rc=$?
is "its check of health" $rc 0
stop
(inside "${HEALTH[@]}") 2>/dev/null && rc=0 || rc=$?
is "its check when it is down" $rc 1
start
is "streams that the volume kept" "$(curl -s -H "$who" $url/streams | grep -c '"stream"')" 1
stop
