-- Where the demo's workers write and wait for each other's locks; no manifest knows this table.
--- table
CREATE TABLE job_queue (
    id bigint PRIMARY KEY,
    job text NOT NULL,
    attempts integer NOT NULL DEFAULT 0
);
INSERT INTO job_queue SELECT i, 'recalculate score of segment ' || i FROM generate_series(1, 20) AS i;
