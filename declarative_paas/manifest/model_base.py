"""What all manifest models share: strict types, no unknown keys, no change after reading."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from declarative_paas.manifest.formats import APP_NAME, NOT_EMPTY, REGION_NAME, SECRET_NAME

API_VERSION: Final = "paas/v1"


class ManifestModel(BaseModel):
    """Strict: `"2"` is no number, an unknown key is a mistake. Field names in a manifest are the aliases."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, regex_engine="rust-regex", defer_build=True)


def choice_of(keys: tuple[str, ...], value: Any) -> str | None:
    """Which of several shapes a mapping wants to be: the first of `keys` it holds, as the union's tag."""
    if isinstance(value, dict):
        return next((f"<{key}>" for key in keys if key in value), None)
    return None


AppName: TypeAlias = Annotated[str, StringConstraints(pattern=APP_NAME.pattern)]
RegionName: TypeAlias = Annotated[str, StringConstraints(pattern=REGION_NAME.pattern)]
SecretName: TypeAlias = Annotated[str, StringConstraints(pattern=SECRET_NAME.pattern)]
Text: TypeAlias = Annotated[str, StringConstraints(pattern=NOT_EMPTY.pattern)]


class SecretReference(ManifestModel):
    """A value that the secret store holds; a manifest only names it."""

    secret: SecretName = Field(description="The secret's name in the secret store, such as storefront/secret-key.")
