# A PostgreSQL server on loopback for as long as standard input is open; the data goes with it.
# Arguments: the folder of the programs, the port, the user, the password.
set -e
# It goes on to its end when the tests are interrupted, or are gone before it can say that it is ready.
trap '' INT HUP TERM PIPE
export PATH="$1:$PATH" LC_ALL=C
data=$(mktemp -d)
trap 'pg_ctl -D "$data/db" -m immediate stop >/dev/null 2>&1; rm -rf "$data"' EXIT
printf '%s\n' "$4" >"$data/password"
initdb -D "$data/db" -U "$3" --pwfile "$data/password" --auth scram-sha-256 --encoding UTF8 --no-sync >"$data/log" 2>&1 ||
    { cat "$data/log" >&2; exit 1; }
options="-h 127.0.0.1 -p $2 -k '$data' -F -c max_connections=200 -c full_page_writes=off -c synchronous_commit=off"
pg_ctl -D "$data/db" -w -l "$data/log" -o "$options" start >/dev/null || { cat "$data/log" >&2; exit 1; }
echo ready
cat >/dev/null
