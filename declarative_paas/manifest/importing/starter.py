"""What `dpaas init` writes."""

from __future__ import annotations

from declarative_paas.manifest.importing.draft import app_name
from declarative_paas.manifest.importing.yaml_writer import scalar

_PLATFORM = """\
apiVersion: paas/v1
kind: Platform
metadata:
  name: {name}
spec:
  # Where the platform's state is kept, relative to this file.
  state: sqlite:.dpaas/state.db
  regions:
    us:
      provider: local
      jurisdiction: US
    # A second region beside it:
    # eu: {{provider: local, jurisdiction: EU}}
"""
_APP = """\
apiVersion: paas/v1
kind: App
metadata:
  name: {name}
spec:
  region: us
  source:
    path: {source}
  # Runs once before new dynos start; when it fails the old release goes on serving.
  # release: python manage.py migrate
  config:
    LOG_LEVEL: info
    # Made once, at random, and kept:
    SESSION_KEY: {{generate: 32}}
    # Named here, stored elsewhere:
    # API_TOKEN: {{secret: api-token}}
  formation:
    # Only web receives requests, on $PORT.
    web:{command}
      size: basic
      quantity: 1
  # addons:
  #   - {{plan: postgres:essential-0, as: DATABASE}}
  # domains:
  #   - www.example.com
"""


_COMMAND = """
      # To be replaced by your own; a Procfile in the source can say it too.
      command: python3 -m http.server $PORT"""


def schema_line(schema: str) -> str:
    """The line that tells an editor the schema: its URL, or its path from the file."""
    return f"# yaml-language-server: $schema={schema}\n"


def starter_platform(name: str) -> str:
    """A Platform with one local region. The name is made valid when it is not."""
    return _PLATFORM.format(name=scalar(app_name(name)))


def starter_app(name: str, *, source: str = ".", command: bool = False) -> str:
    """An App that shows the common fields; with a `command` where its source tells none."""
    return _APP.format(name=scalar(app_name(name)), source=scalar(source), command=_COMMAND if command else "")


def starter(name: str, *, app: str | None = None, source: str = ".", schema: str | None = None) -> str:
    """A whole manifest: the Platform, and an App (the text of one, when there is one already)."""
    head = "" if schema is None else schema_line(schema)
    return f"{head}{starter_platform(name)}---\n{app or starter_app(name, source=source)}"
