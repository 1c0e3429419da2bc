#!/usr/bin/env bash
# The pages in a real browser, on small and large screens, in light and dark: nothing on the console, nothing wider than
# the screen, nothing that axe finds, no script of a hostile POM at work; searching, paging and the keyboard work.
# Screenshots are left in target/e2e/screenshots/.
source "$(dirname "$0")/../lib.sh"

BROWSER=$CLIENTS/browser
[[ -d $BROWSER/node_modules/axe-core ]] || fail "the browser's driver is missing; e2e/install installs it"

# make_described_pom ARTIFACT DESCRIPTION: a POM of org.example, on stdout; the description is XML.
make_described_pom() {
    local pom
    pom=$(make_pom org.example "$1" 1.0.0)
    printf '%s<description>%s</description></project>\n' "${pom%</project>}" "$2"
}

# deploy_described ARTIFACT DESCRIPTION
deploy_described() {
    local path=org/example/$1/1.0.0/$1-1.0.0
    make_described_pom "$1" "$2" >described.pom
    put 201 small.jar "$path.jar"
    put 201 described.pom "$path.pom"
}

serve_with_token
make_jar small.jar

step "an empty registry, then one with a bit of everything"
quietly browse-empty.log node "$E2E/tools/browse_pages.mjs" "$BROWSER" "$SERVER_URL" "$ROOT/target/e2e/screenshots" empty
for number in $(seq 30); do
    deploy_described "many-$number" "One of many things that a list has to show, with a sentence to say what it is for."
done
# Two thousand characters, marks that turn text around, and what would like to be markup, escaped as XML wants it.
long=$(printf 'and so on %.0s' $(seq 200))
deploy_described markup "&lt;script&gt;document.title='owned';alert(1)&lt;/script&gt; &lt;img src=x onerror=alert(2)&gt; &#x202e;turned around&#x2066; $long"
deploy_described "a-name-that-is-as-long-as-names-of-artifacts-get-when-nobody-stops-those-who-give-them" "Long names."
deploy_described rtl "&#x645;&#x643;&#x62a;&#x628;&#x629; &#x644;&#x644;&#x62a;&#x62d;&#x64a;&#x629;"
deploy_described greeting "Says hello to people, and to everybody else who listens."

step "the index has it"
finds_greeting() { curl -sf "$SERVER_URL/api/v1/search?q=greeting" | grep -qF '"total":1'; }
wait_for finds_greeting

step "every page in light and dark, at 360, 768 and 1280 pixels"
quietly browse.log node "$E2E/tools/browse_pages.mjs" "$BROWSER" "$SERVER_URL" "$ROOT/target/e2e/screenshots"
