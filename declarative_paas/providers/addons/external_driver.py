"""Services that run elsewhere (logging, APM, mail): the add-on is the credential that the user gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.driver import (
    AddonInstance,
    AddonReading,
    CredentialKeeper,
    Outputs,
    Progress,
    Repaired,
)
from declarative_paas.providers.addons.records import InstanceRecord, PlanFact, open_sealed

SERVICE = "external"


class ExternalDriver:
    """Keeps the credential sealed; no server, nothing that can break."""

    def provision(self, region: CredentialKeeper, instance: AddonInstance, on_progress: Progress) -> Outputs:
        with region.records.lock(instance.key):
            return self._store(region, instance, instance.plan).outputs

    def read_all(self, region: CredentialKeeper) -> Mapping[str, AddonReading]:
        return {
            key: AddonReading(problems=(), plan=record.plan, outputs=_outputs(region, record))
            for key, record in region.records.all(SERVICE).items()
        }

    def repair(self, region: CredentialKeeper, instance: AddonInstance) -> Repaired:
        record = region.records.read(instance.key)
        return self.update(region, instance, record.plan if record else instance.plan)

    def update(self, region: CredentialKeeper, instance: AddonInstance, plan: Mapping[str, PlanFact]) -> Repaired:
        with region.records.lock(instance.key):
            return self._store(region, instance, plan)

    def deprovision(self, region: CredentialKeeper, instance: AddonInstance) -> None:
        with region.records.lock(instance.key):
            region.records.remove(instance.key)

    def unused_servers(self, region: CredentialKeeper) -> tuple[str, ...]:
        return ()

    def _store(self, region: CredentialKeeper, instance: AddonInstance, plan: Mapping[str, PlanFact]) -> Repaired:
        """Records the credential that came with the call, else keeps the one from before."""
        before = region.records.read(instance.key)
        if instance.credential is None and before is None:
            summary = f"the add-on {instance.app}/{instance.alias} needs a credential: its service runs elsewhere"
            raise ProviderError(ErrorKind.INVALID, summary)
        old = open_sealed(region.keyring, before.sealed, before.key) if before else None
        if before and instance.credential in (None, old):
            record = replace(before, plan=plan)
            done: tuple[str, ...] = ()
        else:
            assert instance.credential is not None
            record = InstanceRecord(
                key=instance.key,
                service=SERVICE,
                app=instance.app,
                alias=instance.alias,
                plan=plan,
                sealed=region.keyring.seal(instance.credential.reveal()),
                details={},
                provisioned=True,
            )
            done = ("stored the new credential",) if before else ()
        if record != before:
            region.records.write(record)
        return Repaired(outputs=_outputs(region, record), done=done)


def _outputs(region: CredentialKeeper, record: InstanceRecord) -> Outputs:
    return {"id": record.key, "url": open_sealed(region.keyring, record.sealed, record.key)}
