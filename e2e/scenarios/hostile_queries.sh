#!/usr/bin/env bash
# What nobody should ask: thousands of queries, parameters and headers that are too long, unbalanced, in no encoding, or
# that hope to be run by the reader's browser. Each gets its answer, which parses; so do answers about artifacts whose
# POMs hope for the same. Afterwards the server finds what it found before.
source "$(dirname "$0")/../lib.sh"

# make_described_pom ARTIFACT DESCRIPTION: a POM with a description that is escaped already.
make_described_pom() {
    printf '<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>%s</artifactId><version>1.0</version><packaging>pom</packaging><name>%s</name><description>%s</description><url>%s</url><licenses><license><name>%s</name><url>%s</url></license></licenses><developers><developer><name>%s</name></developer></developers></project>\n' \
        "$1" "$2" "$2" "$3" "$2" "$3" "$2"
}

# deploy_described ARTIFACT DESCRIPTION URL
deploy_described() {
    make_described_pom "$@" >described.pom
    put 201 described.pom "org/example/$1/1.0/$1-1.0.pom"
}

# search_finds NAME: the artifact is among the hits of the word that all have in common.
search_finds() {
    curl -sf "$SERVER_URL/search?format=json&q=hostile" -o found.json && grep -qF "\"$1\"" found.json
}

# assert_all_found
assert_all_found() {
    local artifact
    for artifact in hostile hostile-markup hostile-quotes hostile-marks; do
        wait_for search_finds "$artifact"
    done
}

serve_with_token
step "artifacts that hope for a careless page"
deploy_described hostile "plain" "https://example.org/"
deploy_described hostile-markup '&lt;script&gt;&lt;hostilemark&gt;&lt;/script&gt; &lt;img src=x onhostilemark=1&gt; ]]&gt; --&gt;' 'javascript:hostilemark'
deploy_described hostile-quotes '&quot; onhostilemark=&quot;1 &apos; onhostilemark=&apos;1 &amp;lt;hostilemark&amp;gt;' '&quot;&gt;&lt;hostilemark&gt;'
deploy_described hostile-marks $'\u202eright to left\u202c \u200f \ufeff \U1f680 日本語' 'data:text/html,&lt;hostilemark&gt;'
assert_all_found

step "the questions"
quietly questions.log python3 "$E2E/tools/hostile_queries.py" "$SERVER_PORT"
sed 's/^/         /' questions.log

step "afterwards"
assert_all_found
! grep -qiE 'panick|error' serve.log || fail "the server says: $(grep -iE -m 5 'panick|error' serve.log)"
stop_server
assert_log_sound
