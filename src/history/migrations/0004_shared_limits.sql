-- What is left of a limit that several processes share, at a moment in seconds since 1970 by the clock of the server.
CREATE TABLE shared_limits (
    name     TEXT             NOT NULL PRIMARY KEY,
    level    DOUBLE PRECISION NOT NULL,
    taken_at DOUBLE PRECISION NOT NULL
);
