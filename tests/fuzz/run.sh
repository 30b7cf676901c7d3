#!/usr/bin/env bash
# Runs the fuzz targets one after the other: run.sh SECONDS [TARGET...]
#
# libFuzzer on the stable toolchain: the coverage is the compiler's own (flags of code generation only), without a
# sanitizer, of which code that forbids `unsafe` has little use. Overflow checks and assertions are on. What a target
# found lies in target/fuzz/findings; the inputs that reached something new in target/fuzz/corpus, for the next run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out="$root/target/fuzz"
seconds=${1:?how many seconds each}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(tokenizer fetch utf7 csv mime ews token)
host=$(rustc -vV | sed -n 's/^host: //p')

coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# With --target, build scripts and macros stay without coverage.
RUSTFLAGS="--cfg fuzzing $(echo $coverage)" cargo build --quiet --release --locked --target "$host" \
  --manifest-path "$here/Cargo.toml" --target-dir "$out/build"

mkdir -p "$out/findings"
failed=()
for target in "${targets[@]}"; do
  mkdir -p "$out/corpus/$target"
  seeds=("$here/seeds/$target")
  [ "$target" = ews ] && seeds=("$root/shared/ews/src/soap/samples")
  dictionary=()
  [ -f "$here/seeds/$target.dict" ] && dictionary=("-dict=$here/seeds/$target.dict")
  log="$out/$target.log"
  if "$out/build/$host/release/$target" "$out/corpus/$target" "${seeds[@]}" "${dictionary[@]}" -max_total_time="$seconds" \
    -max_len=16384 -timeout=10 -rss_limit_mb=1024 -artifact_prefix="$out/findings/$target-" -print_final_stats=1 >"$log" 2>&1
  then
    echo "$target: $seconds s, $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, nothing found"
  else
    failed+=("$target")
    echo "$target: FOUND SOMETHING; the last words of $log:"
    tail -n 20 "$log"
  fi
done
[ ${#failed[@]} -eq 0 ]
