#!/usr/bin/env bash
# Installs what building and testing need and is missing; says what to do where it cannot.
set -euo pipefail

need_rust="1.95"
missing=0

# shellcheck source=tests/deps-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/deps-lib.sh"

if ! command -v cargo >/dev/null; then
  say "cargo is missing. Install Rust $need_rust or newer: https://rustup.rs"
  exit 1
fi

have_rust=$(rustc --version | awk '{print $2}')
if [ "$(printf '%s\n%s\n' "$need_rust" "$have_rust" | sort -V | head -n 1)" != "$need_rust" ]; then
  say "Rust $have_rust is too old; $need_rust or newer is needed: rustup update stable"
  exit 1
fi

# The standard library for wasm, with or without rustup.
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ]; then
  if command -v rustup >/dev/null; then
    rustup target add wasm32-unknown-unknown
  else
    say "The wasm32-unknown-unknown target is missing. Install your distribution's package for it,"
    say "or use rustup: rustup target add wasm32-unknown-unknown"
    missing=1
  fi
fi

# Some of the tests' guests are built for WASI.
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/wasm32-wasip2" ]; then
  if command -v rustup >/dev/null; then
    rustup target add wasm32-wasip2
  else
    say "The wasm32-wasip2 target is missing; tests of guests with WASI need it."
  fi
fi

if ! cargo nextest --version >/dev/null 2>&1; then
  cargo install --locked cargo-nextest
fi

# Debian's python3 comes without the module that makes environments.
have_venv() { python3 -c 'import venv, ensurepip' >/dev/null 2>&1; }
if ! have_venv && ! install python3 python3-venv; then
  say "Python 3 with the venv module is missing; the tests of the public Python clients need it."
  say "On Debian and Ubuntu: sudo apt-get install python3 python3-venv"
  missing=1
fi

if ! command -v redis-server >/dev/null && ! install redis-server; then
  say "redis-server is missing; the tests of the store on Redis start one each (7.0 or newer)."
  say "On Debian and Ubuntu: sudo apt-get install redis-server"
  missing=1
fi

need_node=20
have_node() {
  command -v npm >/dev/null && node -e "process.exit(parseInt(process.versions.node) >= $need_node ? 0 : 1)" 2>/dev/null
}
# An older Node is left alone: whoever installed it wants it.
if ! have_node && { command -v node >/dev/null || ! install nodejs npm || ! have_node; }; then
  say "Node $need_node or newer with npm is missing; the tests of the public JavaScript clients need it."
  say "On Debian 13 and later: sudo apt-get install nodejs npm; elsewhere: https://nodejs.org"
  missing=1
fi

exit "$missing"
