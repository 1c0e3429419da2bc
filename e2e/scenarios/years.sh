#!/usr/bin/env bash
# Years on one disk: the log of a made-up registry with continuous integration (`--long`: a million lines) is rolled,
# compressed and collapsed, by a server that is killed meanwhile, and somebody is erased. Hundreds of addresses give the
# answers of before: metadata, listings, artifacts, searches, what is recent, a download. State and root are equal, and
# nothing of who was erased is left.
source "$(dirname "$0")/../lib.sh"

DAYS=12 KILLS=4 PAUSE=150
((E2E_LONG == 0)) || DAYS=500 KILLS=12 PAUSE=3000
GENERATE=$ROOT/target/release/examples/generate
[[ -x $GENERATE ]] || fail "$GENERATE is missing; cargo build --release --examples makes it"

# ask FOLDER: the answers of all addresses, without what tells the time, and how often it was asked: a kill loses counts.
ask() {
    mkdir "$1"
    local number=0 path
    while read -r path; do
        number=$((number + 1))
        curl -sS -w '%{http_code}' -o "$1/$number.body" "$SERVER_URL$path" >"$1/$number.code"
        sed -i -E 's/(just now|[0-9]+ (second|minute|hour|day|week|month|year)s? ago)/then/g
            s/"downloads":[0-9]+|[0-9]+ downloads?/downloads/g' "$1/$number.body"
    done <addresses
}

# assert_same_answers WHAT
assert_same_answers() {
    wait_for search_is_ready
    rm -rf after
    ask after
    diff -r before after >answers.diff || fail "other answers after $1: $(head -n 20 answers.diff)"
}

search_is_ready() {
    curl -sf "$SERVER_URL/health/ready" >ready.json &&
        python3 -c 'import json; ready = json.load(open("ready.json")); assert ready["search"]["position"] == ready["position"]' 2>/dev/null
}

# write_addresses: some for each artifact.
write_addresses() {
    curl -sf "$SERVER_URL/api/v1/recent?limit=100" >recent.json
    python3 - <<'PYTHON' >addresses
import json, subprocess
found = {(each["group"], each["artifact"]) for each in json.load(open("recent.json"))["deploys"]}
for group, artifact in sorted(found):
    folder = f"/repo/{group.replace('.', '/')}/{artifact}/"
    for path in (folder, folder + "maven-metadata.xml", folder + "1.0-SNAPSHOT/maven-metadata.xml",
                 folder + "1.0-SNAPSHOT/maven-metadata.xml.sha1", f"/api/artifacts/{group}/{artifact}",
                 f"/api/groups/{group}", f"/search?q={artifact}", f"/search?format=json&q={artifact}"):
        print(path)
for path in ("/", "/repo/", "/api/v1/recent", "/repo/org/example/real/1.0/real-1.0.jar", "/repo/org/example/real/1.0/"):
    print(path)
PYTHON
}

step "$DAYS days of continuous integration"
"$GENERATE" --data "$DATA" --artifacts 40 --users 10 --ci-days "$DAYS" >generated.json
cat generated.json
serve_with_token
logjar user add zzgone --email zzgone@mail.example >>commands.log 2>&1 </dev/null || fail "$(cat commands.log)"
logjar token create --user zzgone --name "zz gone" >>commands.log 2>&1
echo "a real jar" >real.jar
put 201 real.jar org/example/real/1.0/real-1.0.jar
printf '<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>real</artifactId><version>1.0</version></project>' >real.pom
put 201 real.pom org/example/real/1.0/real-1.0.pom
wait_for search_is_ready
wait_for curl -sf -o /dev/null "$SERVER_URL/repo/org/example/real/1.0/real-1.0.jar"
write_addresses
(($(wc -l <addresses) > 300)) || fail "only $(wc -l <addresses) addresses"
ask before
digest=$(logjar log digest)

step "a copy of the folder, collapsed in one go"
stop_server
cp -a "$DATA" "$DATA.copy"
"$LOGJAR" --data "$DATA.copy" log collapse | tee collapsed.copy
start_server

step "collapsed in steps, by a server that is killed meanwhile"
older_than=$((DAYS / 2))d
for ((kill = 1; kill <= KILLS; kill++)); do
    if ((kill > KILLS / 2)) && [[ $older_than != 0 ]]; then
        logjar log collapse --older-than "$older_than" | tail -n 1
        older_than=0
    fi
    logjar log collapse --older-than "$older_than" >>collapse.log 2>&1 &
    BACKGROUND_PIDS=("$!")
    pause=$((RANDOM % PAUSE))
    sleep "$((pause / 100)).$(printf '%02d' $((pause % 100)))"
    kill9_server
    wait "${BACKGROUND_PIDS[0]}" 2>/dev/null || true
    start_server
    assert_equal "log digest after kill $kill" "$digest" "$(logjar log digest)"
done
logjar log collapse | tee collapsed
logjar log stat | tail -n 3
assert_same_answers "collapsing"
assert_equal "log digest after collapsing" "$digest" "$(logjar log digest)"
lines=$(logjar log cat --archive | wc -l)
last=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["seq"])' "$digest")
assert_equal "lines with the archive" "$last" "$lines"
"$LOGJAR" --data "$DATA.copy" log cat >left.copy
logjar log cat >left
python3 - <<'PYTHON' || fail "the copy that was collapsed in one go has other lines: $(cat left.diff)"
import datetime, json, sys
# Lines of the last day stay, and a day ago was earlier for the one than for the other.
until = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)).isoformat()
def left(name):
    lines = (json.loads(line) for line in open(name))
    return {line["seq"] for line in lines if line.get("at", "9") < until}
differ = sorted(left("left") ^ left("left.copy"))
print(len(differ), differ[:20], file=open("left.diff", "w"))
sys.exit(bool(differ) or len(left("left")) < 100)
PYTHON
rm -rf "$DATA.copy"

step "somebody is erased"
logjar user erase zzgone --yes
assert_same_answers "erasing"
find "$DATA" -type f ! -name '*.zst' -exec grep -l zzgone {} + >left && fail "zzgone is in $(cat left)"
while read -r file; do
    ! zstdcat "$file" | grep -q zzgone || fail "zzgone is in $file"
done < <(find "$DATA" -name '*.zst')
logjar log verify

step "killed, and started without derived/"
digest=$(logjar log digest)
kill9_server
start_server
assert_same_answers "kill -9"
stop_server
rm -rf "$DATA/derived"
start_server
assert_same_answers "a start without derived/"
assert_equal "log digest in the end" "$digest" "$(logjar log digest)"
