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

# What opens the keeper of secrets at each start.  Whoever has it and the state folder has them all: for
# more than an example, keep it elsewhere.
key="$shop/state/unseal.key"
[ -e "$key" ] || "$weir" keeper keygen "$key" >/dev/null

# Weir writes a line to this pipe when it serves, and closes it when it cannot.
ready=$(mktemp -d)
mkfifo "$ready/pipe"

# The first time, the keeper is empty: it begins, and prints its recovery shares and root token once.
begin_keeper() {
    case $("$weir" keeper status --state "$shop/state" --json 2>/dev/null) in
    *'"initialized": false'*)
        "$weir" keeper init --state "$shop/state"
        echo ;;
    esac
}

# The authority that signed for the shop, once the keeper has one.
keep_authority() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        "$weir" cert authority --engine weir-pki --state "$shop/state" \
            >"$shop/state/ca.new" 2>/dev/null && mv "$shop/state/ca.new" "$shop/state/ca.crt" && return
        sleep 0.5
    done
    rm -f "$shop/state/ca.new"
}

# What `weir serve` cannot know about the shop; it says itself what it serves, and how to watch it.
say_what_to_try() {
    read -r _ <"$ready/pipe" || return 0
    begin_keeper
    keep_authority
    cat <<TRY
the shop is open; in another terminal, in this folder:
  see it      https://shop.localhost:8443/   (the keeper's own authority signed for it: accept the
              warning, or import $shop/state/ca.crt)
  ask it      curl --cacert $shop/state/ca.crt https://localhost:8443/api/catalogue/products
  keep it     $weir keeper login --state $shop/state      (the root token, once)
              $weir secret get secret/shop/database password --state $shop/state
              $weir key show receipts --state $shop/state
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
