"""The embedded default: real processes under supervisord, a real router, real databases. No Docker, no root."""
