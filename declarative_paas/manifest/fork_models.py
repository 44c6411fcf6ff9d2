"""The `Fork` kind: an app again, in another region or beside itself, told by what differs from its source."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Discriminator, Field, StringConstraints, Tag

from declarative_paas.manifest import formats
from declarative_paas.manifest.app_models import (
    MAX_QUANTITY,
    Alias,
    AppMetadata,
    ConfigKey,
    ConfigValue,
    Domain,
    Drain,
    IgnoredField,
    ProcessType,
    ScalarText,
)
from declarative_paas.manifest.model_base import (
    API_VERSION,
    AppName,
    ManifestModel,
    RegionName,
    SecretReference,
    Text,
)

DATA_MODES: Final = ("copy", "empty", "share", "follow")

DataMode: TypeAlias = Literal["copy", "empty", "share", "follow"]


class ForkProcess(ManifestModel):
    """What differs of one process type."""

    command: Text | None = Field(default=None, description="The command line. Left out: the source's.")
    size: Text | None = Field(default=None, description="The dyno size. Left out: the source's.")
    quantity: int | None = Field(
        default=None,
        ge=0,
        le=MAX_QUANTITY,
        description="How many dynos run: 0 to 100. Left out: the source's.",
    )
    health: Annotated[str, StringConstraints(pattern=formats.HEALTH_PATH.pattern)] | None = Field(
        default=None, description="The health path of web dynos. Left out: the source's."
    )


class ForkAddon(ManifestModel):
    """What differs of one add-on."""

    plan: Annotated[str, StringConstraints(pattern=formats.PLAN.pattern)] | None = Field(
        default=None, description="SERVICE:PLAN of the same service. Left out: the source's plan."
    )
    version: ScalarText | None = Field(default=None, description="The engine's major version. Left out: the source's.")
    credentials: SecretReference | None = Field(
        default=None, description="For an external service: the secret that holds the fork's own credentials."
    )
    protect: bool | None = Field(
        default=None, description="Whether destroying its data needs an explicit confirmation. Left out: the source's."
    )


def domains_choice(value: Any) -> str | None:
    if isinstance(value, dict):
        return "<mapping>"
    return "<list>" if isinstance(value, (list, tuple)) else None


ForkDomains: TypeAlias = Annotated[
    Annotated[dict[Domain, Domain], Tag("<mapping>")] | Annotated[tuple[Domain, ...], Tag("<list>")],
    Discriminator(domains_choice),
]


class ForkSpec(ManifestModel):
    """What the fork is to be where it differs; whatever is left out follows its source."""

    source: AppName = Field(alias="from", description="The app, or the fork, that this is a fork of.")
    region: RegionName = Field(description="The region the fork runs in: one that the Platform declares.")
    data: dict[Alias, DataMode] | None = Field(
        default=None,
        description="What becomes of each add-on's data, by alias. copy: a verified copy, once. empty: none. "
        "share: the source's add-on itself is attached. follow: a follower that keeps up. Each add-on that holds "
        "data, and each one that the source shares, must be named.",
    )
    addons: dict[Alias, ForkAddon | None] | None = Field(
        default=None,
        description="Add-ons by alias that are to differ: another plan, version or credentials; null leaves one out.",
    )
    config: dict[ConfigKey, ConfigValue | None] | None = Field(
        default=None, description="Config vars that differ or are new; null leaves one of the source's out."
    )
    formation: dict[ProcessType, ForkProcess | None] | None = Field(
        default=None, description="Process types that differ; null leaves one of the source's out."
    )
    domains: ForkDomains | None = Field(
        default=None,
        description="Host names: the source's, each with the fork's own in its place, or a list of new ones. "
        "A source's host name that is not named stays the source's alone.",
    )
    drains: tuple[Drain, ...] | None = Field(
        default=None, description="Where the fork's log lines are sent. Left out: where the source's are."
    )
    stack: Text | None = Field(default=None, description="The base system. Left out: the source's.")
    residency: Annotated[str, StringConstraints(pattern=formats.JURISDICTION.pattern)] | None = Field(
        default=None, description="The jurisdiction of the fork and its data. Left out: the source's."
    )
    release: Text | None = Field(default=None, description="The release command. Left out: the source's.")
    protect: bool | None = Field(
        default=None, description="true: destroying the fork needs an explicit confirmation. Left out: the source's."
    )
    ignore: tuple[IgnoredField, ...] | None = Field(
        default=None, description="Fields that somebody else manages. Left out: the source's."
    )


class ForkDocument(ManifestModel):
    """A fork of one app: everything as its source has it, but for what stands here."""

    api_version: Literal["paas/v1"] = Field(
        default=API_VERSION, alias="apiVersion", description="The manifest's version."
    )
    kind: Literal["Fork"] = Field(description="Fork.")
    metadata: AppMetadata = Field(description="What the fork is called: an app's name of its own.")
    spec: ForkSpec = Field(description="What the fork is to be where it differs.")
