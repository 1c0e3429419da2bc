#!/usr/bin/env bash
# Eight builds deploy eight versions of one artifact at the same time, with three versions of Maven. Each of them reads
# maven-metadata.xml, adds its own version and writes it back; a server that keeps what they write loses versions.
# All eight must be listed, and the newest resolves.
source "$(dirname "$0")/../lib.sh"
source "$E2E/maven.sh"

serve_with_token
write_settings
MAVENS=(3.8.7 3.9.16 4.0.0-rc-5)
PIDS=()
make_jar crowd.jar 20000

step "eight deploys at once"
for number in 1 2 3 4 5 6 7 8; do
    export MAVEN=${MAVENS[number % 3]}
    deploy_file "$(fresh_local_repository "$number")" crowd.jar org.example crowd "1.$number" >"deploy-$number.log" 2>&1 &
    PIDS+=("$!")
done
BACKGROUND_PIDS+=("${PIDS[@]}")
for number in 1 2 3 4 5 6 7 8; do
    wait "${PIDS[number - 1]}" || fail "deploy of 1.$number: $(tail -n 30 "deploy-$number.log")"
done

step "all eight are listed"
for number in 1 2 3 4 5 6 7 8; do
    assert_serves "org/example/crowd/1.$number/crowd-1.$number.jar" crowd.jar
done
get 200 org/example/crowd/maven-metadata.xml
for number in 1 2 3 4 5 6 7 8; do
    assert_contains answer.body "<version>1.$number</version>"
done
assert_contains answer.body "<release>1.8</release>"
assert_equal "deploys on the log" 8 "$(count_events version.deployed)"
assert_no_open_deploys

step "the newest resolves"
export MAVEN=3.9.16
consumer=$(fresh_local_repository consumer)
quietly get.log maven "$consumer" "$DEPENDENCY_PLUGIN:get" -Dartifact=org.example:crowd:RELEASE \
    "-DremoteRepositories=logjar::default::$REPOSITORY_URL" -Dtransitive=false
cmp crowd.jar "$consumer/org/example/crowd/1.8/crowd-1.8.jar"
stop_server
assert_log_sound
