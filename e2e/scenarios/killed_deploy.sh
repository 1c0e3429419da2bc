#!/usr/bin/env bash
# `mvn clean deploy` is killed in the middle of its files, with each Maven, and is run again after the ten seconds in
# which the server takes whatever comes for the same run. Nothing of the dead run may be left: the second run has other
# bytes for every jar, and exactly these must be published.
source "$(dirname "$0")/../lib.sh"
source "$E2E/maven.sh"

# prepare MAVEN FOLDER: each Maven deploys a version of its own, with a jar of 3 MB.
prepare() {
    export MAVEN=$1
    make_project tiny "$2" "$1.0" "hello again from Maven $1"
    mkdir -p "$2/src/main/resources"
    head -c 3000000 /dev/urandom >"$2/src/main/resources/weight"
}

# kill_in_the_middle MAVEN FOLDER BYTES: lets that many bytes pass to the server and kills Maven.
kill_in_the_middle() {
    local folder=$2 proxy_pid maven_pid url
    prepare "$1" "$folder"
    in_background python3 "$E2E/tools/stalling_proxy.py" "$SERVER_PORT" "$3" "$folder.stalled" >"$folder.port"
    proxy_pid=$!
    wait_for test -s "$folder.port"
    url=http://127.0.0.1:$(cat "$folder.port")/repo/
    maven_command "$(fresh_local_repository "$folder")"
    (cd "$folder" && exec "${MAVEN_COMMAND[@]}" "-DaltDeploymentRepository=logjar::$url" -Dgpg.skip=true clean deploy) >"$folder.log" 2>&1 &
    maven_pid=$!
    BACKGROUND_PIDS+=("$maven_pid")
    wait_for test -e "$folder.stalled"
    kill -0 "$maven_pid" || fail "Maven ended before it could be killed: $(tail -n 30 "$folder.log")"
    kill -KILL "$maven_pid" "$proxy_pid"
    wait "$maven_pid" "$proxy_pid" 2>/dev/null || true
    get 404 "org/example/tiny/$1.0/tiny-$1.0.jar"
    get 404 "org/example/tiny/$1.0/tiny-$1.0.pom"
}

# run_again MAVEN FOLDER: from the same sources; the archives have other times in them and so other bytes.
run_again() {
    local version=$1.0 suffix
    export MAVEN=$1
    quietly "$2.log" deploy "$2" "$(fresh_local_repository "$2")" clean
    for suffix in .jar -sources.jar -javadoc.jar; do
        assert_serves "org/example/tiny/$version/tiny-$version$suffix" "$2/target/tiny-$version$suffix"
    done
    run_consumer "$version" "$(fresh_local_repository consumer)" "hello again from Maven $1"
}

serve_with_token
write_settings

# Maven 4 sends its first file, the jar, once without credentials and once with them.
step "three deploys are killed in the middle"
kill_in_the_middle 3.8.7 killed-3.8 4000000
kill_in_the_middle 3.9.16 killed-3.9 4000000
kill_in_the_middle 4.0.0-rc-5 killed-4 7000000
get 404 org/example/tiny/maven-metadata.xml
assert_equal "deploys on the log" 0 "$(count_events version.deployed)"

step "the dead runs end"
sleep 11

step "they are run again"
run_again 3.8.7 killed-3.8
run_again 3.9.16 killed-3.9
run_again 4.0.0-rc-5 killed-4
assert_equal "deploys on the log" 3 "$(count_events version.deployed)"
assert_equal "late files on the log" 0 "$(count_events version.files-added)"
assert_no_open_deploys
stop_server
assert_log_sound
