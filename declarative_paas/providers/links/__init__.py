"""What the link ends of all providers share: HAProxy, told by files, as the one program of an end."""
