"""Operation.RENAME: a record gets another address; what it stands for goes on as it is."""

from __future__ import annotations

from dataclasses import replace

from declarative_paas.core.provider import Done, ErrorKind, ProviderError, StepRequest
from declarative_paas.providers.hosting.app_names import FORMER, AppNames
from declarative_paas.providers.hosting.app_step import publish_route
from declarative_paas.providers.hosting.host import RegionHost


def rename(region: RegionHost, names: AppNames, request: StepRequest) -> Done:
    """Moves the record; again, it does nothing. Raises ProviderError (INVALID) when there is none.

    First it is there under both addresses, then under the new one: killed between, the same call ends it.
    """
    assert request.prior is not None, "only what is recorded is renamed"
    scope, new, old = str(request.scope), (request.address, request.instance), request.prior.key
    record = region.records.get(scope, new)
    if record is None:
        record = region.records.get(scope, old)
        if record is None:
            raise ProviderError(ErrorKind.INVALID, f"there is no {old[0]} to rename")
        if request.address.type == "app":
            record = replace(record, facts={**record.facts, FORMER: old[0].app})
        region.records.put(scope, new, record)
    region.records.remove(scope, old)
    if request.address.type == "app":
        names.learn(request.scope, request.address.app, record)
        names.learn(request.scope, old[0].app, record)
    if request.address.type == "domain" and region.is_running():
        publish_route(region, names, request.scope, request.address.app)
    return Done(remote_id=request.prior.remote_id)
