-- What came out of a finished run: each metric of each subject in one number, and case by case. `means` is a JSON list
-- with the mean over the trials of each case, in the order of run_cases; null where a case has no value.
CREATE TABLE results (
    run     TEXT             NOT NULL,
    subject BIGINT           NOT NULL,
    metric  TEXT             NOT NULL,
    value   DOUBLE PRECISION NOT NULL,
    means   TEXT             NOT NULL,
    PRIMARY KEY (run, subject, metric)
);

-- The digest of the list of cases of a finished run: runs that have it in common have the same rows in run_cases.
ALTER TABLE runs ADD COLUMN case_list TEXT;

CREATE INDEX runs_by_time ON runs (started_at);
