#!/usr/bin/env bash
# The configurations of nginx and Caddy in docs/operating.md, at a name of their own and below a path, each in front of
# a server with the `public_url` that stands beside them: a deploy and a download go through, names with a plus and a
# percent sign come undecoded, the reason of a refusal arrives, and every address that the server makes leads back through
# the proxy. Only what the machine has not is replaced: names and certificates.
source "$(dirname "$0")/../lib.sh"

PAGE=docs/operating.md
PATH=$PATH:/usr/sbin:/sbin
read -r SERVER_PORT PROXY_PORT < <(python3 -c '
import socket
held = [socket.socket() for _ in range(2)]
[each.bind(("127.0.0.1", 0)) for each in held]
print(*[each.getsockname()[1] for each in held])')

# through PATH [CURL OPTIONS…]: asks the proxy, and shows nothing but the status.
through() {
    local path=$1
    shift
    curl -s -o answer.body -D answer.head -w '%{http_code}' "$@" "http://127.0.0.1:$PROXY_PORT$path"
}

# start_nginx BLOCK
start_nginx() {
    mkdir -p nginx
    {
        printf 'daemon off; pid %s/nginx/pid; error_log stderr;\n' "$WORK"
        ((EUID != 0)) || echo 'user root;'
        printf 'events {}\nhttp {\n'
        printf '%s_temp_path %s/nginx/%s;\n' client_body "$WORK" body proxy "$WORK" proxy fastcgi "$WORK" fastcgi \
            uwsgi "$WORK" uwsgi scgi "$WORK" scgi
        echo 'access_log off;'
        documented "$1" "$PAGE" | sed -e "s/listen 443 ssl;/listen 127.0.0.1:$PROXY_PORT;/" -e "s/127\.0\.0\.1:8930/127.0.0.1:$SERVER_PORT/"
        echo '}'
    } >nginx.conf
    in_background nginx -e stderr -c "$WORK/nginx.conf" 2>proxy.log
}

# start_caddy BLOCK
start_caddy() {
    {
        printf '{\n    admin off\n    auto_https off\n}\n'
        documented "$1" "$PAGE" | sed -e "s,^[a-z.]*example.org {,http://127.0.0.1:$PROXY_PORT {," -e "s/127\.0\.0\.1:8930/127.0.0.1:$SERVER_PORT/"
    } >Caddyfile
    HOME=$WORK in_background caddy run --config "$WORK/Caddyfile" --adapter caddyfile 2>proxy.log
}

# story PROXY BLOCK PREFIX: PREFIX is the path of `public_url`.
story() {
    local proxy=$1 block=$2 prefix=$3 repository pid status
    step "$proxy, ${prefix:-at the root}"
    rm -rf "$DATA"
    serve_with_token
    "start_$proxy" "$block"
    pid=$!
    for _ in $(seq 100); do
        [[ $(through "$prefix/health/ready") == 200 ]] && break
        sleep 0.1
    done
    repository=$prefix/repository/repo
    make_pom org.example 'lib+x' 1.0 >lib.pom
    make_jar lib.jar
    status=$(through "$repository/org/example/lib%2Bx/1.0/lib+x-1.0.pom" -u "$USER_NAME:$TOKEN" -T lib.pom)
    assert_equal "the POM" 201 "$status"
    status=$(through "$repository/org/example/lib+x/1.0/lib%2Bx-1.0.jar" -u "$USER_NAME:$TOKEN" -T lib.jar)
    assert_equal "the jar" 201 "$status"
    assert_equal "the download" 200 "$(through "$repository/org/example/lib%2bx/1.0/lib+x-1.0.jar")"
    cmp -s answer.body lib.jar || fail "the download has other bytes"

    make_jar other.jar
    status=$(through "$repository/org/example/lib+x/1.0/lib+x-1.0.jar" -u "$USER_NAME:$TOKEN" -T other.jar)
    assert_equal "other bytes" 403 "$status"
    refusal_reason | grep -q 'lib+x' || fail "the reason of the refusal is lost: $(cat answer.body)"
    [[ $proxy == caddy ]] || refusal_phrase | grep -q 'lib+x' || fail "the reason phrase is lost: $(cat answer.head)"
    assert_equal "an encoded slash" 400 "$(through "$repository/org%2Fexample/")"

    assert_equal "a folder without its slash" 301 "$(through "$repository/org/example")"
    grep -qi "^location: $PUBLIC_URL/repository/repo/org/example/" answer.head ||
        grep -qi "^location: $PUBLIC_URL/repo" answer.head || fail "the redirect leaves the proxy: $(cat answer.head)"
    assert_equal "a snippet" 200 "$(through "$prefix/api/v1/snippets/maven")"
    assert_contains answer.body "$PUBLIC_URL/repo"
    assert_equal "the first page" 200 "$(through "$prefix/")"
    assert_contains answer.body "$PUBLIC_URL/"
    # Whoever asks from an address that is trusted may name another one.
    status=$(through "$repository/org/example/x/1/x-1.jar" -u "$USER_NAME:wrong" -T lib.jar)
    assert_equal "a wrong token" 401 "$status"
    latest_refusals | grep -q '127\.0\.0\.1' || fail "the refusal does not name the client"
    kill -TERM "$pid"
    wait "$pid" 2>/dev/null || true
    stop_server
}

for prefix in '' /maven; do
    PUBLIC_URL=http://localhost:$PROXY_PORT$prefix
    export LOGJAR_PUBLIC_URL=$PUBLIC_URL LOGJAR_TRUSTED_PROXIES=127.0.0.1
    story nginx "nginx${prefix:+-path}" "$prefix"
    story caddy "caddy${prefix:+-path}" "$prefix"
done
