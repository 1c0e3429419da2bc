#!/usr/bin/env bash
# A kill can't show a sync that is missing, because the kernel keeps what was written. So the system calls of the server
# are looked at while it takes one deploy: its files and folders are synced before its event, the event before the files
# get their place, and that before the client reads 201; the folders of that place before the names in the upload go.
source "$(dirname "$0")/../lib.sh"

cat >traced <<SH
#!/bin/sh
exec strace -D -f -y -s 100 -o trace -e trace=fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,write,writev,pwrite64,sendto \\
    '$LOGJAR' "\$@"
SH
chmod +x traced

step "a server whose system calls are written down"
LOGJAR=$PWD/traced start_server
make_user_and_token amy
make_jar synced.jar
make_pom org.example synced 1.0 >synced.pom

step "one deploy"
put 201 synced.jar org/example/synced/1.0/synced-1.0.jar
put 201 synced.pom org/example/synced/1.0/synced-1.0.pom
get 200 org/example/synced/1.0/synced-1.0.jar
stop_server

step "its order"
python3 "$E2E/tools/check_syncs.py" trace
