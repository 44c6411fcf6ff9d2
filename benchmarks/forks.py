"""A fork of the storefront with a million orders between two regions of this machine, beside its unavoidable parts.

`python -m benchmarks.forks` prints its table alone.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmarks.copies import PASSWORD, running
from benchmarks.deploy import DPAAS, STOREFRONT, boot, run_command, timed
from benchmarks.measure import run_once
from declarative_paas.providers.addons.binaries import Binaries, install
from declarative_paas.providers.local.home import SERVICE_USER
from declarative_paas.providers.slugs.stack import local_stack

ORDERS = 1_000_000
FILL = f"""
INSERT INTO orders (items, total_cents, status, placed_by, processed_by, processed_at)
SELECT jsonb_build_object('mug', n % 9 + 1, 'poster', n % 4), n % 10000, 'processed', 'web.1', 'worker.1', now()
FROM generate_series(1, {ORDERS}) n
"""
FORK = ("fork", "storefront", "--region", "eu", "--data", "REDIS=empty", "--apply", "--auto-approve")


def fork_rows() -> list[str]:
    """A table: the whole fork, its parts one after another, and the ratio."""
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        base = Path(name)
        base.chmod(0o755)
        project = base / "storefront"
        left_out = shutil.ignore_patterns(".dpaas", "__pycache__", "storefront-eu.dpaas.yaml")
        shutil.copytree(STOREFRONT, project, ignore=left_out)
        try:
            run_command([DPAAS, "apply", "--auto-approve"], project)
            run_command([DPAAS, "pg", "psql", "storefront", "--", "-qAtX", "-c", FILL], project)
            parts = _parts(base, project)
            whole = timed(lambda: run_command([DPAAS, *FORK], project))
        finally:
            run_command([DPAAS, "down"], project)
    floor = sum(parts.values())
    lines = [f"| a fork of the storefront with {ORDERS:,} orders, us -> eu, verified | seconds |", "|---|---|"]
    lines += [f"| bare: {what} | {seconds:.2f} |" for what, seconds in parts.items()]
    lines += [f"| sum of the bare parts | {floor:.2f} |", f"| `dpaas fork` | {whole:.2f} |"]
    return [*lines, f"| ratio | {whole / floor:.2f}x |"]


def _parts(base: Path, project: Path) -> dict[str, float]:
    """Each with nothing of ours around it."""
    user = SERVICE_USER if os.geteuid() == 0 else None
    stack = local_stack(user, base / "stack")
    work = base / "parts" / "shop"
    (base / "bare-slugs").mkdir()
    shutil.copytree(STOREFRONT / "shop", work)
    (slug,) = (project / ".dpaas" / "regions" / "us" / "slugs").glob("*.tar.gz")
    binaries = install(base / "home", "postgres")
    return {
        # With its roles and a first start: what a region without a database needs.
        "a PostgreSQL server": timed(lambda: _server(base, "empty", binaries)),
        "`pg_dump -Fc \\| pg_restore`": _data(base, project, binaries),
        "the slug's bytes": timed(lambda: shutil.copy(slug, base / "bare-slugs")),
        "boot (gunicorn to its first answer)": timed(lambda: boot(work, stack, user)),
    }


def _server(base: Path, name: str, binaries: Binaries) -> None:
    with running(base, name, binaries):
        pass


def _data(base: Path, project: Path, binaries: Binaries) -> float:
    """From the shop's own database into one of the same kind."""
    told = run_command([DPAAS, "config", "get", "storefront", "DATABASE_URL"], project)
    url = urlsplit(told.strip())
    source = f"host={url.hostname} port={url.port} user={url.username} dbname={url.path[1:]}"
    with running(base, "target", binaries) as target:
        dump = [binaries.program("pg_dump"), "--format=custom", source]
        restore = [binaries.program("pg_restore"), "--no-owner", *target.options, f"--dbname={target.spec.name}"]
        passwords = base / "passwords"
        passwords.write_text(f"*:{url.port}:*:*:{unquote(url.password or '')}\n*:*:*:*:{PASSWORD}\n", encoding="utf-8")
        passwords.chmod(0o600)
        command = ["sh", "-c", f"{shlex.join(dump)} | {shlex.join(restore)}"]
        return run_once(command, base, environment={"PGPASSFILE": str(passwords)}).seconds


if __name__ == "__main__":
    print("\n".join(fork_rows()))
