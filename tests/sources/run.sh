#!/usr/bin/env bash
# Runs the conformance suite of sources against Cyrus and Courier, each in an overlay of its own (`make sources`).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
out="$PWD/target/sources"
running=()

stop() {
  set +e
  for pid in "${running[@]}"; do kill "$pid" 2>/dev/null; done
  for pid in "${running[@]}"; do wait "$pid" 2>/dev/null; done
  for name in cyrus courier; do
    if mountpoint -q "$out/$name/root"; then
      umount -R "$out/$name/root" 2>/dev/null || umount -R -l "$out/$name/root"
    fi
  done
}
trap stop EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

await() {
  for _ in $(seq 200); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  echo "nobody listens on port $1; see $out/$2/log" >&2
  exit 1
}

cyrus() {
  "$here/chroot.sh" "$out/cyrus" cyrus-imapd sasl2-bin libsasl2-modules libsasl2-modules-db
  local root="$out/cyrus/root" run=/run/mailcrane port
  port=$(free_port)
  rm -rf "${root:?}$run"
  mkdir -p "$root$run"/{conf,spool,socket}
  cat >"$root$run/imapd.conf" <<CONF
configdirectory: $run/conf
defaultpartition: default
partition-default: $run/spool
servername: localhost
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: $run/sasldb
sasl_mech_list: PLAIN
autocreate_quota: 0
conversations: no
CONF
  cat >"$root$run/cyrus.conf" <<CONF
START {
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -C $run/imapd.conf -r"
}
SERVICES {
  imap cmd="/usr/lib/cyrus/bin/imapd -C $run/imapd.conf" listen="127.0.0.1:$port" proto=tcp4 prefork=0
}
EVENTS {
}
CONF
  echo secret | chroot "$root" saslpasswd2 -c -p -f "$run/sasldb" -u localhost anna
  chroot "$root" chown -R cyrus:mail "$run"
  chroot "$root" /usr/lib/cyrus/bin/master -C "$run/imapd.conf" -M "$run/cyrus.conf" -p "$run/pid" >"$out/cyrus/log" 2>&1 &
  running+=($!)
  await "$port" cyrus
  export CYRUS_PORT=$port
}

courier() {
  "$here/chroot.sh" "$out/courier" courier-imap courier-authlib-userdb
  local root="$out/courier/root" run=/run/mailcrane port
  port=$(free_port)
  rm -rf "${root:?}$run"
  mkdir -p "$root$run"
  chroot "$root" bash -euo pipefail >"$out/courier/log" 2>&1 <<INSIDE
rm -rf /etc/courier/userdb* $run/anna
install -d $run/anna
maildirmake.courier $run/anna/Maildir
chown -R nobody: $run/anna
userdb anna set uid=\$(id -u nobody) gid=\$(id -g nobody) home=$run/anna mail=$run/anna/Maildir
echo secret | userdbpw -md5 | userdb anna set systempw
chmod 600 /etc/courier/userdb
makeuserdb
sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' /etc/courier/authdaemonrc
INSIDE
  chroot "$root" bash -c "set -a; . /etc/courier/authdaemonrc; install -d -m 755 /run/courier/authdaemon; exec /usr/lib/courier/courier-authlib/authdaemond" >>"$out/courier/log" 2>&1 &
  running+=($!)
  chroot "$root" bash -c "set -a; . /etc/courier/imapd; TLS_PROTOCOL=; exec /usr/sbin/couriertcpd -address=127.0.0.1 -nodnslookup -noidentlookup -maxprocs=40 -maxperip=20 $port \
    /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir" >>"$out/courier/log" 2>&1 &
  running+=($!)
  await "$port" courier
  export COURIER_PORT=$port
}

cyrus
courier
${WAIT:-cargo test --quiet -p mailcrane-imap --test servers -- --include-ignored}
