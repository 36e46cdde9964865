#!/bin/sh
# Run once, by Patroni, on the first primary, with a connection string of the superuser: the role and its database.
set -eu
psql --dbname "$1" --set ON_ERROR_STOP=1 --set password="$SHOP_PASSWORD" <<'SQL'
CREATE ROLE shop LOGIN PASSWORD :'password';
CREATE DATABASE shop OWNER shop;
SQL
