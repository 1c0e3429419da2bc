# shellcheck shell=bash
# What each version of Maven has to live through; `scenarios/maven_*.sh` say which version and which transport.
# Sourced after `lib.sh` and `maven.sh`.

# Two builds of one source have the same bytes only with a fixed time in them.
FIXED_TIME=-Dproject.build.outputTimestamp=2026-01-01T00:00:00Z
TINY=org/example/tiny

# begin_story: a server, a token, and the local repository of who deploys.
begin_story() {
    serve_with_token
    write_settings
    DEPLOYER=$(fresh_local_repository deployer)
}

# release_story: a signed release with sources and documentation is deployed, resolves into an empty local repository,
# and runs.
release_story() {
    step "Maven $MAVEN deploys a signed release"
    make_signing_key
    make_project tiny tiny 1.0.0 "hello from the release"
    GPG_SKIP=false quietly release.log deploy tiny "$DEPLOYER" "$FIXED_TIME"
    assert_equal "deploys on the log" 1 "$(count_events version.deployed)"
    assert_equal "late files on the log" 0 "$(count_events version.files-added)"
    assert_no_open_deploys
    local suffix
    for suffix in .jar -sources.jar -javadoc.jar; do
        assert_serves "$TINY/1.0.0/tiny-1.0.0$suffix" "tiny/target/tiny-1.0.0$suffix"
        assert_signature "$TINY/1.0.0/tiny-1.0.0$suffix"
    done
    assert_signature "$TINY/1.0.0/tiny-1.0.0.pom"

    step "a consumer resolves it and runs"
    run_consumer 1.0.0 "$(fresh_local_repository consumer)" "hello from the release"
}

# repeated_release_story: the same bytes again are welcome and nothing new.
repeated_release_story() {
    local events
    step "the same bytes again are accepted and make no event"
    events=$(count_events any)
    quietly same.log deploy tiny "$DEPLOYER" "$FIXED_TIME"
    assert_equal "events after the same bytes again" "$events" "$(count_events any)"
    cp tiny/target/tiny-1.0.0.jar published.jar
}

# refused_release_story READS ARGUMENTS…: other bytes are refused. Maven's user reads the `phrase` or the `detail` of the
# refusal, or `nothing` but its number; with further arguments for Maven.
refused_release_story() {
    local reads=$1 events reason
    shift
    step "other bytes are refused ${*:+(with $*)}"
    events=$(count_events any)
    make_project tiny tiny 1.0.0 "hello from somebody else"
    if deploy tiny "$DEPLOYER" clean "$FIXED_TIME" "$@" >refused.log 2>&1; then
        fail "Maven says that a release was replaced"
    fi
    assert_equal "events after the refusal" "$events" "$(count_events any)"
    assert_serves "$TINY/1.0.0/tiny-1.0.0.jar" published.jar

    # What the server says is asked from it directly, so that the words may change.
    put 403 tiny/target/tiny-1.0.0.jar "$TINY/1.0.0/tiny-1.0.0.jar"
    case $reads in
    phrase) reason=$(refusal_phrase) ;;
    detail) reason=$(refusal_reason) ;;
    nothing) reason=403 ;;
    esac
    [[ -n $reason ]] || fail "the refusal has no reason: $(cat answer.head answer.body)"
    echo "         the reason: $reason"
    assert_contains refused.log "$reason"
    latest_refusals >refusals.json
    assert_contains refusals.json "$(refusal_reason)"
}

# snapshot_story: a second build of a snapshot reaches who asks for updates.
snapshot_story() {
    local consumer
    step "Maven $MAVEN deploys a snapshot twice"
    make_project tiny tiny 1.1-SNAPSHOT "hello from the first build"
    quietly snapshot-1.log deploy tiny "$DEPLOYER"
    consumer=$(fresh_local_repository consumer)
    run_consumer 1.1-SNAPSHOT "$consumer" "hello from the first build"
    make_project tiny tiny 1.1-SNAPSHOT "hello from the second build"
    quietly snapshot-2.log deploy tiny "$DEPLOYER" clean
    run_consumer 1.1-SNAPSHOT "$consumer" "hello from the second build" --update-snapshots
    get 200 "$TINY/1.1-SNAPSHOT/maven-metadata.xml"
    assert_contains answer.body "<buildNumber>2</buildNumber>"
    assert_no_open_deploys
}

# deploy_file_story: a jar that Maven did not build is deployed by `deploy:deploy-file`, fetched by `dependency:get`, and runs.
deploy_file_story() {
    local consumer
    step "Maven $MAVEN deploys a file"
    make_runnable_jar file.jar "hello from the file"
    quietly deploy-file.log deploy_file "$DEPLOYER" file.jar org.example file 2.0
    consumer=$(fresh_local_repository consumer)
    quietly get.log maven "$consumer" "$DEPENDENCY_PLUGIN:get" -Dartifact=org.example:file:2.0 \
        "-DremoteRepositories=logjar::default::$REPOSITORY_URL"
    assert_equal "what the file prints" "hello from the file" \
        "$(java -cp "$consumer/org/example/file/2.0/file-2.0.jar" org.example.tiny.Greeting)"
}

# modules_story: five modules built by four threads; their files arrive interleaved.
modules_story() {
    local events module consumer
    step "Maven $MAVEN deploys five modules with four threads"
    events=$(count_events version.deployed)
    make_project modules modules 3.0
    quietly modules.log deploy modules "$DEPLOYER" -T4
    assert_equal "deploys on the log" "$((events + 5))" "$(count_events version.deployed)"
    for module in one two three four; do
        assert_serves "org/example/modules/$module/3.0/$module-3.0.jar" "modules/$module/target/$module-3.0.jar"
        get 200 "org/example/modules/$module/maven-metadata.xml"
        assert_contains answer.body "<version>3.0</version>"
    done
    assert_no_open_deploys
    consumer=$(fresh_local_repository consumer)
    quietly get.log maven "$consumer" "$DEPENDENCY_PLUGIN:get" -Dartifact=org.example.modules:four:3.0 \
        "-DremoteRepositories=logjar::default::$REPOSITORY_URL"
    assert_equal "what the module prints" "four of 3.0" \
        "$(java -cp "$consumer/org/example/modules/four/3.0/four-3.0.jar" org.example.modules.Four)"
}

# end_of_story: what the log tells after a clean stop, and after a start from the log alone, is what it told before.
end_of_story() {
    local before
    step "the log is sound and is all that a start needs"
    before=$(logjar log digest)
    stop_server
    assert_log_sound
    rm -rf "$DATA/derived"
    start_server
    assert_equal "log digest after a start without derived/" "$before" "$(logjar log digest)"
    stop_server
}
