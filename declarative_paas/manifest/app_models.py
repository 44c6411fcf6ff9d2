"""The `App` kind. A field left out is None: not managed, and never shown as a difference."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from declarative_paas.manifest import formats
from declarative_paas.manifest.model_base import (
    API_VERSION,
    AppName,
    ManifestModel,
    RegionName,
    SecretReference,
    Text,
    choice_of,
)

MAX_QUANTITY = 100
"""Dynos an app (Heroku's limit)."""

ConfigKey: TypeAlias = Annotated[str, StringConstraints(pattern=formats.CONFIG_KEY.pattern)]
Alias: TypeAlias = Annotated[str, StringConstraints(pattern=formats.ALIAS.pattern)]
ProcessType: TypeAlias = Annotated[str, StringConstraints(pattern=formats.PROCESS_TYPE.pattern)]
Domain: TypeAlias = Annotated[str, StringConstraints(pattern=formats.DOMAIN.pattern)]
Drain: TypeAlias = Annotated[str, StringConstraints(pattern=formats.DRAIN.pattern)]
IgnoredField: TypeAlias = Annotated[str, StringConstraints(pattern=formats.IGNORED_FIELD.pattern)]
ResourceText: TypeAlias = Annotated[str, StringConstraints(pattern=formats.REMOVED_ADDRESS.pattern)]
ScalarText: TypeAlias = Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""Text; numbers and booleans are taken as the text they were written as (`1.10` stays `1.10`)."""


def _build_argument(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise PydanticCustomError("build_argument", "text")


BuildArgument: TypeAlias = Annotated[
    Any, AfterValidator(_build_argument), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
"""Text as `ScalarText`. A mapping most likely means a secret, which a build argument cannot be: that has a message."""


class SourcePath(ManifestModel):
    """A directory that is built: into a slug or, where it says so, into the image of its Dockerfile."""

    path: Text = Field(description="The app's source directory, relative to the file that declares it.")
    dockerfile: Text | None = Field(
        default=None,
        description="A Dockerfile, relative to `path`: the app is the image that it makes. Left out: a slug is built.",
    )
    target: Text | None = Field(
        default=None, description="The stage of the Dockerfile that is built. Left out: its last one."
    )
    args: dict[ConfigKey, BuildArgument] | None = Field(
        default=None,
        description="The Dockerfile's build arguments. They stay readable in the image: no place for secrets.",
    )


class SourceImage(ManifestModel):
    """A container image, run as it is."""

    image: Text = Field(description="A container image, best by digest: registry/name@sha256:…")


def source_choice(value: Any) -> str | None:
    return choice_of(("path", "image"), value)


Source: TypeAlias = Annotated[
    Annotated[SourcePath, Tag("<path>")] | Annotated[SourceImage, Tag("<image>")], Discriminator(source_choice)
]


class GeneratedValue(ManifestModel):
    """A secret made once, at random, and kept from then on."""

    generate: int = Field(
        ge=8, le=256, description="The length, in characters, of the random secret to make: 8 to 256."
    )


class AppAttribute(ManifestModel):
    """What another app is known by."""

    app: AppName = Field(description="The other app's name.")
    attribute: Literal["url", "host", "name", "region", "release"] = Field(
        description="url (http://host:port), host, name, region, or release (the current release's number)."
    )


class AppConfig(ManifestModel):
    """The value of another app's config key."""

    app: AppName = Field(description="The other app's name.")
    config: ConfigKey = Field(description="The config key of the other app whose value is taken.")


def config_choice(value: Any) -> str | None:
    if isinstance(value, str):
        return "<text>"
    tag = choice_of(("secret", "generate", "config", "attribute", "app"), value)
    # `{app: api}` alone lacks its other half; an attribute is the likelier one.
    return "<attribute>" if tag == "<app>" else tag


ConfigValue: TypeAlias = Annotated[
    Annotated[ScalarText, Tag("<text>")]
    | Annotated[SecretReference, Tag("<secret>")]
    | Annotated[GeneratedValue, Tag("<generate>")]
    | Annotated[AppConfig, Tag("<config>")]
    | Annotated[AppAttribute, Tag("<attribute>")],
    Discriminator(config_choice),
]


class ProcessFormation(ManifestModel):
    """One process type: what runs, how large, how often."""

    command: Text | None = Field(
        default=None, description="The command line, run by a shell. Left out: the Procfile's or the image's own."
    )
    size: Text | None = Field(default=None, description="The dyno size from the catalog, such as standard-1x.")
    quantity: int = Field(default=1, ge=0, le=MAX_QUANTITY, description="How many dynos run: 0 to 100.")
    health: Annotated[str, StringConstraints(pattern=formats.HEALTH_PATH.pattern)] | None = Field(
        default=None,
        description="A path that answers 2xx or 3xx when a web dyno is ready. Left out: bound to $PORT is ready.",
    )


class Lifecycle(ManifestModel):
    """When and how a part of the app is made anew."""

    create_before_destroy: bool | None = Field(
        default=None,
        description="true: when it is replaced, the new one is made and used before the old one is deleted. "
        "For add-ons: there can be one app, release or formation of a name.",
    )
    replace_triggered_by: tuple[ResourceText, ...] | None = Field(
        default=None,
        description="Addresses of other resources, such as addon.shop/DATABASE: "
        "when a plan changes or replaces one of them, it replaces this part too.",
    )


class AppLifecycle(ManifestModel):
    """When and how the app itself, its release or its formation is made anew."""

    app: Lifecycle | None = Field(default=None, description="The app with all its parts.")
    release: Lifecycle | None = Field(
        default=None, description="The release, and the formation that runs it: the release command runs again."
    )
    formation: Lifecycle | None = Field(
        default=None, description="The formation: all dynos stop before new ones start, unlike at a new release."
    )


class AddonPlan(ManifestModel):
    """An add-on that belongs to this app."""

    plan: Annotated[str, StringConstraints(pattern=formats.PLAN.pattern)] = Field(
        description="SERVICE:PLAN from the catalog, such as postgres:standard-0."
    )
    alias: Alias = Field(
        alias="as", description="The name in this app; config keys begin with it: DATABASE gives DATABASE_URL."
    )
    version: ScalarText | None = Field(
        default=None, description="The engine's major version, such as 17. Left out: the newest."
    )
    credentials: SecretReference | None = Field(
        default=None, description="For an external service: the secret that holds its config values."
    )
    protect: bool | None = Field(
        default=None,
        description="Whether destroying its data needs an explicit confirmation. Left out: yes, when it holds data. "
        "false lifts it for the applies after the one that records it.",
    )
    lifecycle: Lifecycle | None = Field(default=None, description="When and how the add-on is made anew.")


class AddonAttach(ManifestModel):
    """Another app's add-on, used here too."""

    attach: Annotated[str, StringConstraints(pattern=formats.ATTACHED.pattern)] = Field(
        description="APP/ALIAS of an add-on that another app owns, such as billing/DATABASE."
    )
    alias: Alias = Field(alias="as", description="The name in this app; config keys begin with it.")


def addon_choice(value: Any) -> str | None:
    return choice_of(("plan", "attach"), value)


Addon: TypeAlias = Annotated[
    Annotated[AddonPlan, Tag("<plan>")] | Annotated[AddonAttach, Tag("<attach>")], Discriminator(addon_choice)
]


class AppMetadata(ManifestModel):
    """What the app is called."""

    name: AppName = Field(
        description="The app's name, unique in the platform: 3 to 30 lower-case letters, digits, hyphens."
    )
    labels: dict[str, ScalarText] | None = Field(default=None, description="Free labels to select and group apps by.")


class AppSpec(ManifestModel):
    """What the app is to be."""

    region: RegionName = Field(description="The region it runs in: one that the Platform declares.")
    stack: Text | None = Field(
        default=None, description="The base system its dynos run on. Left out: the provider's default."
    )
    source: Source = Field(description="Where the code comes from: a path or an image.")
    build: Text | None = Field(
        default=None, description="The build command, run in a copy of the source. Left out: detected from the source."
    )
    release: Text | None = Field(
        default=None,
        description="The release command (migrations): run once before new dynos start; its failure stops the release.",
    )
    config: dict[ConfigKey, ConfigValue] | None = Field(
        default=None, description="Config vars, the dynos' environment: text, or where the value comes from."
    )
    formation: dict[ProcessType, ProcessFormation] | None = Field(
        default=None, description="Process types by name; only `web` receives requests."
    )
    addons: tuple[Addon, ...] | None = Field(
        default=None, description="Add-ons: owned ones (plan) and shared ones (attach)."
    )
    domains: tuple[Domain, ...] | None = Field(
        default=None, description="Host names that the router sends to this app."
    )
    drains: tuple[Drain, ...] | None = Field(default=None, description="Where the app's log lines are sent.")
    move: dict[Alias, Literal["copy", "follow"]] | None = Field(
        default=None,
        description="How the data of an add-on, by alias, comes along when `region` changes. copy (the default): "
        "while nobody writes. follow: a follower keeps up with it first, so that writes stop for seconds.",
    )
    maintenance: bool | None = Field(default=None, description="true: the router answers with the maintenance page.")
    residency: Annotated[str, StringConstraints(pattern=formats.JURISDICTION.pattern)] | None = Field(
        default=None, description="The jurisdiction that the app and all its data must stay in, such as US."
    )
    protect: bool | None = Field(
        default=None,
        description="true: destroying the app needs an explicit confirmation, also when its manifest is gone. "
        "Only false lifts it, for the applies after the one that records it.",
    )
    lifecycle: AppLifecycle | None = Field(
        default=None, description="When the app, its release or its formation is made anew because something else is."
    )
    ignore: tuple[IgnoredField, ...] | None = Field(
        default=None,
        description="Fields that somebody else manages, such as formation.web.quantity or config.LOG_LEVEL: "
        "set when the resource is made, left as they are from then on, and never shown as drift.",
    )


class AppDocument(ManifestModel):
    """One app: its source, processes, config, add-ons and domains."""

    api_version: Literal["paas/v1"] = Field(
        default=API_VERSION, alias="apiVersion", description="The manifest's version."
    )
    kind: Literal["App"] = Field(description="App.")
    metadata: AppMetadata = Field(description="What the app is called.")
    spec: AppSpec = Field(description="What the app is to be.")
