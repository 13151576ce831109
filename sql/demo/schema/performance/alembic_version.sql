-- Which migration the schema is at.
--- table
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('005_performance_indexes');
