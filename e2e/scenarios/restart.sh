#!/usr/bin/env bash
# The log is the database: whatever is in derived/ may be deleted at any time. After releases, snapshots, late files and
# command-line changes the whole tree is fetched as `wget -r` walks it, headers included. After a clean stop, after
# kill -9, and each time without derived/, the same walk gives the same answers, and `log digest` the same digest.
source "$(dirname "$0")/../lib.sh"
source "$E2E/maven.sh"

# fetch_tree FOLDER: all that a walk of the listings finds, sums and metadata that are not listed, and every answer's
# headers except those that tell the time of the request, its name and the connection's fate. Generated metadata is dated
# a second later with each change, but never ahead of the clock, so its date may still be on its way.
fetch_tree() {
    local path
    mkdir "$1"
    (cd "$1" && wget -q -r -l inf -np -nH --save-headers -e robots=off "$REPOSITORY_URL") || fail "wget -r ended with $?"
    for path in org/example/{slib,hand,slib/1.1.0-SNAPSHOT}/maven-metadata.xml{,.sha1,.sha512}; do
        get 200 "$path" -i
        mv answer.body "$1/${path//\//_}"
    done
    get 200 org/example/hand/1.0/hand-1.0.jar.sha256
    mv answer.body "$1/hand.sha256"
    find "$1" -type f -exec env LC_ALL=C sed -i -E '/^(date|connection|keep-alive|x-request-id):/Id' {} +
    find "$1" -type f -name '*maven-metadata.xml*' -exec env LC_ALL=C sed -i -E '/^last-modified:/Id' {} +
}

# assert_same_answers WHAT: against the tree and digest of the beginning.
assert_same_answers() {
    assert_equal "log digest after $1" "$digest" "$(logjar log digest)"
    rm -rf after
    fetch_tree after
    diff -r before after >tree.diff || fail "other answers after $1: $(head -n 20 tree.diff)"
}

serve_with_token
make_jar first.jar
make_jar first.jar.second
for recording in sbt-release sbt-snapshot ivy-publish maven-3.9-snapshot maven-4-T4 leiningen-signed; do
    quietly replay.log python3 "$E2E/tools/replay.py" "$RECORDED/$recording.jsonl" "$REPOSITORY_URL" "$USER_NAME" "$TOKEN" \
        "$WORK/first.jar" "recorded.${recording//[.-]/_}"
done
for recording in sbt-release sbt-snapshot; do
    quietly replay.log python3 "$E2E/tools/replay.py" "$RECORDED/$recording.jsonl" "$REPOSITORY_URL" "$USER_NAME" "$TOKEN" \
        "$WORK/first.jar"
done
make_pom org.example hand 1.0 >hand.pom
put 201 first.jar org/example/hand/1.0/hand-1.0.jar
put 201 hand.pom org/example/hand/1.0/hand-1.0.pom
put 201 first.jar.second org/example/hand/1.0/hand-1.0-sources.jar
quietly commands.log logjar user add bob --email bob@example.org
quietly commands.log logjar group grant org.example bob --can read,deploy

# Copies of metadata are written for other web servers, a second late; the listings show them.
sleep 2

step "what is served before"
digest=$(logjar log digest)
fetch_tree before
files=$(find before -name '*.jar' | wc -l)
((files >= 15)) || fail "the walk found only $files jars"

step "a clean stop"
stop_server
assert_equal "log digest without a server" "$digest" "$(logjar log digest)"
start_server
assert_same_answers "a clean stop"

step "a clean stop, and no derived/"
stop_server
rm -rf "$DATA/derived"
assert_equal "log digest without a server and derived/" "$digest" "$(logjar log digest)"
start_server
assert_same_answers "a clean stop without derived/"

step "kill -9, and no derived/"
kill9_server
rm -rf "$DATA/derived"
start_server
assert_same_answers "kill -9 without derived/"
stop_server
assert_log_sound
