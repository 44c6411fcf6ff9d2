"""The configuration files of a region's PostgreSQL server, made anew from here at every start."""

from __future__ import annotations

from pathlib import Path

ADMIN = "dpaas_admin"

# Above every plan's limit (the largest is 500), or a plan would promise what the server refuses. A
# slot costs about 35 KB of shared memory, so this is about 12 MB more than 200 slots.
MAX_CONNECTIONS = 550

# The role that every follower's role is a member of. It may connect to one database, its source's: these servers
# let nobody but its owner and its followers into an app's database, and no role but the administrator into others.
FOLLOWERS = "dpaas_followers"

MAX_FOLLOWERS = 24
"""Of all databases of a server, and as many sources that its own databases follow."""

MOST_KEPT_MB = 2048
"""What a server keeps of its log for followers that do not take it: a dead one never fills its source's disk."""

HBA = f"""\
# Written by dpaas at every start. A role reaches only the database of its own name (or of a role it is a
# member of), a follower's only the one it may connect to; the administrator only comes by the unix socket.
# TYPE  DATABASE    USER      ADDRESS        METHOD
local   all         {ADMIN}                scram-sha-256
local   samerole    all                      scram-sha-256
host    samerole    all       127.0.0.1/32   scram-sha-256
host    all         +{FOLLOWERS} 127.0.0.1/32 scram-sha-256
"""


def _quoted(value: object) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"


def container_hba() -> str:
    """For a server that has a container, and one database, to itself.

    Who may be in the container as the server's account is its administrator already, so no password guards
    the unix socket; apps come over their own networks, each role to its own database only.
    """
    return f"""\
# Written by dpaas.
# TYPE  DATABASE    USER      ADDRESS   METHOD
local   all         {ADMIN}             peer map=dpaas
local   samerole    all                 peer map=dpaas
host    samerole    all       all       scram-sha-256
host    all         +{FOLLOWERS} all scram-sha-256
"""


def container_ident(account: str, roles: tuple[str, ...]) -> str:
    """Whom the account may be on the unix socket: the administrator, and the app's own role for its shell."""
    return "".join(f"dpaas {account} {role}\n" for role in (ADMIN, *roles))


def postgresql_conf(
    *,
    data: Path,
    hba: Path,
    socket_directory: Path,
    port: int,
    listen: str = "127.0.0.1",
    ident: Path | None = None,
    major: int = 0,
) -> str:
    """A small server: a few MB at rest, yet durable (fsync stays on). `major` is its major version, 0 when unknown."""
    settings = {
        "data_directory": data,
        "hba_file": hba,
        **({} if ident is None else {"ident_file": ident}),
        "listen_addresses": listen,
        "port": port,
        "unix_socket_directories": socket_directory,
        "max_connections": MAX_CONNECTIONS,
        "superuser_reserved_connections": 5,
        "password_encryption": "scram-sha-256",
        "shared_buffers": "32MB",
        "max_wal_size": "256MB",
        "min_wal_size": "80MB",
        "fsync": "on",
        "wal_level": "logical",  # so that a database can be followed without a restart of all of them
        "max_wal_senders": MAX_FOLLOWERS + 4,
        "max_replication_slots": MAX_FOLLOWERS + 4,
        # Before 18 the slots' limit was the origins' too.
        **({"max_active_replication_origins": MAX_FOLLOWERS + 4} if major >= 18 else {}),
        "max_logical_replication_workers": MAX_FOLLOWERS,
        "max_worker_processes": MAX_FOLLOWERS + 8,
        "max_slot_wal_keep_size": f"{MOST_KEPT_MB}MB",
        "logical_decoding_work_mem": "16MB",  # of each follower; more of one transaction is put on the disk
        # A way that swallows everything is noticed, and dialled again, within half a minute.
        "wal_sender_timeout": "30s",
        "wal_receiver_timeout": "30s",
        "autovacuum_max_workers": 2,
        "max_parallel_workers": 2,
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "log_destination": "stderr",  # the supervisor keeps the log
        "logging_collector": "off",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        # The statement of an error can hold an app's secrets (ALTER ROLE … PASSWORD '…').
        "log_min_error_statement": "panic",
        "cluster_name": "dpaas",
    }
    lines = [f"{name} = {_quoted(value)}" for name, value in settings.items()]
    return "# Written by dpaas at every start; changes here are lost.\n" + "\n".join(lines) + "\n"
