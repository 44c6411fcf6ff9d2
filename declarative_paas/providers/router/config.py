"""HAProxy's configuration. Pure: (settings, table) -> text.

All other files are named relative to the config file (`default-path config`), so a directory with spaces
or commas in its name needs no quoting, and the runtime socket knows the maps by their short names.
"""

from __future__ import annotations

from declarative_paas.providers.router import maps, pages
from declarative_paas.providers.router.names import Place, backend_name, places
from declarative_paas.providers.router.routes import RouteTable, Server
from declarative_paas.providers.router.settings import Checks, RouterSettings

ROUTER_NAME = "dpaas-router"
LONGEST_LOGGED_PATH_BYTES = 4096

LOG_FIELDS = {
    "at_ms": "%[date(0,ms)]",
    "app": '"%[var(txn.app),json(utf8s)]"',
    "code": '"%[var(txn.code),json(utf8s)]"',
    "method": '"%[var(txn.method),json(utf8s)]"',
    "path": '"%[var(txn.path),json(utf8s)]"',
    "host": '"%[var(txn.host_header),json(utf8s)]"',
    "request_id": '"%[var(txn.request_id),json(utf8s)]"',
    "fwd": '"%[var(txn.fwd),json(utf8s)]"',
    "backend": '"%b"',
    "server": '"%s"',
    "termination": '"%ts"',
    "status": "%ST",
    "bytes": "%B",
    "receive_ms": "%TR",
    "queue_ms": "%Tw",
    "connect_ms": "%Tc",
    "active_ms": "%Ta",
}
"""One JSON object a request; `heroku_log.parse` reads it."""


def render(settings: RouterSettings, table: RouteTable) -> str:
    """The whole configuration: every slot of the table, with its app's servers if it has an app."""
    sections = [
        _global(settings),
        _defaults(settings),
        _frontend(settings),
        _handover(settings),
        _checked(settings),
        _checked_by_path(settings),
    ]
    app_of = {slot: app for app, slot in table.slots.items()}
    for slot in range(1, table.slot_count + 1):
        app = app_of.get(slot)
        servers = places(table.routes[app], slot) if app is not None else {}
        for by_path in (False, True):
            name = backend_name(slot, by_path=by_path)
            lines = [
                f"    {server_line(place, server, settings.checks)}"
                for place, server in servers.items()
                if place.backend == name
            ]
            sections.append("\n".join([f"backend {name} from {'checked-by-path' if by_path else 'checked'}", *lines]))
    return "\n\n".join(sections) + "\n"


def server_line(place: Place, server: Server, checks: Checks) -> str:
    return f"server {place.live_name} {server_address(server)} {server_options(checks)}"


def server_address(server: Server) -> str:
    return f"[{server.address}]:{server.port}" if ":" in server.address else f"{server.address}:{server.port}"


def server_options(checks: Checks) -> str:
    """The same for servers of the config and for those added at run time, which inherit nothing."""
    fast = _ms(checks.fast_interval_s)
    return (
        f"check inter {_ms(checks.interval_s)} fastinter {fast} downinter {fast} rise 1 fall {checks.failures}"
        " observe layer4 error-limit 1 on-error fastinter"
    )


def _log_target(settings: RouterSettings) -> str:
    return "stdout" if settings.log_port is None else f"127.0.0.1:{settings.log_port}"


def _binds(settings: RouterSettings) -> str:
    ports = [str(settings.port)]
    if settings.app_ports is not None:
        first, last = settings.app_ports
        ports.append(f"{first}-{last}")
    return "\n".join(f"    bind {settings.bind}:{port}" for port in ports)


def _ms(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _global(settings: RouterSettings) -> str:
    lines = [
        "global",
        "    default-path config",
        f"    log {_log_target(settings)} len 65535 format raw local0 info",
        f"    nbthread {settings.threads}",
        f"    maxconn {settings.connections}",
        # An ordinary user's file limit may be lower than two files a connection: serve fewer, but start.
        "    no strict-limits",
        f"    hard-stop-after {settings.old_worker_limit_s}s",
        "    spread-checks 5",
    ]
    if settings.user is not None:
        lines.append(f"    user {settings.user}")
    if settings.group is not None:
        lines.append(f"    group {settings.group}")
    return "\n".join(lines)


def _defaults(settings: RouterSettings) -> str:
    limits = settings.timeouts
    errorfiles = "\n".join(f"    errorfile {status} {pages.ERROR_RESPONSE}" for status in (500, 502, 503, 504))
    return f"""defaults common
    mode http
    log global
    # A new connection to the dyno for each request: a kept one could be closed by the dyno in the very
    # moment of its reuse, and a POST must not be sent twice. Clients keep theirs.
    option http-server-close
    # On a reload an idle client connection is closed with its next answer, not under the client's feet.
    option idle-close-on-response
    # A client that goes away frees its dyno (H27).
    option abortonclose
    option dontlognull
    option http-ignore-probes
    # Only what never reached a dyno is tried again, each time on another one.
    retries 3
    retry-on conn-failure
    option redispatch 1
    timeout connect {_ms(limits.connect_s)}
    timeout server {_ms(limits.first_byte_s)}
    timeout client {_ms(limits.idle_s)}
    timeout http-request {_ms(limits.idle_s)}
    timeout http-keep-alive {_ms(limits.keep_alive_s)}
    timeout tunnel {_ms(limits.idle_s)}
    timeout client-fin 10s
    timeout server-fin 10s
    timeout queue {_ms(limits.queue_s)}
    timeout check {_ms(settings.checks.timeout_s)}
{errorfiles}"""


def _frontend(settings: RouterSettings) -> str:
    log_format = "{" + ",".join(f'"{name}":{value}' for name, value in LOG_FIELDS.items()) + "}"
    html = 'content-type "text/html; charset=utf-8" hdr Cache-Control "no-cache, no-store"'
    in_maintenance = f"{{ var(txn.app),map_str({maps.MAINTENANCE}) -m found }}"
    has_servers = f"{{ var(txn.app),map_str({maps.BACKENDS}) -m found }}"
    return f"""frontend web from common
{_binds(settings)}
    log-format '{log_format}'

    http-request set-var-fmt(txn.fwd) "%[src]"
    http-request set-var-fmt(txn.fwd) "%[req.fhdr(x-forwarded-for)], %[src]" if {{ req.fhdr(x-forwarded-for) -m found }}
    http-request set-header X-Forwarded-For %[var(txn.fwd)]

    # After a reload a kept client connection may bring one more request to the old worker, whose servers
    # can no longer be changed: the current worker, at the same address, does all the rest.
    http-request set-var(txn.old) str(yes),map_str({maps.HANDOVER})
    http-request allow if {{ var(txn.old) -m found }}

    # X-Request-ID: the client's if it is 20 to 200 characters of letters, digits, + / = -, else a new one.
    http-request set-var(txn.request_id) uuid()
    acl has_request_id req.fhdr(x-request-id) -m reg ^[A-Za-z0-9+/=-]{{20,200}}$
    http-request set-var(txn.request_id) req.fhdr(x-request-id) if has_request_id
    http-request set-header X-Request-ID %[var(txn.request_id)]

    http-request set-var(txn.method) method
    http-request set-var(txn.path) pathq,bytes(0,{LONGEST_LOGGED_PATH_BYTES})
    http-request set-var(txn.host_header) req.hdr(host)
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request set-header X-Request-Start %[date(0,ms)]
    http-request add-header Via "%[req.ver] {ROUTER_NAME}"
    http-response add-header Via "1.1 {ROUTER_NAME}" unless {{ var(txn.old) -m found }}

    http-request set-var(txn.app) dst_port,map_str({maps.PORTS})
    http-request set-var(txn.app) req.hdr(host),host_only,lower,map_str({maps.HOSTS}) if {{ dst_port {settings.port} }}
    http-request return status 404 {html} file {pages.NO_SUCH_APP} unless {{ var(txn.app) -m found }}
    http-request set-var(txn.code) str(H80) if {in_maintenance}
    http-request return status 503 {html} file {pages.MAINTENANCE} if {in_maintenance}
    http-request set-var(txn.code) str(H14) unless {has_servers}
    http-request return status 503 {html} file {pages.APPLICATION_ERROR} unless {has_servers}

    use_backend handover if {{ var(txn.old) -m found }}
    use_backend %[var(txn.app),map_str({maps.BACKENDS})]"""


def _handover(settings: RouterSettings) -> str:
    address = "127.0.0.1" if settings.bind in ("*", "0.0.0.0") else settings.bind
    # Without a port, a server is reached at the port that the client came to.
    return f"""backend handover from common
    timeout server {settings.old_worker_limit_s}s
    server current-worker {address}"""


def _balance(settings: RouterSettings) -> str:
    # Heroku routes at random; the less loaded of two random dynos is never worse than that. An event
    # stream's silence is no H12, and here is the last place where its timeout can be chosen.
    return f"""    balance random(2)
    http-request set-timeout server {_ms(settings.timeouts.idle_s)} if {{ req.hdr(accept) -m sub text/event-stream }}"""


def _checked(settings: RouterSettings) -> str:
    return f"defaults checked from common\n{_balance(settings)}"


def _checked_by_path(settings: RouterSettings) -> str:
    uri = f"%[be_name,concat(/,check.server),map_str({maps.CHECK_PATHS})]"
    host = f"%[be_name,map_str({maps.CHECK_HOSTS})]"
    # An app that insists on TLS answers its check with a redirect, which counts as healthy.
    return f"""defaults checked-by-path from common
{_balance(settings)}
    option httpchk
    http-check set-var(check.server) srv_name
    http-check send meth GET uri-lf "{uri}" ver HTTP/1.1 hdr Host "{host}" hdr User-Agent {ROUTER_NAME}
    http-check expect status 200-399"""
