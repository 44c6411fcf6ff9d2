"""`app` and `domain`: the app's place in the router."""

from __future__ import annotations

from collections.abc import Sequence

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.provider import Done, ErrorKind, ProviderError, StepContext, StepRequest
from declarative_paas.core.values import encode
from declarative_paas.providers.hosting.host import RegionHost, local_name
from declarative_paas.providers.hosting.records import Record
from declarative_paas.providers.hosting.view import RegionView


class AppStep:
    """The app's name, its port, its route. The first app of a region starts the region, the last one stops it."""

    def __init__(self, region: RegionHost) -> None:
        self._region = region

    def apply(self, request: StepRequest, context: StepContext) -> Done:
        region = self._region
        name = local_name(request.scope, request.address.app)
        scope, key = str(request.scope), (request.address, request.instance)
        self._check_name(request, name)
        if region.records.get(scope, key) is None:
            # Before anything runs: whatever comes, the next plan finds the region's programs by this record.
            region.records.put(scope, key, Record(attributes=encode(request.attributes), facts={"name": name}))
        context.report("starting the region's router")
        region.ensure_running()
        app_port = region.records.claim_app_port(name, *region.app_ports)
        host = region.app_host(name)
        web_url = region.browser_url(host, app_port)
        outputs = {
            "id": request.instance,
            # Without a port of its own (all are taken) an app is reached by its host name only.
            "name": request.address.app,
            "host": host,
            "web_url": web_url,
            "url": region.port_url(app_port) if app_port else web_url,
        }
        facts = {"name": name, "app_port": app_port}
        region.records.put(scope, key, Record(attributes=encode(request.attributes), outputs=outputs, facts=facts))
        publish_route(region, request.scope, request.address.app)
        region.router.repair()
        return Done(remote_id=request.instance, outputs=outputs)

    def remove(self, request: StepRequest, context: StepContext) -> None:
        region = self._region
        name = local_name(request.scope, request.address.app)
        mine = (str(request.scope), request.address, request.instance)
        # The records last: as long as one is there, a destroy that was killed is taken up again.
        if region.records.all().keys() - {mine}:
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

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]:
        if view.down is not None:
            return (view.down,)
        return view.route_problems(str(record.facts["name"]))

    def _check_name(self, request: StepRequest, name: str) -> None:
        for (scope, address, _), record in self._region.records.all().items():
            mine = scope == str(request.scope) and address == request.address
            if address.type == "app" and not mine and record.facts.get("name") == name:
                raise ProviderError(
                    ErrorKind.CONFLICT, f"the name {name} is taken in this region by {address} of {scope}"
                )


class DomainStep:
    """A host name of the user's own. Its DNS is theirs to set; the router answers for it at once."""

    def __init__(self, region: RegionHost) -> None:
        self._region = region

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
            publish_route(region, request.scope, request.address.app)
        except ProviderError:
            region.records.remove(str(request.scope), (request.address, request.instance))
            raise
        return Done(remote_id=request.instance, outputs=outputs)

    def remove(self, request: StepRequest, context: StepContext) -> None:
        region = self._region
        region.records.remove(str(request.scope), (request.address, request.instance))
        if region.is_running():
            publish_route(region, request.scope, request.address.app)

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]:
        return ()


def publish_route(region: RegionHost, scope: Scope, app: str) -> None:
    """Tells the router what the records say of the app: its hosts, its port, its maintenance mode."""
    from declarative_paas.providers.router.errors import RouteConflictError, RouterError

    records = region.records.all(str(scope))
    mine = {address: record for (_, address, _), record in records.items() if address.app == app}
    record = mine.get(ResourceAddress("app", app))
    if record is None:
        return
    domains: Sequence[str] = sorted(
        str(found.attributes["hostname"]) for address, found in mine.items() if address.type == "domain"
    )
    name = str(record.facts["name"])
    try:
        region.router.set_route(
            name,
            (region.app_host(name), *domains),
            app_port=record.facts.get("app_port"),
            maintenance=bool(record.attributes.get("maintenance")),
        )
    except RouteConflictError as conflict:
        raise ProviderError(ErrorKind.CONFLICT, str(conflict)) from None
    except RouterError as problem:
        raise ProviderError(ErrorKind.TRANSIENT, str(problem)) from None
