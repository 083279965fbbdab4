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

say_what_to_try() {
    until "$weir" status --state "$shop/state" >/dev/null 2>&1; do
        kill -0 "$1" 2>/dev/null || exit 0
        sleep 0.2
    done
    cat <<TRY

The shop is open; Ctrl-C ends it. In another terminal, in this folder:

  see it        https://shop.localhost:8443/   (your browser does not know the local authority:
                accept its warning, or import $shop/state/local/ca.crt)
  ask it        curl --cacert $shop/state/local/ca.crt https://localhost:8443/api/catalogue/products
  watch it      $weir top --state $shop/state
  break it      $weir origin kill catalogue/1 --state $shop/state
                ...and ask again: no request fails, and the instance comes back
  change it     edit $shop/weir.yaml, then: $weir apply $shop/weir.yaml
  measure it    curl http://127.0.0.1:9900/metrics
  read its log  tail -f $shop/state/access.log

TRY
}

say_what_to_try $$ &
exec "$weir" serve "$shop/weir.yaml"
