"""The `Platform` kind: where state is kept, which regions there are, which variables manifests may use."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from declarative_paas.manifest import formats
from declarative_paas.manifest.app_models import ScalarText
from declarative_paas.manifest.model_base import API_VERSION, ManifestModel, RegionName, SecretName, Text, choice_of
from declarative_paas.manifest.nodes import ScalarValue

DEFAULT_STATE = "sqlite:.dpaas/state.db"

VariableName: TypeAlias = Annotated[str, StringConstraints(pattern=formats.VARIABLE_NAME.pattern)]
PlatformName: TypeAlias = Annotated[str, StringConstraints(pattern=formats.PLATFORM_NAME.pattern)]


def _scalar(value: Any) -> ScalarValue:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise PydanticCustomError("scalar_type", "a single value")


AnyScalar: TypeAlias = Annotated[
    Any, AfterValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})
]


class Region(ManifestModel):
    """One place where apps run, and the provider that runs them."""

    provider: Text = Field(description="What runs it: docker, local or memory.")
    jurisdiction: Annotated[str, StringConstraints(pattern=formats.JURISDICTION.pattern)] | None = Field(
        default=None,
        description="Whose law its data is under, such as US or EU. Left out: the catalog's, for its own regions.",
    )
    host: Text | None = Field(
        default=None, description="Where it is reached, for providers that are not on this machine."
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="The router's TCP port. Left out: a free one, chosen once and kept."
    )
    user: Text | None = Field(default=None, description="The unprivileged system user that dynos and add-ons run as.")
    options: dict[str, Any] | None = Field(default=None, description="Settings of the provider itself.")


class Variable(ManifestModel):
    """A value that manifests refer to as ${var.NAME}."""

    default: AnyScalar = Field(default=None, description="The value when none is given. Left out: one must be.")
    description: str | None = Field(default=None, description="What it is for.")
    type: Literal["string", "integer", "number", "boolean"] | None = Field(
        default=None,
        description="What a given value is read as. Left out: as the default's type; without one, as YAML would.",
    )


class SecretFromEnvironment(ManifestModel):
    """A secret that the environment of the command holds."""

    env: Annotated[str, StringConstraints(pattern=formats.CONFIG_KEY.pattern)] = Field(
        description="The environment variable of the dpaas command whose value it is."
    )


class SecretFromFile(ManifestModel):
    """A secret that a file outside the repository holds."""

    file: Text = Field(
        description="The file whose content is the value, less one line end; relative to this file, `~` is your home."
    )


class SecretFromEncryptedFile(ManifestModel):
    """A secret in an encrypted file that lies in the repository."""

    encrypted: Text = Field(description="The encrypted file, relative to this one. `dpaas secrets set` writes into it.")


def secret_source_choice(value: Any) -> str | None:
    return choice_of(("env", "file", "encrypted"), value)


SecretSource: TypeAlias = Annotated[
    Annotated[SecretFromEnvironment, Tag("<env>")]
    | Annotated[SecretFromFile, Tag("<file>")]
    | Annotated[SecretFromEncryptedFile, Tag("<encrypted>")],
    Discriminator(secret_source_choice),
]


class MovedResource(ManifestModel):
    """What was recorded under one name and has another one now."""

    source: Annotated[str, StringConstraints(pattern=formats.MOVED_ADDRESS.pattern)] = Field(
        alias="from", description="The address it is recorded under: app.APP, addon.APP/ALIAS or secret.APP/KEY."
    )
    to: Annotated[str, StringConstraints(pattern=formats.MOVED_ADDRESS.pattern)] = Field(
        description="Its address now, of the same type. For an app, everything of the app moves along."
    )


class RemovedResource(ManifestModel):
    """What is not declared any more, and what becomes of it."""

    address: Annotated[str, StringConstraints(pattern=formats.REMOVED_ADDRESS.pattern)] = Field(
        description="Its address, such as addon.shop/DATABASE. For an app that is kept: everything of the app."
    )
    destroy: bool = Field(
        description="true: consent to destroy it, in the place of --confirm. false: keep it, forget its record."
    )
    reason: Text | None = Field(default=None, description="Why, for those who read the plan.")


class PlatformMetadata(ManifestModel):
    """What the platform is called."""

    name: PlatformName = Field(
        description="The platform's name; with the environment it names the scope of every resource."
    )
    labels: dict[str, ScalarText] | None = Field(default=None, description="Free labels.")


class PlatformSpec(ManifestModel):
    """What the platform is made of."""

    state: Annotated[str, StringConstraints(pattern=formats.STATE_URL.pattern)] = Field(
        default=DEFAULT_STATE,
        description="Where state is kept: sqlite:PATH, relative to this file, or postgresql://HOST/DATABASE.",
    )
    regions: dict[RegionName, Region] = Field(min_length=1, description="The regions, by name.")
    catalog: dict[str, Any] | None = Field(
        default=None, description="Additions to the catalog: sizes, services with their plans, regions."
    )
    variables: dict[VariableName, Variable] | None = Field(
        default=None,
        description="Variables that manifests use as ${var.NAME}; set by DPAAS_VAR_NAME, --var-file, --var.",
    )
    secrets: dict[SecretName, SecretSource] | None = Field(
        default=None,
        description="Where secrets come from, by name: env, file or encrypted. Left out: `dpaas secrets set`.",
    )
    moved: tuple[MovedResource, ...] | None = Field(
        default=None, description="Resources that have another name now: their data stays where it is."
    )
    removed: tuple[RemovedResource, ...] | None = Field(
        default=None, description="Resources that are not declared any more: destroyed with consent, or let go."
    )


class PlatformDocument(ManifestModel):
    """The platform: exactly one in a set of manifests."""

    api_version: Literal["paas/v1"] = Field(
        default=API_VERSION, alias="apiVersion", description="The manifest's version."
    )
    kind: Literal["Platform"] = Field(description="Platform.")
    metadata: PlatformMetadata = Field(description="What the platform is called.")
    spec: PlatformSpec = Field(description="What the platform is made of.")
