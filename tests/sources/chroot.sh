#!/usr/bin/env bash
# Installs Debian packages beside the machine's own, in an overlay: chroot.sh DIRECTORY PACKAGE...
# The packages of other IMAP servers conflict with Dovecot's; here they see a copy of the machine that is theirs alone.
set -euo pipefail
at=$(realpath -m "$1")
shift

[ "$(id -u)" = 0 ] || { echo "this needs root: an overlay is mounted" >&2; exit 1; }
command -v apt-get >/dev/null || { echo "this needs a Debian machine" >&2; exit 1; }
mkdir -p "$at"/{upper,work,root}
if ! mountpoint -q "$at/root"; then
  mount -t overlay overlay -o "lowerdir=/,upperdir=$at/upper,workdir=$at/work" "$at/root"
  for special in /proc /dev; do mount --rbind "$special" "$at/root$special"; mount --make-rslave "$at/root$special"; done
fi
if [ ! -e "$at/installed" ]; then
  # Nothing of what is installed starts by itself.
  printf '#!/bin/sh\nexit 101\n' >"$at/root/usr/sbin/policy-rc.d"
  chmod +x "$at/root/usr/sbin/policy-rc.d"
  chroot "$at/root" apt-get update -qq >"$at/apt.log" 2>&1 || true
  DEBIAN_FRONTEND=noninteractive chroot "$at/root" apt-get install -y -qq --no-install-recommends "$@" >>"$at/apt.log" 2>&1 ||
    { tail -5 "$at/apt.log" >&2; exit 1; }
  touch "$at/installed"
fi
