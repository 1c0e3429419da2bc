#!/usr/bin/env bash
# The disk runs full and is freed again. While it is full, deploys are refused with 507 and a reason, and downloads go on;
# a kill -9 and a start in that state change nothing; within ten seconds of space being free deploys work again, and
# nothing was lost. The data folder is a file system of 32 MiB in a mount namespace of this scenario, which ends with it.
# Needs root or unprivileged user namespaces.

source "$(dirname "$0")/../lib.sh"
with_own_mounts

# assert_refuses_for_space VERSION: a deploy that does not fit is refused as such.
assert_refuses_for_space() {
    make_pom org.example disk "$1" >disk.pom
    put 507 disk.jar "org/example/disk/$1/disk-$1.jar"
    echo "         the reason: $(refusal_reason)"
    [[ -n $(refusal_phrase) ]] || fail "no reason phrase"
}

# assert_works_within_10_s VERSION: time passes only while the answer is 507 or 503.
assert_works_within_10_s() {
    local deadline=$((SECONDS + 10)) status
    make_pom org.example disk "$1" >disk.pom
    for file in disk.jar disk.pom; do
        while true; do
            status=$(curl -s -o answer.body -w '%{http_code}' -u "$USER_NAME:$TOKEN" -T "$file" \
                "${REPOSITORY_URL}org/example/disk/$1/disk-$1.${file##*.}")
            [[ $status == 201 ]] && break
            [[ $status == 507 || $status == 503 ]] || fail "$file of $1: $status $(cat answer.body)"
            ((SECONDS <= deadline)) || fail "still $status ten seconds after space was freed: $(cat answer.body)"
            sleep 0.2
        done
    done
    assert_serves "org/example/disk/$1/disk-$1.jar" disk.jar
}

mount_small_disk 32M
make_jar disk.jar 500000
serve_with_token
make_pom org.example disk 1.0 >disk.pom
put 201 disk.jar org/example/disk/1.0/disk-1.0.jar
put 201 disk.pom org/example/disk/1.0/disk-1.0.pom

step "the disk is full"
fill_disk
assert_refuses_for_space 1.1
assert_serves org/example/disk/1.0/disk-1.0.jar disk.jar
get 404 org/example/disk/1.1/disk-1.1.jar

step "space is freed"
rm "$DATA/.filler"
assert_works_within_10_s 1.1

step "the disk is full, and the server is killed and started"
fill_disk
assert_refuses_for_space 1.2
kill9_server
start_server
assert_serves org/example/disk/1.0/disk-1.0.jar disk.jar
assert_serves org/example/disk/1.1/disk-1.1.jar disk.jar
get 200 org/example/disk/maven-metadata.xml
assert_contains answer.body "<version>1.1</version>"

step "space is freed"
rm "$DATA/.filler"
assert_works_within_10_s 1.2
get 200 org/example/disk/maven-metadata.xml
for version in 1.0 1.1 1.2; do
    assert_contains answer.body "<version>$version</version>"
done
assert_equal "deploys on the log" 3 "$(count_events version.deployed)"
assert_no_open_deploys
stop_server
assert_log_sound
umount "$DATA"
