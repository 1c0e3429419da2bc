#!/usr/bin/env bash
# What docs/operating.md says about a service is typed as it stands there, as root: the user, the program and the unit,
# which systemd checks; then the server runs as that user, the first administrator and a token are made, the program is
# replaced, and the admin of a group who has no shell lets somebody in. All of it happens in a file system of its own
# above the machine's, so that nothing of it stays; `systemctl` is noted, and its part done by hand, as no systemd runs.
source "$(dirname "$0")/../lib.sh"

AS_ROOT=()
((EUID == 0)) || AS_ROOT=(sudo -E)
PAGE=docs/operating.md
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

for name in service service-user upgrade group-admin group-admin-remote; do
    documented "$name" "$PAGE" | sed "s/127\.0\.0\.1:8930/127.0.0.1:$PORT/" >"$name.block"
done

cat >story.sh <<'STORY'
set -euo pipefail
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
WORK=$1 ROOT=$2 LOGJAR=$3 PORT=$4
for folder in etc usr/local var/lib; do
    mkdir -p "$WORK/above/$folder" "$WORK/scratch/$folder"
done
mount -t tmpfs tmpfs "$WORK/above"
for folder in etc usr/local var/lib; do
    mkdir -p "$WORK/above/$folder/new" "$WORK/above/$folder/work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$WORK/above/$folder/new,workdir=$WORK/above/$folder/work" "/$folder"
done
# The sources, as far as the blocks name them.
mkdir -p sources/target/release
cp "$LOGJAR" sources/target/release/logjar
cd sources
systemctl() { echo "systemctl $*" >>"$WORK/systemctl.log"; }

source "$WORK/service.block"
systemd-analyze verify /etc/systemd/system/logjar.service || fail "systemd does not take the unit"
[[ $(<"$WORK/systemctl.log") == *'enable --now logjar'* ]] || fail "the service was not enabled"

# What systemd would do now: the state folder, and the command of the unit as its user.
install -d -m 0711 -o logjar -g logjar /var/lib/logjar
read -ra COMMAND < <(sed -n 's/^ExecStart=//p' /etc/systemd/system/logjar.service)
serve() {
    runuser -u logjar -- env LOGJAR_LISTEN="127.0.0.1:$PORT" "${COMMAND[@]}" >>"$WORK/service.log" 2>&1 &
    SERVER=$!
    for _ in $(seq 200); do
        curl -fs "http://127.0.0.1:$PORT/health/ready" >/dev/null && return
        kill -0 "$SERVER" || break
        read -rt 0.1 <> <(:) || true
    done
    fail "the service does not start: $(cat "$WORK/service.log")"
}
end_service() { pkill -TERM -P "$SERVER" || kill -TERM "$SERVER"; wait "$SERVER" || true; }
trap 'end_service' EXIT
serve
source "$WORK/service-user.block" >token </dev/null
TOKEN=$(tail -n 1 token)
curl -fsS -u "amy:$TOKEN" "http://127.0.0.1:$PORT/api/v1/whoami" | grep -q amy || fail "the token is not amy's"

source "$WORK/upgrade.block"
[[ $(tail -n 1 "$WORK/systemctl.log") == 'systemctl restart logjar' ]] || fail "the service was not restarted"
end_service
serve

logjar() { runuser -u logjar -- logjar "$@" --data /var/lib/logjar; }
for name in ben cleo; do logjar user add "$name" --email "$name@example.org" </dev/null; done
logjar group create org.example --owner ben
TOKEN=$(source "$WORK/group-admin.block")
source "$WORK/group-admin-remote.block" >answers
grep -q '"user":"cleo"' answers || fail "cleo was not let in: $(cat answers)"
logjar log cat --about group:org.example --json | grep -c member.revoked | grep -qx 1 || fail "cleo was not let out again"
STORY

step "the page's blocks, as root, in a file system of their own"
quietly story.log "${AS_ROOT[@]}" env PATH="$PATH:/usr/sbin:/sbin" unshare --mount bash story.sh "$WORK" "$ROOT" "$LOGJAR" "$PORT"
