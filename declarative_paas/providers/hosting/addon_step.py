"""`addon`: a real server's database or instance, or the credential of a service that runs elsewhere."""

from __future__ import annotations

from typing import Any

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import Done, ErrorKind, ProviderError, StepContext, StepRequest
from declarative_paas.core.values import Attributes, Sensitive, encode
from declarative_paas.providers.addons.driver import AddonInstance
from declarative_paas.providers.hosting.app_names import AppNames
from declarative_paas.providers.hosting.host import RegionHost
from declarative_paas.providers.hosting.records import Record
from declarative_paas.providers.hosting.view import RegionView


def addon_key(app: str, address: ResourceAddress, instance: str) -> str:
    """Unique for ever: a database made again is another one."""
    return f"{app}-{address.name.lower().replace('_', '-')}-{instance}"


class AddonStep:
    def __init__(self, region: RegionHost, names: AppNames) -> None:
        self._region = region
        self._names = names

    def apply(self, request: StepRequest, context: StepContext) -> Done:
        region = self._region
        region.ensure_running()
        scope, key = str(request.scope), (request.address, request.instance)
        before = region.records.get(scope, key)
        instance = self._instance(request, request.attributes, before)
        if before is None:
            self._refuse_second(request)
        # The record first: after a crash the next read must find the half-made thing.
        record = Record(attributes=encode(request.attributes), facts={"key": instance.key})
        if before is None:
            region.records.put(scope, key, record)
            context.report(f"provisioning {request.attributes['service']}:{request.attributes['plan']}")
            outputs = region.addons.provision(instance, context.report)
        else:
            repaired = region.addons.update(instance)
            for done in repaired.done:
                context.report(done)
            outputs = repaired.outputs
        plain = {name: value for name, value in outputs.items() if not isinstance(value, Sensitive)}
        region.records.put(
            scope, key, Record(attributes=encode(request.attributes), outputs=plain, facts={"key": instance.key})
        )
        return Done(remote_id=instance.key, outputs=outputs)

    def _refuse_second(self, request: StepRequest) -> None:
        """A state that was lost or rolled back would have us make a new, empty database beside the one with
        the data, and switch the app to it."""
        for (scope, address, instance), _ in self._region.records.all(str(request.scope)).items():
            if address == request.address and instance not in request.siblings:
                raise ProviderError(
                    ErrorKind.CONFLICT,
                    f"the region already holds {address} as {instance}, which the state does not know",
                    detail=[
                        "The state was lost, or is older than the platform: restore it from its backups,",
                        "or record what is there with `dpaas import`.",
                        f"Nothing of {scope} was changed here.",
                    ],
                )

    def remove(self, request: StepRequest, context: StepContext) -> None:
        region = self._region
        scope, key = str(request.scope), (request.address, request.instance)
        record = region.records.get(scope, key)
        if record is None:
            return
        region.ensure_running()
        instance = self._instance(request, record.attributes, record)
        region.addons.deprovision(instance)
        region.records.remove(scope, key)

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]:
        reading = view.addons.get(str(record.facts["key"]))
        if reading is None:
            return ("it was never finished, or its data is gone",)
        return reading.problems

    def _instance(self, request: StepRequest, attributes: Attributes, made: Record | None) -> AddonInstance:
        """`made`: the record of one that was made; it is called then as it was called at first."""
        region = self._region
        service = region.catalog.service(attributes["service"])
        plan = region.catalog.plan(f"{attributes['service']}:{attributes['plan']}")
        if service is None or plan is None:
            raise ProviderError(
                ErrorKind.INVALID, f"the catalog has no plan {attributes['service']}:{attributes['plan']}"
            )
        app = self._names.name(request.scope, request.address.app)
        facts: dict[str, Any] = dict(plan.facts)
        if attributes.get("version") is not None:
            facts["version"] = attributes["version"]
        credential = attributes.get("credentials")
        return AddonInstance(
            app=app,
            alias=request.address.name,
            key=addon_key(app, request.address, request.instance) if made is None else str(made.facts["key"]),
            service=service.kind,
            plan=facts,
            credential=credential if isinstance(credential, Sensitive) else None,
            scope=str(request.scope),
            address=str(request.address),
            instance=request.instance,
        )
