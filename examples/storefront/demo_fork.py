"""Forks the storefront from `us` to `eu` with its data, and checks what a fork promises.

    make demo-fork                   (from the repository's root)
    python examples/storefront/demo_fork.py [--keep]

Begins as demo.py does. At the end the fork is undone again, and the storefront goes on running; with --keep the
fork stays, too. Exit code 1, and a sentence that says why, when a check fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from typing import Any

from demo import DPAAS, HERE, PATIENCE_S, Failed, apply, dpaas, order_is_processed, place_order, request, say

SOURCE, FORK, REGION = "storefront", "storefront-eu", "eu"
DATA = ("DATABASE", "REDIS")
MANIFEST = HERE / f"{FORK}.dpaas.yaml"
THEIR_DOMAIN, OUR_DOMAIN = "shop.example.com", "shop.example.eu"


def main() -> int:
    started = time.monotonic()
    try:
        if not DPAAS.exists():
            raise Failed(f"there is no dpaas beside {sys.executable}: run `make demo-fork`, or install the package")
        if MANIFEST.exists():
            say(f"{FORK} is there from an earlier run: it is undone first.")
            undo()
        apply()
        us = url_of(SOURCE)
        orders = [place_order(us) for _ in range(3)]
        for order in orders:
            order_is_processed(us, order)
        before = [read(us, order) for order in orders]
        fork()
        eu = url_of(FORK)
        the_same_orders(eu, orders, before)
        each_goes_its_own_way(us, eu)
        config_and_domains(us, eu)
        verification()
        nothing_is_left_to_do()
        if "--keep" not in sys.argv:
            say(f"The fork is undone: dpaas fork undo {FORK}")
            undo()
            if read(us, orders[0]) != before[0]:
                raise Failed("undoing the fork has changed its source")
            say("It is gone with its data and its manifest, and the storefront is as it was.")
    except Failed as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    print(f"\nAll of it holds ({time.monotonic() - started:.0f} s).")
    return 0


def fork() -> None:
    arguments = ["fork", SOURCE, "--region", REGION, "--domain", f"{THEIR_DOMAIN}={OUR_DOMAIN}", "--apply"]
    say(f"Forking: dpaas {' '.join(arguments)} --auto-approve")
    if subprocess.run([DPAAS, *arguments, "--auto-approve"], cwd=HERE, check=False).returncode != 0:
        raise Failed("`dpaas fork` did not succeed; what it printed above says why")
    say(f"The fork runs. Its manifest, {MANIFEST.name}:")
    print(MANIFEST.read_text(encoding="utf-8").rstrip())


def undo() -> None:
    confirmations = [part for alias in DATA for part in ("--confirm", f"addon.{FORK}/{alias}")]
    done = dpaas("fork", "undo", FORK, "--auto-approve", *confirmations)
    if done.returncode != 0 or MANIFEST.exists():
        raise Failed(f"`dpaas fork undo` did not succeed:\n{done.stdout}{done.stderr}")


def the_same_orders(eu: str, orders: list[int], before: list[Any]) -> None:
    if [read(eu, order) for order in orders] != before:
        raise Failed("the fork answers with other orders than the storefront had")
    say(f"Orders {', '.join(map(str, orders))} are read through the router of {REGION}, as they were in us.")


def each_goes_its_own_way(us: str, eu: str) -> None:
    order = place_order(eu)
    order_is_processed(eu, order)
    try:
        request(f"{us}/orders/{order}").close()
    except Failed as answer:
        if " 404" not in str(answer):
            raise
        say(f"Order {order} of {REGION} is not there in us: each has its own database from now on.")
        return
    raise Failed(f"order {order} was placed in {REGION} and is seen in us")


def config_and_domains(us: str, eu: str) -> None:
    theirs, mine = config(SOURCE), config(FORK)
    own = {key for key in theirs if key.endswith("_URL")}
    if any(theirs[key] == mine[key] for key in own):
        raise Failed("the fork has a credential of its source's")
    if {key: theirs[key] for key in theirs.keys() - own} != {key: mine[key] for key in mine.keys() - own}:
        raise Failed("the config of the fork is not what its source's is")
    say(f"Config is the source's, but for {' and '.join(sorted(own))}, which lead to the fork's own add-ons.")
    for domain, url, there in ((OUR_DOMAIN, eu, True), (THEIR_DOMAIN, us, True), (THEIR_DOMAIN, eu, False)):
        if answers(url, domain) is not there:
            raise Failed(f"{domain} is {'not ' if there else ''}answered where it should{'' if there else ' not'} be")
    say(f"{OUR_DOMAIN} leads to the fork, and {THEIR_DOMAIN} to the storefront alone.")


def verification() -> None:
    shown = dpaas("fork", "status", FORK)
    if shown.returncode != 0 or "public.orders" not in shown.stdout:
        raise Failed(f"`dpaas fork status` shows no verification:\n{shown.stdout}{shown.stderr}")
    say(f"What was compared when the data was copied: dpaas fork status {FORK}")
    print(shown.stdout.rstrip())


def nothing_is_left_to_do() -> None:
    planned = dpaas("plan", "--detailed-exitcode")
    if planned.returncode != 0:
        raise Failed(f"a second plan is not empty:\n{planned.stdout}{planned.stderr}")
    say("A second plan is empty: the data is copied once.")


def url_of(app: str) -> str:
    shown = dpaas("state", "show", f"app.{app}")
    if shown.returncode != 0:
        raise Failed(f"`dpaas state show app.{app}` failed: {shown.stderr.strip()}")
    return str(json.loads(shown.stdout)["outputs"]["url"])


def read(url: str, order: int) -> Any:
    with request(f"{url}/orders/{order}") as response:
        return json.load(response)


def config(app: str) -> dict[str, str]:
    names = dpaas("config", "get", app)
    if names.returncode != 0:
        raise Failed(f"`dpaas config get {app}` failed: {names.stderr.strip()}")
    return {name: dpaas("config", "get", app, name).stdout.strip() for name in names.stdout.split()}


def answers(url: str, domain: str) -> bool:
    """Whether the region's router leads a request for the domain to a dyno. An app's own port knows only its app,
    so it is the region's common port that is asked."""
    asked = urllib.request.Request(f"{router_of(url)}/healthz", headers={"Host": domain})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=PATIENCE_S) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def router_of(url: str) -> str:
    """`url` is an app's; the port of its `web_url` is the region's."""
    for app in (SOURCE, FORK):
        shown = dpaas("state", "show", f"app.{app}")
        outputs = json.loads(shown.stdout)["outputs"] if shown.returncode == 0 else {}
        if outputs.get("url") == url:
            return f"http://127.0.0.1:{outputs['web_url'].rpartition(':')[2]}"
    raise Failed(f"no app answers at {url}")


if __name__ == "__main__":
    sys.exit(main())
