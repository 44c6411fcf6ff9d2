"""What a record says its database must be, and how the database that is there differs. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from declarative_paas.providers.addons.databases import DatabaseFacts, DatabaseSpec
from declarative_paas.providers.addons.records import InstanceRecord, PlanFact

NO_LIMIT = -1


def database_spec(record: InstanceRecord) -> DatabaseSpec:
    return DatabaseSpec(
        name=record.details["database"],
        key=record.key,
        verifier=record.details["verifier"],
        connection_limit=connection_limit(record.plan),
    )


def connection_limit(plan: Mapping[str, PlanFact]) -> int:
    """A plan's, as a role has it: -1 is none."""
    limit = plan.get("connection_limit")
    return NO_LIMIT if limit is None else int(limit)


def database_problems(record: InstanceRecord, name: str, facts: DatabaseFacts | None) -> tuple[str, ...]:
    """How a database differs from its record, in words."""
    problems: list[str] = []
    if not (facts and facts.exists):
        lost = "its data is lost" if record.provisioned else "making it was interrupted"
        problems.append(f"database {name} is missing: {lost}")
    if not (facts and facts.role_exists):
        problems.append(f"role {name} is missing")
        return tuple(problems)
    wanted = connection_limit(record.plan)
    checks = (
        (not facts.can_login, f"role {name} may not log in"),
        (facts.verifier != record.details["verifier"], f"the password of role {name} was changed"),
        (facts.connection_limit != wanted, f"connection limit is {facts.connection_limit}, should be {wanted}"),
        (
            facts.exists and not facts.is_held and facts.owner != name,
            f"database {name} belongs to {facts.owner}, not to its role",
        ),
        (facts.exists and facts.open_to_public, f"database {name} is open to other roles"),
        (facts.exists and not facts.key, f"database {name} has lost its mark"),
    )
    return (*problems, *(text for wrong, text in checks if wrong))
