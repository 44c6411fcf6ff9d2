ALTER TABLE orders
    ADD COLUMN processed_by text,
    ADD COLUMN processed_at timestamptz;

-- The worker looks for what is left to do, not through all that was ever done.
CREATE INDEX orders_placed ON orders (id) WHERE status = 'placed';
