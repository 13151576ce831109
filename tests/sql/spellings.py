"""A table with a column of nearly every type, for definitions in many spellings."""

from __future__ import annotations

TABLE = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE FUNCTION plus(int) RETURNS int IMMUTABLE STRICT LANGUAGE sql AS 'SELECT $1 + 1';
CREATE FUNCTION loud(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN upper($1); END';
CREATE TABLE t (
    id int PRIMARY KEY, a int, b int NOT NULL, qty numeric(10,2), price float8, active boolean,
    status varchar(20), title text, code char(5), body text COLLATE "C", mail email, created timestamptz,
    seen timestamp, day date, data jsonb, tags text[], nums int[], place point, area box, period int4range,
    address inet, word tsvector, mood mood, gap interval, "Mixed Case" int, "order" int, key uuid
);
"""
