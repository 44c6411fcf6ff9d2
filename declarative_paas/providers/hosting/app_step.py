"""`app` and `domain`: the app's place in the router."""

from __future__ import annotations

from collections.abc import Sequence

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.provider import Done, ErrorKind, ProviderError, StepContext, StepRequest
from declarative_paas.core.values import encode
from declarative_paas.providers.hosting import link_records
from declarative_paas.providers.hosting.app_names import FORMER, NAME, AppNames
from declarative_paas.providers.hosting.host import RegionHost, local_name
from declarative_paas.providers.hosting.records import Record
from declarative_paas.providers.hosting.view import RegionView


class AppStep:
    """The app's name, its port, its route. The first app of a region starts the region, the last one stops it."""

    def __init__(self, region: RegionHost, names: AppNames) -> None:
        self._region = region
        self._names = names

    def apply(self, request: StepRequest, context: StepContext) -> Done:
        region = self._region
        scope, key = str(request.scope), (request.address, request.instance)
        before = region.records.get(scope, key)
        if before is None:
            name = self._names.of_new(request.scope, *key)
            before = Record(attributes=encode(request.attributes), facts={NAME: name})
            # Before anything runs: whatever comes, the next plan finds the region's programs by this record.
            region.records.put(scope, key, before)
        name = str(before.facts[NAME])
        self._names.learn(request.scope, request.address.app, before)
        context.report("starting the region's router")
        region.ensure_running()
        app_port = region.records.claim_app_port(name, *region.app_ports)
        host = region.app_host(local_name(request.scope, request.address.app))
        web_url = region.browser_url(host, app_port)
        outputs = {
            "id": request.instance,
            # Without a port of its own (all are taken) an app is reached by its host name only.
            "name": request.address.app,
            "host": host,
            "web_url": web_url,
            "url": region.port_url(app_port) if app_port else web_url,
        }
        facts = {**before.facts, "app_port": app_port}
        region.records.put(scope, key, Record(attributes=encode(request.attributes), outputs=outputs, facts=facts))
        publish_route(region, self._names, request.scope, request.address.app)
        region.router.repair()
        return Done(remote_id=request.instance, outputs=outputs)

    def remove(self, request: StepRequest, context: StepContext) -> None:
        region = self._region
        name = self._names.name(request.scope, request.address.app)
        mine = (str(request.scope), request.address, request.instance)
        # Ends of links are the region's own: without an app there is nothing for them to lead to.
        others = [key for key in region.records.all() if key != mine and key[1].type not in link_records.TYPES]
        # The records last: as long as one is there, a destroy that was killed is taken up again.
        if others:
            region.ensure_running()
            region.router.remove_route(name)
            region.records.remove_releases(name)
            region.records.release_app_port(name)
            region.records.remove(str(request.scope), (request.address, request.instance))
        else:
            context.report("stopping the region: nothing is left in it")
            if region.is_running():
                region.router.remove_route(name)
            region.dismantle()
            region.records.erase()
        self._names.forget(request.scope, request.address.app)

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]:
        if view.down is not None:
            return (view.down,)
        return view.route_problems(str(record.facts[NAME]))


class DomainStep:
    """A host name of the user's own. Its DNS is theirs to set; the router answers for it at once."""

    def __init__(self, region: RegionHost, names: AppNames) -> None:
        self._region = region
        self._names = names

    def apply(self, request: StepRequest, context: StepContext) -> Done:
        region = self._region
        hostname = request.attributes["hostname"]
        outputs = {"id": request.instance, "url": region.host_url(hostname)}
        region.records.put(
            str(request.scope),
            (request.address, request.instance),
            Record(attributes=encode(request.attributes), outputs=outputs),
        )
        try:
            publish_route(region, self._names, request.scope, request.address.app)
        except ProviderError:
            region.records.remove(str(request.scope), (request.address, request.instance))
            raise
        return Done(remote_id=request.instance, outputs=outputs)

    def remove(self, request: StepRequest, context: StepContext) -> None:
        region = self._region
        region.records.remove(str(request.scope), (request.address, request.instance))
        if region.is_running():
            publish_route(region, self._names, request.scope, request.address.app)

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]:
        return ()


def publish_route(region: RegionHost, names: AppNames, scope: Scope, app: str) -> None:
    """Tells the router what the records say of the app: its hosts, its port, its maintenance mode.

    While an app is renamed, domains that have its former address still are its own.
    """
    from declarative_paas.providers.router.errors import RouteConflictError, RouterError

    found = names.record(scope, app)
    if found is None:
        return
    (address, _), record = found
    records = region.records.all(str(scope))
    apps = {other.app for _, other, _ in records if other.type == "app"}
    called = {address.app, *({str(record.facts.get(FORMER))} - apps)}
    domains: Sequence[str] = sorted(
        str(item.attributes["hostname"])
        for (_, other, _), item in records.items()
        if other.type == "domain" and other.app in called
    )
    try:
        region.router.set_route(
            str(record.facts[NAME]),
            (region.app_host(local_name(scope, address.app)), *domains),
            app_port=record.facts.get("app_port"),
            maintenance=bool(record.attributes.get("maintenance")),
        )
    except RouteConflictError as conflict:
        raise ProviderError(ErrorKind.CONFLICT, str(conflict)) from None
    except RouterError as problem:
        raise ProviderError(ErrorKind.TRANSIENT, str(problem)) from None
