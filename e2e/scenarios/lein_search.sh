#!/usr/bin/env bash
# What Leiningen deployed, people and their tools find at the addresses that they know from Clojars: `lein search` by its
# own parser, editors in EDN by Clojure's own reader, scripts and READMEs in JSON and as a picture.
source "$(dirname "$0")/../lib.sh"
source "$E2E/maven.sh"
source "$E2E/leiningen.sh"

# ask STATUS PATH [CURL OPTIONS…]: a GET of anything but a repository path; the answer is in `answer.body`.
ask() {
    local want=$1 path=$2 status
    shift 2
    status=$(curl -s -o answer.body -D answer.head -w '%{http_code}' "$@" "$SERVER_URL$path")
    assert_equal "the status of GET $path" "$want" "$status"
}

# shape PATH EXPRESSION EXPECTED: what an expression in Python makes of the JSON there, called `a`.
shape() {
    ask 200 "$1"
    assert_contains answer.head 'access-control-allow-origin: *'
    assert_equal "$2 in GET $1" "$3" "$(python3 -c "import json; a = json.load(open('answer.body')); print($2)")"
}

# is_found: whether the index has the last deploy.
is_found() { curl -s "$SERVER_URL/search?format=json&q=demo" | grep -qF '"version":"0.2.0-SNAPSHOT"'; }

serve_with_token
prepare_leiningen

step "a release and a snapshot"
quietly release.log lein_deploy 0.1.0 "hello" unsigned
quietly snapshot.log lein_deploy 0.2.0-SNAPSHOT "hello again" unsigned
wait_for is_found
get 200 net/example/demo/0.1.0/demo-0.1.0.jar

step "lein search"
# `lein search` itself asks clojars.org, whatever its settings say; its parser takes any address.
with_leiningen "(require 'leiningen.search)
(doseq [{r :attrs} (:content (leiningen.search/parse \"$SERVER_URL/search?format=xml&q=demo\"))]
  (println (str \"[\" (:group_name r) \"/\" (:jar_name r) \" \" (pr-str (:version r)) \"] \" (:description r))))" >found
assert_equal "what it finds" '[net.example/demo "0.2.0-SNAPSHOT"] A library of one function' "$(cat found)"

step "JSON"
shape '/search?format=json&q=library' '(a["count"], a["total-hits"], a["results"][0]["jar_name"])' "(1, 1, 'demo')"
shape /api/artifacts/net.example/demo '(a["latest_version"], a["latest_release"], a["user"])' \
    "('0.2.0-SNAPSHOT', '0.1.0', 'alice')"
shape /api/artifacts/net.example/demo '[each["version"] for each in a["recent_versions"]]' "['0.2.0-SNAPSHOT', '0.1.0']"
shape /api/artifacts/net.example/demo '(a["licenses"][0]["name"], a["homepage"], a["scm"]["url"])' \
    "('EPL-2.0', 'https://example.net/demo', 'https://example.net/demo.git')"
shape /api/artifacts/net.example/demo '[each["jar_name"] for each in a["dependencies"]]' "['clojure']"
shape /api/groups/net.example '[each["jar_name"] for each in a]' "['demo']"
shape /api/users/alice 'a["groups"]' "['net.example']"
shape '/api/release-feed?from=2026-01-01T00:00:00Z' '[each["version"] for each in a["releases"]]' \
    "['0.1.0', '0.2.0-SNAPSHOT']"
shape /net.example/demo/latest-version.json 'a["version"]' 0.1.0
ask 404 /api/artifacts/net.example/absent
ask 400 '/search?format=json&q=demo&page=0'

step "EDN"
ask 200 /api/artifacts/net.example/demo -H 'Accept: application/edn'
with_leiningen '(require (quote clojure.edn))
(let [a (clojure.edn/read-string (slurp "answer.body"))] (prn (:latest_release a) (-> a :licenses first :name)))' >read
assert_equal "what Clojure reads" '"0.1.0" "EPL-2.0"' "$(cat read)"

step "a badge"
ask 200 /net.example/demo/latest-version.svg
badge=$(python3 -c 'import xml.etree.ElementTree as tree; print(*tree.parse("answer.body").getroot().itertext())')
assert_equal "what it says" "net.example/demo 0.1.0 net.example/demo 0.1.0" "$badge"

step "the command line, with and without the server"
logjar search demo >found.txt
assert_contains found.txt 'net.example:demo  0.2.0-SNAPSHOT'
logjar search demo --json >with.json
logjar recent >recent.txt
assert_equal "deploys" 3 "$(wc -l <recent.txt)"
stop_server
logjar search demo --json >without.json
assert_equal "without the server" "$(cat with.json)" "$(cat without.json)"
assert_log_sound
