#!/usr/bin/env bash
# Installs the servers that sessions are measured beside, where they are missing, as packages of the system; says what to do
# where it cannot. What comes from npm is installed into the target folder by the bench itself.
set -euo pipefail

missing=0

# shellcheck source=tests/deps-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/deps-lib.sh"

# Debian keeps it where only the administrator's search path looks.
have_mosquitto() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v mosquitto >/dev/null; }
if ! have_mosquitto; then
  if install mosquitto; then
    say "mosquitto's package may have started a broker of its own, on port 1883 of loopback, and does so at every boot. The bench"
    say "does not use that one; to be rid of it: sudo systemctl disable --now mosquitto"
  else
    say "mosquitto is missing; sessions are measured beside it."
    say "On Debian and Ubuntu: sudo apt-get install mosquitto"
    missing=1
  fi
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
