#!/usr/bin/env bash
# kill -9 under load, 25 times (`--long`: 1,000 times). Eight clients deploy, keep their own list of what was
# acknowledged, and begin each round by sending again what was cut off. After each kill every acknowledged deploy of the
# round is served with its bytes, is in its metadata and on the log; every other one is there whole or not at all;
# `log verify --files` is green. At the end all rounds are checked once more. Every fifth kill meets a server that is
# still starting.
source "$(dirname "$0")/../lib.sh"

ROUNDS=25
((E2E_LONG == 0)) || ROUNDS=1000

# random_pause LOW HIGH: in hundredths of a second.
random_pause() { sleep "$(printf '0.%02d' $(($1 + RANDOM % ($2 - $1))))"; }

# kill_while_starting: the server has no time to become ready.
kill_while_starting() {
    "$LOGJAR" serve --data "$DATA" --listen "127.0.0.1:$SERVER_PORT" >serve.out 2>>serve.log &
    SERVER_PID=$!
    random_pause 0 8
    kill9_server
}

# check [ROUND]
check() {
    logjar log cat --json >log.cat
    quietly check.log python3 "$E2E/tools/check_load.py" "$SERVER_PORT" journal log.cat "$@"
}

serve_with_token
for ((round = 1; round <= ROUNDS; round++)); do
    python3 "$E2E/tools/deploy_load.py" "$SERVER_PORT" "$USER_NAME" "$TOKEN" "$round" journal >"load.log" 2>&1 &
    load_pid=$!
    BACKGROUND_PIDS=("$load_pid")
    random_pause 15 99
    kill9_server
    wait "$load_pid" || fail "round $round: $(tail -n 20 load.log)"
    ((round % 5 > 0)) || kill_while_starting
    start_server
    check "$round"
    ((round % 25 > 0 && ROUNDS > 25)) || assert_log_sound
    ((round % 5 > 0)) || step "$round kills: $(cat check.log)"
done

step "all rounds once more"
check
cat check.log
acknowledged=$(grep -c acknowledged journal)
((acknowledged >= ROUNDS * 8)) || fail "only $acknowledged deploys were acknowledged: there was no load to speak of"
digest=$(logjar log digest)
stop_server
assert_log_sound
rm -rf "$DATA/derived"
start_server
assert_equal "log digest after a start without derived/" "$digest" "$(logjar log digest)"
check
