# shellcheck shell=bash
# Leiningen for scenarios: its settings, its local repository, and deploys of the small library of `e2e/projects/`.
# Sourced after `lib.sh` and `maven.sh`.

# prepare_leiningen: it refuses plain http unless it is told how to speak it. Clojure itself comes from a folder, as no
# server of somebody else is part of the story.
prepare_leiningen() {
    export LEIN_HOME=$WORK/leiningen REPOSITORY_URL LJ_USER=$USER_NAME LJ_TOKEN=$TOKEN
    mkdir "$LEIN_HOME"
    cat >"$LEIN_HOME/init.clj" <<'CLOJURE'
(require 'cemerick.pomegranate.aether)
(cemerick.pomegranate.aether/register-wagon-factory! "http" #(org.apache.maven.wagon.providers.http.HttpWagon.))
CLOJURE
    empty_local_repository
}

empty_local_repository() {
    rm -rf "$WORK/local-repository"
    cat >"$LEIN_HOME/profiles.clj" <<CLOJURE
{:user {:local-repo "$WORK/local-repository"
        :mirrors {#"central|clojars" {:name "clojure" :url "file://$CLIENTS/clojure-repository"}}}}
CLOJURE
}

# lein_deploy VERSION GREETING signed|unsigned
lein_deploy() {
    make_project leiningen-library library "$1" "$2"
    (cd library && lein deploy "$3")
}

# with_leiningen CLOJURE: evaluates an expression with Leiningen's own classes.
with_leiningen() {
    java -XX:TieredStopAtLevel=1 -cp /usr/share/java/leiningen.jar:/usr/share/java/clojure.jar clojure.main -e "$1"
}
