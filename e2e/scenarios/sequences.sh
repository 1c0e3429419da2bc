#!/usr/bin/env bash
# Deploys by clients that are not here: what sbt, Ivy and Gradle were recorded to send is sent again, with their names;
# and deploys by curl, which knows nothing of a deploy: jar first, POM first, chunked, sources afterwards. None of them
# but Gradle 8 sends metadata. Afterwards everything resolves into an empty local repository and runs.
source "$(dirname "$0")/../lib.sh"
source "$E2E/maven.sh"

# replay RECORDING [GROUP_PREFIX]
replay() {
    quietly "$1.log" python3 "$E2E/tools/replay.py" "$RECORDED/$1.jsonl" "$REPOSITORY_URL" "$USER_NAME" "$TOKEN" \
        "$WORK/first.jar" "${@:2}"
}

# assert_deployed BEFORE WANTED WHAT: so many deploys more than before.
assert_deployed() {
    local before=$1 wanted=$2 what=$3
    assert_equal "deploys on the log by $what" "$wanted" "$(($(count_events version.deployed) - before))"
}

serve_with_token
write_settings
make_runnable_jar first.jar "hello from the first build"
make_runnable_jar first.jar.second "hello from the second build"

step "recorded clients"
for recording in sbt-release sbt-snapshot ivy-publish gradle-4-ivy-publish; do
    before=$(count_events version.deployed)
    replay "$recording"
    case $recording in sbt-snapshot) wanted=2 ;; *) wanted=1 ;; esac
    assert_deployed "$before" "$wanted" "$recording"
done
before=$(count_events version.deployed)
replay gradle-8-release org.example.eight
assert_deployed "$before" 1 gradle-8-release

step "curl"
for version in 1.0 1.1 1.2; do
    make_pom org.example hand "$version" >"hand-$version.pom"
done
put 201 first.jar org/example/hand/1.0/hand-1.0.jar
assert_contains answer.body "missing: its POM"
put 201 hand-1.0.pom org/example/hand/1.0/hand-1.0.pom
get 200 org/example/hand/1.0/hand-1.0.jar

put 201 hand-1.1.pom org/example/hand/1.1/hand-1.1.pom
get 404 org/example/hand/1.1/hand-1.1.pom
put 201 first.jar org/example/hand/1.1/hand-1.1.jar
get 200 org/example/hand/1.1/hand-1.1.pom
put 201 first.jar.second org/example/hand/1.1/hand-1.1-sources.jar
assert_serves org/example/hand/1.1/hand-1.1-sources.jar first.jar.second

put 201 first.jar org/example/hand/1.2/hand-1.2.jar -H 'Transfer-Encoding: chunked' -H 'Expect:'
put 201 hand-1.2.pom org/example/hand/1.2/hand-1.2.pom -H 'Transfer-Encoding: chunked'
assert_serves org/example/hand/1.2/hand-1.2.jar first.jar
get 200 org/example/hand/maven-metadata.xml
for version in 1.0 1.1 1.2; do
    assert_contains answer.body "<version>$version</version>"
done
assert_no_open_deploys

step "everything resolves into an empty local repository and runs"
export MAVEN=3.9.16
consumer=$(fresh_local_repository consumer)
while read -r coordinates expected; do
    quietly get.log maven "$consumer" "$DEPENDENCY_PLUGIN:get" "-Dartifact=$coordinates" \
        "-DremoteRepositories=logjar::default::$REPOSITORY_URL"
    IFS=: read -r group artifact version <<<"$coordinates"
    assert_equal "what $coordinates prints" "$expected" \
        "$(java -cp "$consumer/${group//.//}/$artifact/$version/$artifact-$version.jar" org.example.tiny.Greeting)"
done <<'LIST'
org.example:slib:1.0.0 hello from the first build
org.example:slib:1.1.0-SNAPSHOT hello from the second build
org.example:ivylib:1.0.0 hello from the first build
org.example:glib:1.0.0 hello from the first build
org.example.eight.org.example:glib:1.0.0 hello from the first build
org.example:hand:1.0 hello from the first build
org.example:hand:1.1 hello from the first build
org.example:hand:1.2 hello from the first build
LIST
stop_server
assert_log_sound
