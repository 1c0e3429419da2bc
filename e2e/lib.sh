# shellcheck shell=bash
# What every scenario uses: a server with a data folder of its own, users and tokens, requests, and assertions.
#
# A scenario is sourced into nothing: it is a program of its own that begins with `source "$(dirname "$0")/../lib.sh"`.
# From then on it stands in an empty folder of its own, `$WORK`, and whatever it started is ended when it ends.

set -euo pipefail
shopt -s inherit_errexit

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$E2E")
LOGJAR=${LOGJAR:-$ROOT/target/release/logjar}
export CLIENTS=$ROOT/target/clients
SCENARIO=$(basename "$0" .sh)
WORK=$ROOT/target/e2e/$SCENARIO
DATA=$WORK/data
RECORDED=${RECORDED:-$ROOT/crates/logjar-domain/testdata/recorded}

# A variable of the developer's own must not change what is tested.
unset MAVEN_ARGS MAVEN_HOME LEIN_HOME GNUPGHOME CLASSPATH JAVA_TOOL_OPTIONS http_proxy https_proxy
unset "${!LOGJAR_@}"
export PYTHONDONTWRITEBYTECODE=1
E2E_LONG=${E2E_LONG:-0}

SERVER_PID=
SERVER_HOST=127.0.0.1
SERVER_PORT=0
SERVER_URL=
BACKGROUND_PIDS=()

rm -rf "$WORK"
mkdir -p "$WORK"
cd "$WORK"
trap end_scenario EXIT

# ---- The story so far -------------------------------------------------------------------------------------------

# step TEXT: says what comes next, with the seconds since the start.
step() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }

# fail TEXT: ends the scenario.
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

end_scenario() {
    local status=$?
    trap - EXIT
    if ((status != 0)) && [[ -s $WORK/serve.log ]]; then
        echo "---- the server's last words:"
        tail -n 15 "$WORK/serve.log"
    fi
    for pid in "${BACKGROUND_PIDS[@]}" $SERVER_PID; do
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    if [[ -n ${GNUPGHOME:-} ]]; then
        gpgconf --kill all 2>/dev/null || true
        rm -rf "$GNUPGHOME"
    fi
    # What failed is kept for a look; what went well would only fill the disk.
    ((status != 0)) || rm -rf "$WORK" || true
    exit "$status"
}

# in_background COMMAND…: starts it; it is killed with the scenario. Its pid is in `$!`.
in_background() {
    "$@" &
    BACKGROUND_PIDS+=("$!")
}

# wait_for COMMAND…: until it succeeds; a minute at most.
wait_for() {
    local tries
    for ((tries = 0; tries < 1200; tries++)); do
        "$@" && return
        sleep 0.05
    done
    fail "waited a minute for: $*"
}

# ---- The server -------------------------------------------------------------------------------------------------

# logjar ARGUMENTS…: the command line on this scenario's data folder.
logjar() { "$LOGJAR" "$@" --data "$DATA"; }

# start_server: serves `$DATA`; returns when it answers. The first start picks a free port, later ones take it again,
# so that what the clients were told stays true. Sets SERVER_PID, SERVER_URL, REPOSITORY_URL.
start_server() {
    : >serve.out
    "$LOGJAR" serve --data "$DATA" --listen "$SERVER_HOST:$SERVER_PORT" >serve.out 2>>serve.log &
    SERVER_PID=$!
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        SERVER_URL=$(grep -oE -m 1 "http://${SERVER_HOST//./\\.}:[0-9]+" serve.out || true)
        if [[ -n $SERVER_URL ]]; then
            SERVER_PORT=${SERVER_URL##*:}
            REPOSITORY_URL=$SERVER_URL/repo/
            return
        fi
        kill -0 "$SERVER_PID" 2>/dev/null || break
        sleep 0.05
    done
    fail "the server did not start: $(tail -n 5 serve.out serve.log)"
}

# stop_server: the clean stop, which must end with 0 within its 8 seconds.
stop_server() {
    local began=$SECONDS status=0
    kill -TERM "$SERVER_PID"
    wait "$SERVER_PID" || status=$?
    SERVER_PID=
    ((status == 0)) || fail "a clean stop ended with $status"
    ((SECONDS - began <= 10)) || fail "a clean stop took $((SECONDS - began)) s"
}

# kill9_server: no last words.
kill9_server() {
    kill -KILL "$SERVER_PID"
    wait "$SERVER_PID" 2>/dev/null || true
    SERVER_PID=
}

# with_own_mounts: what is mounted from here on, only this scenario sees, and it ends with it.
with_own_mounts() {
    [[ -z ${IN_NAMESPACE:-} ]] || return 0
    export IN_NAMESPACE=1
    if ((EUID == 0)); then exec unshare --mount "$0"; else exec unshare --map-root-user --mount "$0"; fi
}

# mount_small_disk SIZE: the data folder is a file system of that size: ext4 where loop devices may be had, memory
# otherwise.
mount_small_disk() {
    mkdir "$DATA"
    truncate -s "$1" disk
    PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q disk
    mount -o loop disk "$DATA" 2>mount.log || mount -t tmpfs -o size="$1" logjar "$DATA" 2>>mount.log ||
        fail "no small file system can be mounted here, not even as root: $(cat mount.log)"
    chmod 0711 "$DATA"
    echo "         $(df -h --output=fstype,size,avail "$DATA" | tail -n 1)"
}

fill_disk() { cat /dev/zero >"$DATA/.filler" 2>/dev/null || true; }

# make_user_and_token NAME: an administrator (whose deploys claim groups) and a token for it. Sets USER_NAME, TOKEN.
make_user_and_token() {
    USER_NAME=$1
    logjar user add "$1" --email "$1@example.org" --admin >>commands.log 2>&1 || fail "user add $1: $(cat commands.log)"
    TOKEN=$(logjar token create --user "$1" 2>>commands.log) || fail "token create: $(cat commands.log)"
    [[ $TOKEN =~ ^logjar_[0-9a-f]{60}$ ]] || fail "\`token create\` printed \`$TOKEN\`"
}

# serve_with_token: what nearly every scenario begins with.
serve_with_token() {
    start_server
    make_user_and_token alice
}

# ---- The log ----------------------------------------------------------------------------------------------------

# log_events KIND: the log's lines of one kind, or of `any`.
log_events() {
    logjar log cat --json >log.cat
    case $1 in
    any) cat log.cat ;;
    *) grep -F "\"kind\":\"$1\"" log.cat || true ;;
    esac
}

# count_events KIND
count_events() { log_events "$1" | wc -l; }

# assert_log_sound: every line, the chain, and every file that the log names.
assert_log_sound() { logjar log verify --files >verify.log 2>&1 || fail "log verify --files: $(cat verify.log)"; }

# documented NAME FILE: the block of a page below the comment `<!-- scenario: NAME -->`.
documented() {
    local block
    block=$(awk -v mark="<!-- scenario: $1 -->" '$0 == mark { found = 1; next } found && /^```/ { if (inside) exit; inside = 1; next } inside' \
        "$ROOT/$2")
    [[ -n $block ]] || fail "$2 has no block \`$1\`"
    printf '%s\n' "$block"
}

# ---- Requests ---------------------------------------------------------------------------------------------------

# put STATUS FILE PATH [CURL OPTIONS…]: PUTs a file below the repository and wants that status. The answer's head is in
# `answer.head`, its body in `answer.body`.
put() {
    local want=$1 file=$2 path=$3 status
    shift 3
    status=$(curl -s -o answer.body -D answer.head -w '%{http_code}' -u "$USER_NAME:$TOKEN" -T "$file" "$@" "$REPOSITORY_URL$path") ||
        fail "PUT $path got no answer (curl ended with $?)"
    [[ $status == "$want" ]] || fail "PUT $path: $status instead of $want: $(cat answer.head answer.body)"
}

# get STATUS PATH [CURL OPTIONS…]: the same for a GET without credentials.
get() {
    local want=$1 path=$2 status
    shift 2
    status=$(curl -s -o answer.body -D answer.head -w '%{http_code}' "$@" "$REPOSITORY_URL$path") ||
        fail "GET $path got no answer (curl ended with $?)"
    [[ $status == "$want" ]] || fail "GET $path: $status instead of $want: $(cat answer.head)"
}

# refusal_reason: the `detail` of the problem document in `answer.body`.
refusal_reason() { python3 -c 'import json, sys; print(json.load(open("answer.body"))["detail"])'; }

# refusal_phrase: the reason phrase in `answer.head` (the last status line, as `100 Continue` may come first).
refusal_phrase() { grep -E '^HTTP/' answer.head | tail -n 1 | tr -d '\r' | cut -d ' ' -f 3-; }

# latest_refusals: what an administrator reads at /api/v1/refusals.
latest_refusals() { curl -sf -u "$USER_NAME:$TOKEN" "$SERVER_URL/api/v1/refusals"; }

# make_pom GROUP ARTIFACT VERSION: the smallest POM, on stdout.
make_pom() {
    printf '<project><modelVersion>4.0.0</modelVersion><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></project>\n' "$@"
}

# make_jar FILE [BYTES]: a jar that holds that many random bytes, so that nothing can compress it.
make_jar() {
    head -c "${2:-1000}" /dev/urandom >"$1.bytes"
    (cd "$(dirname "$1")" && zip -q -0 -j "$(basename "$1")" "$(basename "$1").bytes")
    rm "$1.bytes"
}

# ---- Assertions -------------------------------------------------------------------------------------------------

# assert_equal WHAT EXPECTED ACTUAL
assert_equal() { [[ $2 == "$3" ]] || fail "$1: expected \`$2\`, got \`$3\`"; }

# assert_contains FILE TEXT
assert_contains() { grep -qF -- "$2" "$1" || fail "\`$2\` is not in $1: $(tail -n 40 "$1")"; }

# assert_lacks FILE TEXT
assert_lacks() { ! grep -qF -- "$2" "$1" || fail "\`$2\` is in $1: $(grep -F -- "$2" "$1" | head -n 5)"; }

# assert_serves PATH FILE: a download has exactly these bytes.
assert_serves() {
    get 200 "$1"
    cmp -s answer.body "$2" || fail "GET $1 gives other bytes than $2"
}

# assert_no_open_deploys: nothing is left in uploads/, which keeps a folder for what is just coming in. Names there go a
# moment after the answer, when folders are synced and sums written.
assert_no_open_deploys() {
    local deadline=$((SECONDS + 10)) left
    while true; do
        left=$(find "$DATA/uploads" -mindepth 1 ! -path "$DATA/uploads/incoming" 2>/dev/null | head -n 5)
        [[ -n $left ]] || return 0
        ((SECONDS <= deadline)) || fail "left behind in uploads/: $left"
        sleep 0.1
    done
}

# assert_no_uploaded_bytes: the same for what was refused; that it was refused may be remembered until the deploy's end.
assert_no_uploaded_bytes() {
    local left
    left=$(find "$DATA/uploads" -type f ! -name deploy.jsonl | head -n 5)
    [[ -z $left ]] || fail "refused, but still in uploads/: $left"
}

# quietly FILE COMMAND…: its output goes to FILE; shown if it fails.
quietly() {
    local output=$1
    shift
    "$@" >"$output" 2>&1 || fail "$* ended with $?: $(tail -n 40 "$output")"
}
