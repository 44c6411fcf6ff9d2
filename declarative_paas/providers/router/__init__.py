"""A region's HTTP router: one HAProxy, driven through its runtime socket, speaking Heroku's H-codes."""
