# What the scripts that install things share; they source it.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)

# Installs Debian packages where that is possible without asking.
install() {
  command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null || return 1
  say "Installing packages of the system: $*"
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}
