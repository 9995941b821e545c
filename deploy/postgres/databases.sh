#!/bin/bash
# Gives each service a role and a database of its own, and each role the password that its secret holds now.
# It runs at every start and not only at the first, so that a new password is a new file, and a new service a new word.
set -euo pipefail
PGPASSWORD=$(</run/secrets/database-administrator)
export PGPASSWORD PGHOST=postgres PGUSER=postgres PGDATABASE=postgres

for service in "$@"; do
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=service="$service" <<'SQL' >/dev/null
-- A statement that fails is not repeated in the server's log: one of them carries a password.
set log_min_error_statement = 'panic';
\set file /run/secrets/ :service -database
\set password `cat :'file'`
select format('create role %I login', :'service') where not exists (select from pg_roles where rolname = :'service') \gexec
alter role :"service" password :'password';
select format('create database %I owner %I', :'service', :'service')
where not exists (select from pg_database where datname = :'service') \gexec
revoke all on database :"service" from public;
SQL
done
# Nobody but the administrator has anything to do in these.
psql --no-psqlrc --quiet --command='revoke all on database postgres, template1 from public'
