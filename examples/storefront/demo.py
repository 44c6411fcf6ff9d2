"""Brings the storefront up with dpaas, uses it as a customer would, and checks what it promises.

    make demo                        (from the repository's root)
    python examples/storefront/demo.py

Uses the `dpaas` that is installed beside this Python. Run again, it starts from what is there. Exit code 1,
and a sentence that says why, when a check fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).resolve().parent
DPAAS = Path(sys.executable).with_name("dpaas")
PATIENCE_S = 30.0

Found = TypeVar("Found")


class Failed(Exception):
    """A check that did not hold; the message is for the reader."""


def main() -> int:
    started = time.monotonic()
    try:
        if not DPAAS.exists():
            raise Failed(f"there is no dpaas beside {sys.executable}: run `make demo`, or install the package first")
        apply()
        url, web_url = addresses()
        two_dynos_answer(url)
        order = place_order(url)
        order_is_processed(url, order)
        second_plan_is_empty()
    except Failed as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    print(
        f"\nAll of it holds ({time.monotonic() - started:.0f} s). The storefront goes on running:"
        f"\n  {web_url} in a browser, {url} from anywhere on this machine."
        f"\n\nIn {HERE}:"
        "\n  dpaas ps, dpaas logs storefront   look at it"
        "\n  dpaas down                        stop it and keep all its data; dpaas apply starts it again"
        "\n  dpaas destroy --confirm addon.storefront/DATABASE --confirm addon.storefront/REDIS"
        "\n                                    delete it with its data"
        f"\n(dpaas is {DPAAS})"
    )
    return 0


def apply() -> None:
    say("Applying the manifest: dpaas apply --auto-approve")
    if subprocess.run([DPAAS, "apply", "--auto-approve"], cwd=HERE, check=False).returncode != 0:
        raise Failed("`dpaas apply` did not succeed; what it printed above says why")
    say("The apply succeeded.")


def addresses() -> tuple[str, str]:
    """The app's URL for programs and the one for browsers."""
    shown = dpaas("state", "show", "app.storefront")
    if shown.returncode != 0:
        raise Failed(f"`dpaas state show app.storefront` failed: {shown.stderr.strip()}")
    outputs = json.loads(shown.stdout)["outputs"]
    return outputs["url"], outputs["web_url"]


def two_dynos_answer(url: str) -> None:
    dynos: set[str] = set()

    def seen() -> set[str] | None:
        with request(f"{url}/") as response:
            dynos.add(response.headers["X-Dyno"])
        return dynos if len(dynos) >= 2 else None

    until(seen, lambda: f"only {', '.join(sorted(dynos)) or 'no dyno'} answered on {url}/, not two web dynos")
    say(f"Two dynos answer behind one router: {' and '.join(sorted(dynos))}.")


def place_order(url: str) -> int:
    body = json.dumps({"items": {"mug": 2, "poster": 1}}).encode()
    with request(f"{url}/orders", body) as response:
        placed = json.load(response)
        if response.status != 201:
            raise Failed(f"the order was answered with {response.status}, not 201")
        say(f"Order {placed['id']} is placed, by dyno {response.headers['X-Dyno']}.")
    return int(placed["id"])


def order_is_processed(url: str, order: int) -> None:
    last: dict[str, Any] = {}

    def processed() -> dict[str, Any] | None:
        with request(f"{url}/orders/{order}") as response:
            last.update(json.load(response), read_from=response.headers["X-Dyno"])
        return last if last["status"] == "processed" else None

    until(processed, lambda: f"order {order} is still {last.get('status')!r}: no worker has processed it")
    say(f"Order {order} is processed, by dyno {last['processed_by']}; dyno {last['read_from']} read it back.")


def second_plan_is_empty() -> None:
    planned = dpaas("plan", "--detailed-exitcode")
    if planned.returncode != 0 or "No changes" not in planned.stdout:
        raise Failed(
            f"a second plan is not empty (exit code {planned.returncode}):\n{planned.stdout}{planned.stderr}".rstrip()
        )
    say("A second plan is empty: No changes.")


def until(attempt: Callable[[], Found | None], why_not: Callable[[], str]) -> Found:
    """What `attempt` finds, tried for half a minute. Raises Failed."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = attempt()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"{why_not()} (after {PATIENCE_S:.0f} s)")
        time.sleep(0.1)


def request(url: str, body: bytes | None = None) -> Any:
    """The response, with a body as a JSON POST; closed by `with`. Raises Failed for any but a 2xx."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    # No proxy of the environment's stands between this machine and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        return opener.open(urllib.request.Request(url, data=body, headers=headers), timeout=PATIENCE_S)
    except urllib.error.HTTPError as answer:
        with answer:
            text = answer.read(500).decode(errors="replace").strip()
        raise Failed(f"{url} answered {answer.code}: {text}") from None
    except OSError as problem:
        raise Failed(f"{url} cannot be reached: {problem}") from None


def dpaas(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DPAAS, *arguments], cwd=HERE, capture_output=True, text=True, check=False)


def say(sentence: str) -> None:
    print(f"\n==> {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
