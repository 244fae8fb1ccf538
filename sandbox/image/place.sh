#!/bin/sh
# Runs inside the build of the image: puts Pawl's own files where cells and helpers find them.
set -eu
cd /build/inside
P=/usr/lib/pawl
mkdir -p "$P/cell" "$P/tools" "$P/world"
: > "$P/enter"
echo '{"seed": 0}' > "$P/tools.json"
chmod 644 "$P/shim"   # the bare program, without a key: nobody runs this one
[ -d world ] && cp -R world/. "$P/world/"
if [ -d bin ]; then
    for path in bin/*; do
        [ -f "$path" ] || continue
        name=${path##*/}
        if head -n 1 "$path" | grep -q python3; then
            # a private interpreter: that of a stand-in is never a call of python3
            sed -i "1s|.*|#!$P/python3 -IS|" "$path"
        fi
        case $name in
            tool.py) install -m 755 "$path" "$P/tool.py" ;;
            *.py) install -m 644 "$path" "$P/$name" ;;
            *)
                rm -f "/usr/bin/$name" "$P/real/$name"
                install -m 755 "$path" "/usr/bin/$name"
                ln "/usr/bin/$name" "$P/real/$name" ;;
        esac
    done
fi
# what the aws client works out at each start is worked out once; without it, it is only slower
[ -f "$P/world/quick.py" ] && { "$P/python3" -IS "$P/world/quick.py" >/dev/null 2>&1 || true; }
python3 -m compileall -q --invalidation-mode unchecked-hash "$P/world" "$P/keeper" || true
rm -rf /build
# nothing of the way here may stay inside: no mirror, proxy or certificate of the builder
: > /etc/resolv.conf 2>/dev/null || true
