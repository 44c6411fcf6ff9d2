"""What serves the apps of a Docker region: its router and its add-on servers, as containers."""
