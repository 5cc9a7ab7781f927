#!/usr/bin/env bash
# Fuzzes every target for SECONDS_EACH seconds, starting from the contracts and examples at hand.
# Needs a nightly compiler and cargo-fuzz: rustup toolchain install nightly; cargo install cargo-fuzz
set -euo pipefail
cd "$(dirname "$0")"
seconds=${SECONDS_EACH:-300}

if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
  echo "fuzzing needs: rustup toolchain install nightly && cargo install --locked cargo-fuzz" >&2
  exit 1
fi

# Contracts as they are; examples of the language reference cut out of their fences.
for target in parse format; do
  mkdir -p "corpus/$target"
  find ../contracts ../tests/contracts ../dsl/tests -name '*.role' | while read -r file; do
    cp "$file" "corpus/$target/$(cksum <"$file" | cut -d' ' -f1)"
  done
  cat ../dsl/spec/*.md ../dsl/docs/codes/*.md | awk -v dir="corpus/$target" '
    /^```role/ { file = sprintf("%s/example-%04d", dir, ++count); next }
    /^```/ { if (file) close(file); file = ""; next }
    file { print > file }'
done

for target in parse format; do
  cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -max_len=16384 -timeout=10 \
    -rss_limit_mb=2048 -dict=dictionary.txt -print_final_stats=1
done
