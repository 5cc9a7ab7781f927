#!/usr/bin/env bash
# Fuzzes every target for SECONDS_EACH seconds, or those named by TARGETS, starting from the contracts, examples and
# golden frames at hand. Needs a nightly compiler and cargo-fuzz:
# rustup toolchain install nightly; cargo install --locked cargo-fuzz
set -euo pipefail
cd "$(dirname "$0")"
seconds=${SECONDS_EACH:-300}
read -ra targets <<<"${TARGETS:-parse format codec machines upgrade}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../target}/fuzz"

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

# Golden frames as bytes.
mkdir -p corpus/codec corpus/machines corpus/upgrade
cat ../sdk/wire/vectors/*.json | sed -n 's/.*"bsp": "\([0-9a-f]\{2,\}\)".*/\1/p' | while read -r hex; do
  # shellcheck disable=SC2059
  printf "$(sed 's/../\\x&/g' <<<"$hex")" >"corpus/codec/golden-$(cksum <<<"$hex" | cut -d' ' -f1)"
done
printf 'last_seq=7&epoch=2&network=slow-2g&token=q%%20x\nBearer a.b.c\nrolecall.json.v1, rolecall.token.x' >corpus/upgrade/all

for target in "${targets[@]}"; do
  case $target in
    parse | format) feature=language options=(-max_len=16384 -rss_limit_mb=2048 -dict=dictionary.txt) ;;
    # A frame takes a bounded multiple of its bytes.
    codec) feature=protocol options=(-max_len=16384 -rss_limit_mb=512 -malloc_limit_mb=64) ;;
    *) feature=protocol options=(-max_len=8192 -rss_limit_mb=512 -malloc_limit_mb=64) ;;
  esac
  # Neither the language nor the protocol has unsafe code for an address sanitizer to watch; without it, runs are faster.
  cargo +nightly fuzz run --sanitizer none --no-default-features --features "$feature" "$target" -- \
    -max_total_time="$seconds" -timeout=10 -print_final_stats=1 "${options[@]}"
done
