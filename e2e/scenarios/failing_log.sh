#!/usr/bin/env bash
# Calls about the log fail while the server runs (e2e/tools/failing_calls.c, preloaded). A sync or a write that fails ends
# the server with 74, and no deploy is acknowledged after it; the next start has what was acknowledged before, and takes
# the deploy again. Files that can't be opened, for want of descriptors, end nothing.
source "$(dirname "$0")/../lib.sh"

cc -shared -fPIC -o failing_calls.so "$E2E/tools/failing_calls.c" -ldl
cat >preloaded <<SH
#!/bin/sh
export LD_PRELOAD='$WORK/failing_calls.so' FAIL_WHILE='$WORK/broken' FAIL_BELOW=/events/ FAIL_LOG='$WORK/failures'
exec '$LOGJAR' "\$@"
SH
chmod +x preloaded

# start_preloaded CALLS ERRNO
start_preloaded() { FAIL_CALLS=$1 FAIL_WITH=$2 LOGJAR=$PWD/preloaded start_server; }

# deploy STATUS VERSION: a jar and its POM; the status of the second, which finishes the deploy.
deploy() {
    make_pom org.example tried "$2" >tried.pom
    put 201 tried.jar "org/example/tried/$2/tried-$2.jar"
    put "$1" tried.pom "org/example/tried/$2/tried-$2.pom"
    [[ $1 == 201 ]] || return 0
    assert_serves "org/example/tried/$2/tried-$2.jar" tried.jar
}

# assert_ends_with CODE: the server, by itself.
assert_ends_with() {
    local status=0
    wait "$SERVER_PID" || status=$?
    SERVER_PID=
    assert_equal "the server's exit code" "$1" "$status"
}

make_jar tried.jar
serve_with_token
deploy 201 1.0
stop_server

for call in sync write; do
    step "a $call fails"
    start_preloaded "$call" 5
    touch broken
    deploy 503 "1.0-$call"
    assert_ends_with 74
    rm broken
    [[ -s failures ]] || fail "nothing failed"
    rm failures
    start_server
    assert_log_sound
    get 200 org/example/tried/1.0/tried-1.0.pom
    deploy 201 "1.0-$call"
    stop_server
done

step "there are no descriptors for files of the log"
start_preloaded open 24
touch broken
deploy 201 1.1
rm broken
stop_server
start_server
get 200 org/example/tried/1.1/tried-1.1.pom
stop_server
assert_log_sound
