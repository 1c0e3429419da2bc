#!/usr/bin/env bash
# Maven 3.9.16, whose own transport sends files over up to five connections and shows its user the problem document of
# a refusal. Release, repeated and refused release, snapshot, single file, five modules at once.
source "$(dirname "$0")/../lib.sh"
source "$E2E/maven.sh"
source "$E2E/stories.sh"
export MAVEN=3.9.16

begin_story
release_story
repeated_release_story
refused_release_story detail
snapshot_story
deploy_file_story
modules_story
end_of_story
