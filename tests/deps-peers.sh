#!/usr/bin/env bash
# Installs the servers that sessions are measured beside, where they are missing; says what to do where it cannot. What comes
# from npm is installed into the target folder by the bench itself.
set -euo pipefail

missing=0

say() { printf '%s\n' "$*" >&2; }

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)

# Installs Debian packages where that is possible without asking.
install() {
  command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null || return 1
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# Debian keeps it where only the administrator's search path looks. Its package also starts a broker of its own, on port 1883
# of loopback, which the bench does not use.
have_mosquitto() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v mosquitto >/dev/null; }
if ! have_mosquitto && ! install mosquitto; then
  say "mosquitto is missing; sessions are measured beside it."
  say "On Debian and Ubuntu: sudo apt-get install mosquitto"
  missing=1
fi

# Debian's packages of Go libraries are sources in one folder, from which a program is built without fetching anything.
go_packages=(
  golang-go golang-github-centrifugal-centrifuge-dev golang-github-centrifugal-protocol-dev
  golang-github-fzambia-eagle-dev golang-github-igm-sockjs-go-dev golang-github-mna-redisc-dev
)
libraries=(centrifugal/centrifuge centrifugal/protocol FZambia/eagle igm/sockjs-go mna/redisc)
have_centrifuge() {
  command -v go >/dev/null || return 1
  local library
  for library in "${libraries[@]}"; do
    [ -d "/usr/share/gocode/src/github.com/$library" ] || return 1
  done
}
if ! have_centrifuge && ! install "${go_packages[@]}"; then
  say "Go or the sources of the Centrifuge library are missing; sessions are measured beside it."
  say "On Debian and Ubuntu: sudo apt-get install ${go_packages[*]}"
  missing=1
fi

exit "$missing"
