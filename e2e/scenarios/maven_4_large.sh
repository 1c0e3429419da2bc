#!/usr/bin/env bash
# Maven 4's own transport sends the whole first file before it reads the challenge, 80 MB here. A server that answers 401
# and closes at once loses some of these deploys, with the right password: "header parser received no bytes".
# Twenty out of twenty must succeed.
source "$(dirname "$0")/../lib.sh"
source "$E2E/maven.sh"
export MAVEN=4.0.0-rc-5
RUNS=20
succeeded=0

serve_with_token
write_settings
make_jar large.jar 80000000
local_repository=$(fresh_local_repository deployer)

# Every deploy is of an artifact of its own, as Maven asks for nothing twice in one artifact's life then.
step "$RUNS deploys of 80 MB"
for ((run = 1; run <= RUNS; run++)); do
    if deploy_file "$local_repository" large.jar org.example.large "large-$run" 1.0 -DgeneratePom=true >"run-$run.log" 2>&1; then
        succeeded=$((succeeded + 1))
    else
        tail -n 12 "run-$run.log"
    fi
done
assert_equal "deploys that succeeded" "$RUNS" "$succeeded"
assert_equal "deploys on the log" "$RUNS" "$(count_events version.deployed)"

step "what was deployed is whole"
for run in 1 "$RUNS"; do
    assert_serves "org/example/large/large-$run/1.0/large-$run-1.0.jar" large.jar
done
assert_no_open_deploys
