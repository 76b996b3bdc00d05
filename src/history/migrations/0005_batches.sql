-- Batches of calls that were given to an endpoint, or were about to be. `remote` is the id that the endpoint gave, null
-- until it is known; `ended` is 1 once nothing more can come of the batch. `addresses` is a JSON list.
CREATE TABLE batches (
    id        TEXT   NOT NULL PRIMARY KEY,
    run       TEXT   NOT NULL,
    alias     TEXT   NOT NULL,
    noted_at  BIGINT NOT NULL,
    remote    TEXT,
    ended     BIGINT NOT NULL DEFAULT 0,
    addresses TEXT   NOT NULL
);
CREATE INDEX batches_by_run ON batches (run);
