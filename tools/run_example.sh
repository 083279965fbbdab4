#!/bin/sh
# run_example.sh WEIR - serves examples/shop in the foreground; says what to try once it is up.
set -eu

weir=$1
shop=examples/shop

# Weir started by root lets its roles and the shop run as nobody, who must be able to read the files.
if [ "$(id -u)" = 0 ] && ! setpriv --reuid=65534 --regid=65534 --clear-groups \
    test -r "$PWD/$shop/services/web.py" 2>/dev/null; then
    echo "weir: $PWD cannot be read by the user nobody: serving a copy of $shop from /var/lib/weir-shop"
    install -d -m 755 /var/lib/weir-shop
    cp -R "$shop/." /var/lib/weir-shop/
    shop=/var/lib/weir-shop
fi

# The shop's database is in the state folder too, in a part of it that the shop may write to.
mkdir -p "$shop/state/shop"
[ "$(id -u)" != 0 ] || chown 65534:65534 "$shop/state/shop"

# Weir writes a line to this pipe when it serves, and closes it when it cannot.
ready=$(mktemp -d)
mkfifo "$ready/pipe"

# What `weir serve` cannot know about the shop; it says itself what it serves, and how to watch it.
say_what_to_try() {
    read -r _ <"$ready/pipe" || return 0
    cat <<TRY
the shop is open; in another terminal, in this folder:
  see it      https://shop.localhost:8443/   (a local authority signed for it: accept the warning,
              or import $shop/state/local/ca.crt)
  ask it      curl --cacert $shop/state/local/ca.crt https://localhost:8443/api/catalogue/products
  break it    $weir origin kill catalogue/1 --state $shop/state
              ...and ask again: no request fails, and the instance comes back
  change it   edit $shop/weir.yaml, then: $weir apply $shop/weir.yaml --state $shop/state
  measure it  curl http://127.0.0.1:9900/metrics
  read it     tail -f $shop/state/access.log
  end it      Ctrl-C: what is under way is finished first

TRY
}

{
    say_what_to_try
    rm -rf "$ready"
} &
exec "$weir" serve "$shop/weir.yaml" --ready-fd 3 3>"$ready/pipe"
