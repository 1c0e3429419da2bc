#!/usr/bin/env bash
# What nobody should send: paths that climb out, 100 MB with a wrong token and without asking first, bodies over the
# limit, half bodies, bodies that stop coming, bad POMs, bad sums. Each gets a clear refusal that the client can read,
# and nothing of it is left behind.
source "$(dirname "$0")/../lib.sh"

hostile() { quietly hostile.log python3 "$E2E/tools/hostile_client.py" "$SERVER_PORT" "$USER_NAME" "$TOKEN" "$@"; }

# refused_pom TEXT WHY: a POM that must be refused; with curl it is checked when it comes.
refused_pom() {
    printf '%s' "$1" >bad.pom
    put 403 bad.pom org/example/bad/1.0/bad-1.0.pom
    echo "         $2: $(refusal_reason)"
}

# finish STATUS GROUP ARTIFACT VERSION: asks for the outcome of an open deploy. One that is refused is thrown away.
finish() {
    local status
    status=$(curl -s -o answer.body -w '%{http_code}' -u "$USER_NAME:$TOKEN" -X POST \
        "$SERVER_URL/api/v1/deploys/repo/$2/$3/$4/finish")
    [[ $status == "$1" ]] || fail "finish of $2:$3:$4: $status instead of $1: $(cat answer.body)"
    echo "         the outcome: $(refusal_reason)"
}

serve_with_token
# A second user has no rights anywhere.
quietly commands.log logjar user add mallory --email mallory@example.org
stranger=mallory:$(logjar token create --user mallory 2>>commands.log)
make_jar good.jar
make_pom org.example good 1.0 >good.pom
put 201 good.jar org/example/good/1.0/good-1.0.jar
put 201 good.pom org/example/good/1.0/good-1.0.pom
events=$(count_events any)
files() { find "$DATA/repository" -type f ! -name "maven-metadata.xml*" | sort; }
assert_no_open_deploys
files >files.before

step "paths that climb, and names that are none"
hostile paths

step "100 MB without asking first"
hostile blind 100000000 401 org/example/blind/1.0/blind-1.0.jar alice:logjar_0000
assert_contains hostile.log 'Basic realm="logjar"'
hostile blind 100000000 403 org/example/blind/1.0/blind-1.0.jar "$stranger"
hostile blind 100000000 403 org/example/good/1.0/good-1.0.jar "$USER_NAME:$TOKEN"
hostile blind 100000000 400 org/example/../blind-1.0.jar "$USER_NAME:$TOKEN"

step "half bodies"
hostile half

step "POMs that can't be read or name something else"
refused_pom 'this is no XML' "no XML"
refused_pom '<project><modelVersion>4.0.0</modelVersion></project>' "no coordinates"
refused_pom "$(make_pom org.example other 1.0)" "another artifact"
refused_pom "$(make_pom org.example bad 2.0)" "another version"
refused_pom '<!DOCTYPE p [<!ENTITY e "bad">]><project><groupId>org.example</groupId><artifactId>&e;</artifactId><version>1.0</version></project>' \
    "an entity of its own"
assert_no_uploaded_bytes
finish 403 org.example bad 1.0
assert_no_open_deploys

step "a sum that is not that of its file"
put 201 good.jar org/example/sum/1.0/sum-1.0.jar
printf '%040d' 0 >wrong.sha1
put 403 wrong.sha1 org/example/sum/1.0/sum-1.0.jar.sha1
make_pom org.example sum 1.0 >sum.pom
status=$(curl -s -o answer.body -w '%{http_code}' -u "$USER_NAME:$TOKEN" -T sum.pom "${REPOSITORY_URL}org/example/sum/1.0/sum-1.0.pom")
get 404 org/example/sum/1.0/sum-1.0.jar
[[ $status == 201 || $status == 403 ]] || fail "the POM after a wrong sum: $status"
finish 403 org.example sum 1.0
get 404 org/example/sum/1.0/sum-1.0.jar

assert_no_open_deploys

step "bodies over the limit"
stop_server
export LOGJAR_DEPLOY_BODY_LIMIT=1MiB LOGJAR_HTTP_IDLE_TIMEOUT=3
start_server
head -c 1500000 /dev/urandom >over.jar
put 413 over.jar org/example/over/1.0/over-1.0.jar
echo "         $(refusal_reason)"
put 413 over.jar org/example/over/1.0/over-1.0.jar -H 'Expect:'
put 413 over.jar org/example/over/1.0/over-1.0.jar -H 'Transfer-Encoding: chunked'
put 413 over.jar org/example/over/1.0/over-1.0.jar -H 'Transfer-Encoding: chunked' -H 'Expect:'
hostile over 1500000 413 org/example/over/1.0/over-1.0.jar "$USER_NAME:$TOKEN"
hostile over 100000000 413 org/example/over/1.0/over-1.0.jar "$USER_NAME:$TOKEN"
assert_no_uploaded_bytes

step "a body that stops coming"
hostile slow
sed 's/^/         /' hostile.log
assert_no_uploaded_bytes

step "nothing is left behind"
assert_equal "events" "$events" "$(count_events any)"
files >files.after
diff files.before files.after || fail "the tree has changed"
[[ ! -e $DATA/../evil.txt && ! -e $DATA/evil.txt ]] || fail "a path climbed out"
assert_serves org/example/good/1.0/good-1.0.jar good.jar
stop_server
assert_log_sound
