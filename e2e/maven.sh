# shellcheck shell=bash
# Maven for scenarios: three versions, local repositories, settings, and the small projects of `e2e/projects/`.
# Sourced after `lib.sh`.

MAVEN=${MAVEN:-3.9.16}
PLUGINS=$CLIENTS/local-repository # warmed by e2e/install; scenarios only read it
DEPLOY_PLUGIN=org.apache.maven.plugins:maven-deploy-plugin:3.1.4
DEPENDENCY_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.8.1

# These builds last two seconds, too short for the second compiler to pay.
export MAVEN_OPTS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

# maven_program: the launcher of version `$MAVEN`; 3.8.7 is Debian's.
maven_program() {
    case $MAVEN in
    3.8*) echo /usr/share/maven/bin/mvn ;;
    *) echo "$CLIENTS/apache-maven-$MAVEN/bin/mvn" ;;
    esac
}

# fresh_local_repository NAME: prints the path of a new local repository that holds nothing of ours. Maven 3.9 and 4 see
# the plugins behind it through `maven.repo.local.tail`; 3.8 has no such thing and gets a copy of them.
fresh_local_repository() {
    local path=$WORK/local-repository-$1
    rm -rf "$path"
    case $MAVEN in
    3.8*) cp -a "$PLUGINS" "$path" ;;
    *) mkdir "$path" ;;
    esac
    echo "$path"
}

# maven_command LOCAL_REPOSITORY: sets MAVEN_COMMAND to the command line of Maven `$MAVEN`, up to the goals.
maven_command() {
    MAVEN_COMMAND=("$(maven_program)" --batch-mode --no-transfer-progress -Dstyle.color=never
        --settings "$WORK/settings.xml" "-Dmaven.repo.local=$1" "-Dmaven.repo.local.tail=$PLUGINS")
}

# maven LOCAL_REPOSITORY ARGUMENTS…: runs it.
maven() {
    maven_command "$1"
    "${MAVEN_COMMAND[@]}" "${@:2}"
}

# write_settings: settings.xml with the token as the password of `logjar`, and the server as a repository to read.
write_settings() {
    cat >"$WORK/settings.xml" <<XML
<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0">
  <servers><server><id>logjar</id><username>$USER_NAME</username><password>$TOKEN</password></server></servers>
  <profiles><profile><id>logjar</id><repositories><repository><id>logjar</id><url>$REPOSITORY_URL</url>
    <releases><enabled>true</enabled><checksumPolicy>fail</checksumPolicy></releases>
    <snapshots><enabled>true</enabled><checksumPolicy>fail</checksumPolicy></snapshots></repository></repositories></profile></profiles>
  <activeProfiles><activeProfile>logjar</activeProfile></activeProfiles>
</settings>
XML
}

# make_project TEMPLATE FOLDER VERSION [GREETING]: a project of e2e/projects/ with its blanks filled in.
make_project() {
    rm -rf "$2"
    cp -r "$E2E/projects/$1" "$2"
    find "$2" -type f -exec sed -i "s|@VERSION@|$3|g; s|@GREETING@|${4:-}|g" {} +
}

# make_runnable_jar FILE LINE: a jar whose class org.example.tiny.Greeting prints a line; it holds no POM.
make_runnable_jar() {
    make_project tiny source 1 "$2"
    javac -d classes source/src/main/java/org/example/tiny/Greeting.java
    (cd classes && zip -q -r "$WORK/$1" org)
}

# deploy FOLDER LOCAL_REPOSITORY ARGUMENTS…: `mvn ARGUMENTS… deploy` of a project to this server, without signatures
# unless `GPG_SKIP=false`. (Maven 4 writes properties of the command line into the POM if the POM has them; this one it
# has not, so that signed or not the POM is the same.)
deploy() {
    local folder=$1 local_repository=$2
    shift 2
    (
        cd "$folder" || exit
        maven "$local_repository" "-DaltDeploymentRepository=logjar::$REPOSITORY_URL" "-Dgpg.skip=${GPG_SKIP:-true}" "$@" deploy
    )
}

# deploy_file LOCAL_REPOSITORY FILE GROUP ARTIFACT VERSION ARGUMENTS…
deploy_file() {
    local local_repository=$1 file=$2 group=$3 artifact=$4 version=$5
    shift 5
    maven "$local_repository" "$DEPLOY_PLUGIN:deploy-file" "-Dfile=$file" "-DgroupId=$group" "-DartifactId=$artifact" \
        "-Dversion=$version" -Dpackaging=jar -DrepositoryId=logjar "-Durl=$REPOSITORY_URL" "$@"
}

# run_consumer LIBRARY_VERSION LOCAL_REPOSITORY EXPECTED ARGUMENTS…: a program that uses `org.example:tiny` is compiled
# and run with what Maven resolved, and must print the expected line.
run_consumer() {
    local version=$1 local_repository=$2 expected=$3
    shift 3
    make_project consumer consumer "$version"
    quietly consumer.log maven "$local_repository" -f consumer/pom.xml compile \
        "$DEPENDENCY_PLUGIN:build-classpath" -Dmdep.outputFile="$WORK/consumer.classpath" "$@"
    assert_contains consumer.classpath "$local_repository/"
    assert_equal "what the consumer prints" "$expected" \
        "$(java -cp "consumer/target/classes:$(cat consumer.classpath)" org.example.consumer.Main)"
}

# make_signing_key: a key without a passphrase in a keyring of this scenario; kept short, as sockets need short paths.
make_signing_key() {
    GNUPGHOME=$(mktemp -d)
    export GNUPGHOME
    gpg --batch --quiet --pinentry-mode loopback --passphrase '' \
        --quick-gen-key 'Alice <alice@example.org>' ed25519 sign never 2>>gpg.log
}

# assert_signature PATH: the file and its .asc are served, and the one signs the other.
assert_signature() {
    get 200 "$1"
    cp answer.body signed
    get 200 "$1.asc"
    cp answer.body signed.asc
    gpg --batch --quiet --verify signed.asc signed 2>gpg.log || fail "bad signature of $1: $(cat gpg.log)"
}
