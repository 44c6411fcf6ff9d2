"""A dependency graph as DOT, Mermaid or SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, assert_never

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.core.resource import Resource
from declarative_paas.preview.svg import render_svg
from declarative_paas.preview.values import printable

Format: TypeAlias = Literal["dot", "mermaid", "svg"]

COLOURS: Final[Mapping[str, str]] = {
    Action.CREATE.value: "#d4f4dd",
    Action.UPDATE.value: "#fff3cd",
    Action.REPLACE.value: "#e8d5f5",
    Action.DELETE.value: "#f8d7da",
    Action.FORGET.value: "#e9ecef",
    "": "#f8f9fa",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """`action` is empty for a resource that does not change."""

    id: str
    group: str
    label: str
    action: str = ""

    @property
    def colour(self) -> str:
        return COLOURS[self.action]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """`edges` lead from what waits to what it waits for."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]


def graph_of_plan(plan: Plan) -> Graph:
    """A node a change, an edge a dependency between two changes.

    What an interrupted replacement left over shares its address with the current one: its node is told
    apart by its instance, and what depends on the address depends on the current one. The order of
    `plan.changes` has no influence.
    """
    nodes: dict[str, Node] = {}
    edges: set[tuple[str, str]] = set()
    changing = {str(change.address) for change in plan.changes}
    staying = {str(change.address) for change in plan.changes if not _removes(change)}
    for name, change in named_changes(plan):
        address = str(change.address)
        nodes[name] = Node(
            id=name, group=change.address.app, label=f"{change.action.value} {name}", action=change.action.value
        )
        # What stays needs nothing that goes: only a leftover of what it needs, itself unchanged, is deleted.
        possible = changing if _removes(change) else staying
        edges |= {
            (name, needed) for needed in map(str, change.dependencies) if needed in possible and needed != address
        }
    return Graph(nodes=tuple(nodes[name] for name in sorted(nodes)), edges=tuple(sorted(edges)))


def named_changes(plan: Plan) -> Iterator[tuple[str, Change]]:
    """Every change by a name of its own: its address, and for a leftover of the same address its instance too."""
    seen: set[ResourceAddress] = set()
    for change in sorted(plan.changes, key=_current_first):
        yield (f"{change.address}#{change.instance}" if change.address in seen else str(change.address)), change
        seen.add(change.address)


def _current_first(change: Change) -> tuple[ResourceAddress, bool, str]:
    return change.address, _removes(change), change.instance


def _removes(change: Change) -> bool:
    return change.action in (Action.DELETE, Action.FORGET)


def graph_of_resources(resources: Mapping[ResourceAddress, Resource]) -> Graph:
    """A node a desired resource, changed or not."""
    nodes = tuple(Node(id=str(address), group=address.app, label=str(address)) for address in sorted(resources))
    edges = {
        (str(address), str(needed))
        for address, resource in resources.items()
        for needed in resource.dependencies()
        if needed in resources
    }
    return Graph(nodes=nodes, edges=tuple(sorted(edges)))


def render_graph(graph: Graph, form: Format) -> str:
    match form:
        case "dot":
            return _dot(graph)
        case "mermaid":
            return _mermaid(graph)
        case "svg":
            return render_svg([(node.id, node.label, node.colour) for node in graph.nodes], graph.edges)
        case _:
            assert_never(form)


def _groups(graph: Graph) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    for node in graph.nodes:
        found.setdefault(node.group, []).append(node)
    return found


def _dot(graph: Graph) -> str:
    lines = ["digraph dpaas {", "  rankdir=LR;", '  node [shape=box, style="filled,rounded", fontname="sans-serif"];']
    for number, (group, nodes) in enumerate(_groups(graph).items()):
        lines.append(f"  subgraph cluster_{number} {{")
        lines.append(f"    label={_quoted(group)};")
        lines += [f'    {_quoted(node.id)} [label={_quoted(node.label)}, fillcolor="{node.colour}"];' for node in nodes]
        lines.append("  }")
    lines += [f"  {_quoted(start)} -> {_quoted(end)};" for start, end in graph.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _mermaid(graph: Graph) -> str:
    names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for number, (group, nodes) in enumerate(_groups(graph).items()):
        lines.append(f'  subgraph g{number}["{_entity(group)}"]')
        lines += [f'    {names[node.id]}["{_entity(node.label)}"]' for node in nodes]
        lines.append("  end")
    lines += [f"  {names[start]} --> {names[end]}" for start, end in graph.edges]
    lines += [f"  style {names[node.id]} fill:{node.colour}" for node in graph.nodes if node.action]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + printable(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _entity(text: str) -> str:
    """Mermaid takes HTML's numeric entities, written with a hash."""
    return "".join(
        character if character.isalnum() or character in " ./-_" else f"#{ord(character)};" for character in text
    )
