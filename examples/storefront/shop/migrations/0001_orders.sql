CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    items jsonb NOT NULL,
    total_cents bigint NOT NULL CHECK (total_cents >= 0),
    status text NOT NULL DEFAULT 'placed' CHECK (status IN ('placed', 'processed')),
    placed_by text NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now()
);
