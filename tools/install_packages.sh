#!/bin/sh
# install_packages.sh SECTION... - the packages of those sections of packages.txt that are missing.
#
# As root it says what it is about to install and installs it, asking nothing.  As anyone else it
# prints the one command to run and fails.  With nothing missing it is silent.
set -eu

list=$(dirname "$0")/packages.txt

# wanted SECTION...: "package command" lines, without those of other sections.
wanted() {
    awk -v sections=" $* " '
        /^#/ || NF == 0 { next }
        /^\[/ { on = index(sections, " " substr($1, 2, length($1) - 2) " "); next }
        on' "$list" | sort -u
}

is_there() {
    if [ -n "$2" ] && command -v "$2" >/dev/null 2>&1; then
        return 0
    fi
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

command -v dpkg-query >/dev/null 2>&1 || {
    echo "weir: this is not Debian; install what tools/packages.txt lists under: $*" >&2
    exit 0
}

missing=$(wanted "$@" | while read -r package command; do
    is_there "$package" "$command" || printf '%s ' "$package"
done)
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    become_root="su -c"
    if command -v sudo >/dev/null 2>&1; then
        become_root="sudo sh -c"
    fi
    echo "weir: packages are missing; run this, then try again:" >&2
    echo "  $become_root 'apt-get update && apt-get install -y --no-install-recommends ${missing% }'" >&2
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
echo "weir: about to install with apt-get: ${missing% }"
# The lists are fetched first where there are none yet, or where they no longer fit the mirror.
install() {
    # shellcheck disable=SC2086 # one word a package
    apt-get install -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 $missing >/dev/null
}
if ! apt-cache show gcc >/dev/null 2>&1 || ! install 2>/dev/null; then
    apt-get update -qq
    install
fi
