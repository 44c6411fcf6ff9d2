"""Every JSON Schema that stands in `schemas/`: of what people write, and of what commands print."""

from __future__ import annotations

import json


def published_schemas() -> dict[str, str]:
    """File name -> exactly what stands there."""
    from declarative_paas.core import event_schema
    from declarative_paas.manifest.schema import schema_texts
    from declarative_paas.preview.json_schema import FILE, plan_schema

    return {
        **schema_texts(),
        event_schema.FILE_NAME: event_schema.event_schema_text(),
        FILE: json.dumps(plan_schema(), indent=2) + "\n",
    }
