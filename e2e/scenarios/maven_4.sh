#!/usr/bin/env bash
# Maven 4.0.0-rc-5, which sends each first file without credentials, a consumer POM beside the build POM, and prints
# nothing of a refusal but its number; with the apache transport it prints the problem document.
# Release, repeated release, refused ones with both transports, snapshot, single file, five modules at once.
source "$(dirname "$0")/../lib.sh"
source "$E2E/maven.sh"
source "$E2E/stories.sh"
export MAVEN=4.0.0-rc-5

begin_story
release_story
repeated_release_story
refused_release_story nothing
refused_release_story detail -Dmaven.resolver.transport=apache
snapshot_story
deploy_file_story
modules_story
end_of_story
