#!/usr/bin/env bash
# What the OpenAPI document says, an independent program takes at its word: Schemathesis sends what the document allows,
# and what it does not, to every route, as an administrator. No answer is an error of the server, none has a status, a
# content type or a form that the document does not have.
source "$(dirname "$0")/../lib.sh"

ST=$CLIENTS/schemathesis/bin/st
[[ -x $ST ]] || fail "Schemathesis is missing; e2e/install installs it"

start_server
step "a registry that has one of everything"
# The names of the document's examples, so that they find something.
quietly commands.log logjar user add amy --email amy@example.org --admin
quietly commands.log logjar user add ben --service
USER_NAME=amy
TOKEN=$(logjar token create --user amy --can read,deploy,manage 2>>commands.log)
make_jar greeting.jar
make_pom org.example greeting 1.0.0 >greeting.pom
put 201 greeting.jar org/example/greeting/1.0.0/greeting-1.0.0.jar
put 201 greeting.pom org/example/greeting/1.0.0/greeting-1.0.0.pom
put 403 greeting.jar org/example/greeting/1.0.0/greeting-1.0.0.pom

# examine SECONDS OPTIONS…: has Schemathesis ask for as long; the options say which routes.
# One worker: Python 3.11 fails in its own parser with more. No phase of state: examples and fuzzing do what it would.
examine() {
    local seconds=$1
    shift
    quietly schemathesis.log "$ST" run "$SERVER_URL/api/v1/openapi.json" --url "$SERVER_URL" --auth "amy:$TOKEN" \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
        --phases examples,coverage,fuzzing --max-time "$seconds" --seed 2013 --workers 1 --continue-on-failure "$@"
    grep -E 'Operations:|Tested:|generated,' schemathesis.log | sed 's/^ */         /'
    assert_equal "tested operations" "$(number_behind 'Operations:.*selected' '[0-9]+ selected')" \
        "$(number_behind 'Tested:' 'Tested: *[0-9]+')"
}

# number_behind LINE PART: the number in that part of that line of Schemathesis' summary.
number_behind() { grep -E "$1" schemathesis.log | grep -oE "$2" | grep -oE '[0-9]+'; }

step "every route but those that disable or erase somebody"
examine 70 --exclude-path-regex '/(disable|erase)$'
# With a token that is refused everything would be refused as documented, and nothing would have been tried.
status=$(curl -s -o answer.body -w '%{http_code}' -u "amy:$TOKEN" "$SERVER_URL/api/v1/users")
assert_equal "the administrator's token afterwards" 200 "$status"
(($(count_events user.registered) > 3)) || fail "nothing was written: $(logjar log stat)"

step "those that disable, down to amy and her token, whose names are among the answers"
examine 15 --include-path-regex '/disable$'
(($(count_events token.disabled) + $(count_events user.disabled) > 0)) || fail "nobody was disabled"

step "the one that erases"
quietly commands.log logjar user enable amy
TOKEN=$(logjar token create --user amy --can read,deploy,manage 2>>commands.log)
examine 10 --include-path-regex '/erase$'
(($(count_events user.erased) > 0)) || fail "nobody was erased"

stop_server
assert_log_sound
