#!/usr/bin/env bash
# What `logjar snippet` prints is pasted into fresh projects and fresh home folders, where its comments say, with nothing
# but the placeholders filled in; then the real tools deploy and resolve with it: over http to an address that Maven
# blocks (of this machine's own it lets pass only 127.0.0.1), in a repository for everybody and in one for users.
source "$(dirname "$0")/../lib.sh"
source "$E2E/maven.sh"

CLOJURE_REPOSITORY=file://$CLIENTS/clojure-repository

# new_home: from now on the tools find an empty home folder.
new_home() {
    export HOME=$WORK/home JAVA_TOOL_OPTIONS="-Duser.home=$WORK/home"
    rm -rf "$HOME"
    mkdir -p "$HOME"
    unset LJ_USER LJ_TOKEN CLOJURE_CLI_ALLOW_HTTP_REPO
}

# paste FOLDER ARGUMENTS…: has `logjar snippet ARGUMENTS…` print a snippet and puts each block of it where the block's
# comment says: as a file into the home folder, into the shell, or into a file of the project in FOLDER, which says
# `PASTE HERE` where that is.
paste() {
    local folder=$1 block head file
    shift
    logjar snippet "$@" >printed
    rm -rf blocks
    mkdir blocks
    awk -v RS= '{ file = "blocks/" NR; print >file; close(file) }' printed
    for block in blocks/*; do
        sed -i "s/YOUR-NAME/$USER_NAME/; s/YOUR-TOKEN/$TOKEN/; s/YOUR-POM.xml/library.pom/; s/YOUR-LIBRARY.jar/library.jar/" "$block"
        head=$(head -n 1 "$block")
        if [[ $head == '# In the shell'* ]]; then
            # shellcheck disable=SC1090
            source "$block"
        elif file=$(grep -oE '[~]/[A-Za-z0-9./-]+' <<<"$head"); then
            mkdir -p "$(dirname "$HOME/${file#\~/}")"
            cp "$block" "$HOME/${file#\~/}"
        else
            file=$folder/$(grep -oE -m 1 '[a-z]+\.(xml|clj|edn|sbt)' <<<"$head")
            assert_contains "$file" 'PASTE HERE'
            sed -i "/PASTE HERE/r $block" "$file"
        fi
    done
}

# ---- Maven ------------------------------------------------------------------------------------------------------

# mvn ARGUMENTS…: Maven `$MAVEN` with the settings that lie in the home folder.
mvn() {
    "$(maven_program)" --batch-mode --no-transfer-progress -Dstyle.color=never \
        "-Dmaven.repo.local=$LOCAL_REPOSITORY" "-Dmaven.repo.local.tail=$PLUGINS" "$@"
}

# maven_project TEMPLATE VERSION: one of e2e/projects/, whose POM takes a snippet at its end.
maven_project() {
    make_project "$1" "$1" "$2" "hello from $2"
    sed -i 's|^</project>|<!-- PASTE HERE -->\n&|' "$1/pom.xml"
}

# maven_story REPOSITORY VERSION
maven_story() {
    LOCAL_REPOSITORY=$(fresh_local_repository deploying)
    new_home
    maven_project tiny "$2"
    paste tiny maven --deploy --repository "$1"
    quietly deploy.log mvn -f tiny/pom.xml -Dgpg.skip deploy

    LOCAL_REPOSITORY=$(fresh_local_repository resolving)
    new_home
    maven_project consumer "$2"
    paste consumer maven --repository "$1"
    quietly consumer.log mvn -f consumer/pom.xml compile \
        "$DEPENDENCY_PLUGIN:build-classpath" -Dmdep.outputFile="$WORK/consumer.classpath"
    assert_contains consumer.classpath "$LOCAL_REPOSITORY/"
    assert_equal "what the consumer prints" "hello from $2" \
        "$(java -cp "consumer/target/classes:$(cat consumer.classpath)" org.example.consumer.Main 2>/dev/null)"

    # Without what the snippet has for settings.xml.
    LOCAL_REPOSITORY=$(fresh_local_repository blocked)
    new_home
    if mvn -f consumer/pom.xml compile >blocked.log 2>&1; then
        fail "Maven $MAVEN needs no settings for $SERVER_URL"
    fi
    assert_contains blocked.log maven-default-http-blocker
}

# ---- Leiningen --------------------------------------------------------------------------------------------------

# lein_home: an empty home but that Clojure itself comes from a folder, as no server of somebody else is part of the
# story.
lein_home() {
    new_home
    mkdir "$HOME/.lein"
    cat >"$HOME/.lein/profiles.clj" <<CLOJURE
{:user {:local-repo "$HOME/local-repository"
        :mirrors {#"central|clojars" {:name "clojure" :url "$CLOJURE_REPOSITORY"}}}}
CLOJURE
}

# lein_story REPOSITORY ID VERSION
lein_story() {
    lein_home
    make_project leiningen-library library "$3" "hello from Leiningen"
    cat >library/project.clj <<CLOJURE
(defproject net.example/demo "$3"
  ;; PASTE HERE
  :dependencies [[org.clojure/clojure "1.11.1"]])
CLOJURE
    paste library lein --deploy --repository "$1"
    quietly deploy.log bash -c "cd library && lein deploy $2"

    lein_home
    make_project leiningen-application application 1
    cat >application/project.clj <<CLOJURE
(defproject application "1"
  ;; PASTE HERE
  :dependencies [[org.clojure/clojure "1.11.1"] [net.example/demo "$3"]]
  :main application)
CLOJURE
    paste application lein --repository "$1"
    quietly run.log bash -c 'cd application && lein run'
    assert_equal "what the application prints" "hello from Leiningen" "$(tail -n 1 run.log)"
}

# ---- tools.deps -------------------------------------------------------------------------------------------------

# What the `clojure` command does, in a shell: the basis of deps.edn, with Clojure itself from a folder.
cat >basis.clj <<CLOJURE
(require '[clojure.tools.deps :as deps] '[clojure.edn :as edn] '[clojure.string :as string])
(def folder {:url "$CLOJURE_REPOSITORY"})
(def basis (deps/create-basis {:root {:mvn/repos {"central" folder "clojars" folder}}
                               :user nil
                               :project (edn/read-string (slurp "deps.edn"))}))
(print (string/join ":" (:classpath-roots basis)))
(flush)
CLOJURE

# deps_resolve REPOSITORY VERSION: resolves what Leiningen deployed.
deps_resolve() {
    new_home
    rm -rf using
    make_project leiningen-application using 1
    cat >using/deps.edn <<CLOJURE
{:paths ["src"]
 ;; PASTE HERE
 :deps {org.clojure/clojure {:mvn/version "1.11.1"}
        net.example/demo {:mvn/version "$2"}}}
CLOJURE
    paste using deps --repository "$1"
    (cd using && java -cp "$CLIENTS/tools-deps/*" clojure.main ../basis.clj) >using.classpath 2>basis.log ||
        fail "tools.deps: $(tail -n 20 basis.log)"
    assert_contains using.classpath "$HOME/.m2/repository/net/example/demo/$2/demo-$2.jar"
    assert_equal "what the program prints" "hello from Leiningen" \
        "$(cd using && java -cp "$(cat ../using.classpath)" clojure.main -m application 2>/dev/null)"
}

# deps_deploy REPOSITORY: a jar and a POM; the pasted block itself runs Maven.
deps_deploy() {
    LOCAL_REPOSITORY=$(fresh_local_repository deps)
    new_home
    make_jar library.jar
    make_pom org.example with-deps 1.0.0 >library.pom
    quietly deploy.log paste . deps --deploy --repository "$1"
    curl -sf -u "$USER_NAME:$TOKEN" -o answer.body \
        "$SERVER_URL/repository/$1/org/example/with-deps/1.0.0/with-deps-1.0.0.jar" || fail "nothing was deployed"
    cmp -s answer.body library.jar || fail "other bytes were deployed"
}

# -----------------------------------------------------------------------------------------------------------------

export SERVER_HOST=127.0.0.2
serve_with_token
quietly commands.log logjar repo create team-a --read signed-in

for MAVEN in 3.8.7 3.9.16 4.0.0-rc-5; do
    step "Maven $MAVEN: deploy and resolve"
    maven_story repo "1.0-$MAVEN"
done
MAVEN=3.9.16
step "Maven $MAVEN, in a repository for users"
maven_story team-a 1.0

step "Leiningen: deploy and resolve"
lein_story repo logjar 1.0.0
step "Leiningen, in a repository for users"
lein_story team-a logjar-team-a 2.0.0

step "tools.deps: resolve"
deps_resolve repo 1.0.0
step "tools.deps, in a repository for users"
deps_resolve team-a 2.0.0
step "tools.deps: deploy, by Maven"
deps_deploy repo
deps_deploy team-a

assert_equal "deploys on the log" 8 "$(count_events version.deployed)"
assert_no_open_deploys
stop_server
assert_log_sound
