#!/bin/sh
# Runs inside the build of the base image. `packages`: install what is missing. `settle`: the places
# of the world get their owner, everything that a cell must not find is taken away.
set -eu

packages() {
    missing=
    for name in $(cat /build/packages.txt); do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $name"
    done
    [ -z "$missing" ] && return 0
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    # shellcheck disable=SC2086
    apt-get install -y --no-install-recommends $missing
}

settle() {
    # a read-only root can never write its own .pyc; the check is off because nothing changes
    python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/lib/pawl/lib >/dev/null || true
    rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /var/lib/dpkg/info/* /var/lib/dpkg/*-old \
        /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* /etc/apt/apt.conf.d/* \
        /etc/apt/sources.list.d/* /root/.cache /tmp/* /var/tmp/* /usr/lib/pawl/lib/bin \
        /usr/lib/pawl/lib/awscli/examples /etc/*- /etc/.pwd.lock
    : > /etc/apt/sources.list
    # one file instead of a link farm: every cell copies /etc
    find /etc/ssl/certs -type l -delete
    rm -f /etc/rc?.d/* /etc/rcS.d/* 2>/dev/null || true
    find / -xdev -perm /6000 -type f -exec chmod a-s {} +

    echo 'ops:x:10001:10001:ops:/home/ops:/bin/bash' >> /etc/passwd
    echo 'ops:x:10001:' >> /etc/group
    echo 'keeper:x:10002:10002::/:/usr/sbin/nologin' >> /etc/passwd
    echo 'keeper:x:10002:' >> /etc/group
    mkdir -p /home/ops /repo /mnt /srv /opt /var/backups /var/cache /var/log /var/lib
    chown -R 10001:10001 /etc /var /home /opt /srv /root /usr/local /mnt /repo
    chmod 755 /root

    # the real programs under a second name, links resolved: a shim may stand over the first one
    mkdir -p /usr/lib/pawl/real
    for folder in /usr/sbin /usr/bin; do
        for path in "$folder"/*; do
            name=${path##*/}
            if [ -L "$path" ]; then
                target=$(readlink -f "$path") || continue
                case $target in
                    /usr/bin/*|/usr/sbin/*) ln -sf "${target##*/}" "/usr/lib/pawl/real/$name" ;;
                    *) ln -sf "$target" "/usr/lib/pawl/real/$name" ;;
                esac
            elif [ -f "$path" ]; then
                ln -f "$path" "/usr/lib/pawl/real/$name"
            fi
        done
    done
    ln -f "$(readlink -f /usr/bin/python3)" /usr/lib/pawl/python3
    rm -rf /build
}

"$1"
