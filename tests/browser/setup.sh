#!/usr/bin/env bash
# Makes ready what the tests in a browser need: Node, Chromium, and the two packages of package-lock.json.
# Only `make test` calls it; moving mail needs none of them. Quick when all is there.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
    printf '\n  Cannot go on: %s\n  Remedy:       %s\n\n' "$1" "$2" >&2
    exit 1
}

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || missing+=(chromium)
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || fail "${missing[*]} is missing and this machine has no apt-get" "install ${missing[*]}, or name another Chromium by CHROMIUM"
    become=()
    if [ "$(id -u)" != 0 ]; then
        { command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; } ||
            fail "installing ${missing[*]} needs root and there is no way to become root here" "run it as root once: apt-get install ${missing[*]}"
        become=(sudo)
    fi
    echo "  installing ${missing[*]}"
    mkdir -p .local
    "${become[@]}" apt-get update -qq >.local/apt.log 2>&1 || true
    "${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" fonts-dejavu-core >>.local/apt.log 2>&1 ||
        { tail -5 .local/apt.log >&2; fail "apt-get could not install ${missing[*]}" "see .local/apt.log, then: apt-get install ${missing[*]}"; }
fi

stamp="$(cksum <tests/browser/package-lock.json)"
if [ "$(cat tests/browser/node_modules/.stamp 2>/dev/null || true)" != "$stamp" ]; then
    echo "  installing the packages of tests/browser"
    mkdir -p .local
    (cd tests/browser && npm ci --no-audit --no-fund --ignore-scripts) >.local/npm.log 2>&1 ||
        { tail -5 .local/npm.log >&2; fail "npm ci could not install tests/browser/package-lock.json" "see .local/npm.log, check the network, then run the command again"; }
    printf '%s' "$stamp" >tests/browser/node_modules/.stamp
fi
