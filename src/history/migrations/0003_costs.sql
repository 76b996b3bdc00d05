-- What an exchange cost in USD, so that what a month cost is known without reading its answers; 0 where that is not known.
ALTER TABLE exchanges ADD COLUMN cost DOUBLE PRECISION NOT NULL DEFAULT 0;

CREATE INDEX exchanges_by_cost ON exchanges (sent_at, cost) WHERE cost > 0;
