#!/usr/bin/env bash
# Maven 3.8.7, as Debian has it, the last of the wagon transport: it shows its user the reason phrase of a refusal and
# never the body. Release, repeated and refused release, snapshot, single file, files signed by hand, five modules at once.
source "$(dirname "$0")/../lib.sh"
source "$E2E/maven.sh"
source "$E2E/stories.sh"
export MAVEN=3.8.7

# Without maven-gpg-plugin: signatures made by hand go along as classified files, and this Maven sends no sums of them.
hand_signed_story() {
    step "Maven $MAVEN deploys files that were signed by hand"
    cp published.jar signed-by-hand.jar
    make_pom org.example hand 1.0 >hand.pom
    gpg --batch --quiet --armor --detach-sign signed-by-hand.jar
    gpg --batch --quiet --armor --detach-sign hand.pom
    quietly hand.log deploy_file "$DEPLOYER" signed-by-hand.jar org.example hand 1.0 \
        -DpomFile=hand.pom -Dfiles=signed-by-hand.jar.asc,hand.pom.asc -Dtypes=jar.asc,pom.asc -Dclassifiers=,
    assert_signature org/example/hand/1.0/hand-1.0.jar
    assert_signature org/example/hand/1.0/hand-1.0.pom
}

begin_story
release_story
repeated_release_story
refused_release_story phrase
snapshot_story
deploy_file_story
hand_signed_story
modules_story
end_of_story
