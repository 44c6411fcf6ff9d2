"""A `Plan` as a person, a program or a picture shows it. Pure and deterministic."""
