-- TEXT, BIGINT, DOUBLE PRECISION and one digest as 64 hexadecimal digits mean the same to SQLite and to PostgreSQL.

CREATE TABLE runs (
    id         TEXT   NOT NULL PRIMARY KEY,
    invocation TEXT   NOT NULL,
    suite      TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    status     TEXT   NOT NULL,
    header     TEXT   NOT NULL
);
CREATE INDEX runs_by_suite ON runs (suite, started_at);

-- What was asked, once for all repeats and runs.
CREATE TABLE requests (
    digest TEXT NOT NULL PRIMARY KEY,
    body   TEXT NOT NULL
);

-- What came back; written before anything else happens with it.
CREATE TABLE exchanges (
    run     TEXT   NOT NULL,
    address TEXT   NOT NULL,
    request TEXT   NOT NULL,
    repeat  BIGINT NOT NULL,
    ok      BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    answer  TEXT   NOT NULL,
    PRIMARY KEY (address, run)
);

-- The cases of runs, once for all runs that hold them unchanged.
CREATE TABLE cases (
    digest TEXT NOT NULL PRIMARY KEY,
    body   TEXT NOT NULL
);
CREATE TABLE run_cases (
    run      TEXT   NOT NULL,
    position BIGINT NOT NULL,
    digest   TEXT   NOT NULL,
    PRIMARY KEY (run, position)
);

-- What became of each trial of a finished run. The answer is that of the exchange (source, address).
CREATE TABLE trials (
    run      TEXT   NOT NULL,
    position BIGINT NOT NULL,
    source   TEXT,
    address  TEXT,
    body     TEXT   NOT NULL,
    PRIMARY KEY (run, position)
);

CREATE TABLE baselines (
    suite  TEXT   NOT NULL,
    set_at BIGINT NOT NULL,
    run    TEXT   NOT NULL,
    who    TEXT   NOT NULL,
    why    TEXT   NOT NULL,
    PRIMARY KEY (suite, set_at)
);
