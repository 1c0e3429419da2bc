#!/usr/bin/env bash
# A log of years on a full disk: rolling, compressing and collapsing are refused with the reason, and change nothing;
# with space they do what they should. Who is erased is hidden at once, and what is private goes when there is space. The
# data folder is a file system of its own. Needs root or unprivileged user namespaces.
source "$(dirname "$0")/../lib.sh"
with_own_mounts

GENERATE=$ROOT/target/release/examples/generate
[[ -x $GENERATE ]] || fail "$GENERATE is missing; cargo build --release --examples makes it"

# refused WHAT COMMAND…: it ends with a reason, and the registry is as it was.
refused() {
    local what=$1
    shift
    if logjar "$@" >refused.log 2>&1 </dev/null; then fail "$what worked on a full disk: $(cat refused.log)"; fi
    grep -qE 'full|space' refused.log || fail "$what says nothing of space: $(cat refused.log)"
    echo "         $what: $(tail -n 1 refused.log)"
    assert_equal "unfinished files after $what" "" "$(find "$DATA/events" -name '*.new')"
    assert_equal "log digest after $what" "$digest" "$(logjar log digest)"
}

# is_on_disk TEXT: in a file of the log or its archive, or another one.
is_on_disk() {
    grep -rqF "$1" --exclude='*.zst' "$DATA" || find "$DATA" -name '*.zst' -exec zstdcat {} + | grep -qF "$1"
}

is_erased() { curl -sf "$SERVER_URL/health/ready" | grep -q '"erasing":false'; }

mount_small_disk 64M
"$GENERATE" --data "$DATA" --artifacts 5 --users 3 --ci-days 12 >generated.json
serve_with_token
for name in zzfirst zzsecond; do
    quietly commands.log logjar user add $name --email $name@mail.example --service
done
digest=$(logjar log digest)

step "the disk is full, and the log is as it was written"
fill_disk
refused "rolling" log roll
refused "compressing" log compress
refused "collapsing" log collapse

step "somebody is erased: hidden at once, and the rest waits for space"
logjar user erase zzfirst --yes >refused.log 2>&1 && fail "there was space: $(cat refused.log)"
grep -q 'private data of u_.* is still on the disk: .*full' refused.log || fail "$(cat refused.log)"
sed 's/^/         /' refused.log
logjar user list | grep -q zzfirst && fail "zzfirst is listed"
digest=$(logjar log digest)

step "killed and started"
kill9_server
start_server
assert_equal "log digest after a start" "$digest" "$(logjar log digest)"

step "space is freed"
rm "$DATA/.filler"
wait_for is_erased
is_on_disk zzfirst && fail "zzfirst is left"
logjar log roll
logjar log compress
fill_disk
refused "collapsing" log collapse
rm "$DATA/.filler"
wait_for logjar log collapse
assert_equal "log digest after collapsing" "$digest" "$(logjar log digest)"
logjar user erase zzsecond --yes
is_on_disk zzsecond && fail "zzsecond is left"
stop_server
logjar log verify
umount "$DATA"
