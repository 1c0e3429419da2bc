#!/usr/bin/env bash
# Leiningen, whose users this server was made for: a release, a signed release, a snapshot built twice, and a redeploy
# whose reason the user reads. Each is used by an application with an empty local repository.
source "$(dirname "$0")/../lib.sh"

source "$E2E/maven.sh"
source "$E2E/leiningen.sh"

# lein_run VERSION EXPECTED
lein_run() {
    make_project leiningen-application application "$1"
    quietly run.log bash -c 'cd application && lein run'
    assert_equal "what the application prints" "$2" "$(tail -n 1 run.log)"
}

serve_with_token
prepare_leiningen

step "a release"
quietly release.log lein_deploy 0.1.0 "hello from the release" unsigned
lein_run 0.1.0 "hello from the release"

step "a signed release"
make_signing_key
quietly signed.log lein_deploy 0.2.0 "hello from the signed release" signed
assert_signature net/example/demo/0.2.0/demo-0.2.0.jar
assert_signature net/example/demo/0.2.0/demo-0.2.0.pom
empty_local_repository
lein_run 0.2.0 "hello from the signed release"

step "a snapshot, built twice"
quietly snapshot-1.log lein_deploy 0.3.0-SNAPSHOT "hello from the first build" unsigned
lein_run 0.3.0-SNAPSHOT "hello from the first build"
quietly snapshot-2.log lein_deploy 0.3.0-SNAPSHOT "hello from the second build" unsigned
lein_run 0.3.0-SNAPSHOT "hello from the second build"
assert_equal "deploys on the log" 4 "$(count_events version.deployed)"
assert_no_open_deploys

step "a release with other bytes is refused, and the user reads why"
events=$(count_events any)
if lein_deploy 0.1.0 "hello from somebody else" unsigned >refused.log 2>&1; then
    fail "Leiningen says that a release was replaced"
fi
put 403 library/target/demo-0.1.0.jar net/example/demo/0.1.0/demo-0.1.0.jar
echo "         the reason: $(refusal_phrase)"
assert_contains refused.log "$(refusal_phrase)"
assert_equal "events after the refusal" "$events" "$(count_events any)"
stop_server
assert_log_sound
