"""Graphs as DOT, Mermaid and SVG: nothing is lost, nothing overlaps, nothing breaks out of its quotes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preview_case import HOSTILE

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.graph import CycleError
from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference
from declarative_paas.preview.graph import (
    COLOURS,
    Graph,
    Node,
    graph_of_plan,
    graph_of_resources,
    render_graph,
)
from declarative_paas.preview.values import printable

SVG = "{http://www.w3.org/2000/svg}"
at = ResourceAddress.parse


@st.composite
def graphs(draw: Callable[..., Any], most: int = 40) -> Graph:
    """A random acyclic graph: each node needs only earlier ones."""
    count = draw(st.integers(0, most))
    labels = st.one_of(st.text("abc", max_size=30), st.just(HOSTILE), st.text(max_size=8))
    nodes = tuple(
        Node(
            id=f"n{number:02}",
            group=draw(st.sampled_from(["a", "b", HOSTILE])),
            label=draw(labels),
            action=draw(st.sampled_from(sorted(COLOURS))),
        )
        for number in range(count)
    )
    pairs = st.tuples(st.integers(0, max(count - 1, 0)), st.integers(0, max(count - 1, 0)))
    chosen = draw(st.sets(pairs, max_size=2 * count)) if count > 1 else set()
    edges = sorted((f"n{max(pair):02}", f"n{min(pair):02}") for pair in chosen if pair[0] != pair[1])
    return Graph(nodes=nodes, edges=tuple(dict.fromkeys(edges)))


def chain_with_hub(count: int) -> Graph:
    """Everything needs the first, and every tenth starts a chain: the shape of a platform of many apps."""
    nodes = tuple(Node(id=f"n{number:03}", group="g", label=f"create n{number}") for number in range(count))
    edges = {(f"n{number:03}", "n000") for number in range(1, count)}
    edges |= {(f"n{number:03}", f"n{number - 1:03}") for number in range(1, count) if number % 10}
    return Graph(nodes=nodes, edges=tuple(sorted(edges)))


def boxes_of(root: ET.Element) -> list[tuple[float, float, float, float]]:
    """(left, top, right, bottom) of each node, in drawing order."""
    found = []
    for rect in root.findall(f"{SVG}g/{SVG}rect"):
        x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        found.append((x, y, x + width, y + height))
    return found


def paths_of(root: ET.Element) -> list[list[tuple[str, list[tuple[float, float]]]]]:
    """Each line's pieces: the command, and the points it names."""
    found = []
    for path in root.findall(f"{SVG}path"):
        pieces = []
        for command, numbers in re.findall(r"([MLC])([-\d. ]+)", path.attrib["d"]):
            flat = [float(number) for number in numbers.split()]
            pieces.append((command, list(zip(flat[::2], flat[1::2], strict=True))))
        found.append(pieces)
    return found


def check_drawing(graph: Graph) -> None:
    root = ET.fromstring(render_graph(graph, "svg"))
    boxes = boxes_of(root)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert [text.text or "" for text in root.findall(f"{SVG}g/{SVG}text")] == [
        printable(node.label) for node in graph.nodes
    ]
    _check_apart(boxes)
    assert all(left >= 0 and top >= 0 and right <= width and bottom <= height for left, top, right, bottom in boxes)
    place = dict(zip((node.id for node in graph.nodes), boxes, strict=True))
    paths = paths_of(root)
    assert len(paths) == len(graph.edges)
    for (needing, needed), pieces in zip(graph.edges, paths, strict=True):
        (start,), end = pieces[0][1], pieces[-1][1][-1]
        assert start == pytest.approx((place[needed][2], (place[needed][1] + place[needed][3]) / 2), abs=0.2)
        assert end == pytest.approx((place[needing][0], (place[needing][1] + place[needing][3]) / 2), abs=0.2)
        _check_clear(pieces, boxes)


def _check_apart(boxes: list[tuple[float, float, float, float]]) -> None:
    """Within a column boxes are sorted and apart; columns are apart as a whole."""
    columns: dict[float, list[tuple[float, float, float, float]]] = {}
    for box in boxes:
        columns.setdefault(box[0], []).append(box)
    edge = 0.0
    for left in sorted(columns):
        assert left >= edge
        edge = max(box[2] for box in columns[left])
        ordered = sorted(columns[left], key=lambda box: box[1])
        assert all(upper[3] < lower[1] for upper, lower in pairwise(ordered))


def _check_clear(
    pieces: list[tuple[str, list[tuple[float, float]]]], boxes: list[tuple[float, float, float, float]]
) -> None:
    """Level pieces pass no box; curved ones stay within a gap, where there is none."""
    here = pieces[0][1][0]
    for _, points in pieces[1:]:
        end = points[-1]
        low, high = sorted((here[1], end[1]))
        for left, top, right, bottom in boxes:
            if right - 0.2 > here[0] and left + 0.2 < end[0]:
                assert high < top + 0.2 or low > bottom - 0.2
        here = end


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_a_drawing_shows_every_node_and_edge_and_no_two_boxes_or_lines_on_a_box(graph):
    check_drawing(graph)


@settings(max_examples=40, deadline=None)
@given(graphs(most=12))
def test_dot_is_balanced_and_names_every_node_and_edge_once(graph):
    text = render_graph(graph, "dot")
    assert all(line.isprintable() for line in text.split("\n"))
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", text)
    assert '"' not in bare
    assert bare.count("{") == bare.count("}")
    assert bare.count("[label=Q, fillcolor=Q];") == len(graph.nodes)
    assert bare.count("Q -> Q;") == len(graph.edges)
    for start, end in graph.edges:
        assert f'"{start}" -> "{end}";' in text


@settings(max_examples=40, deadline=None)
@given(graphs(most=12))
def test_mermaid_has_a_line_for_every_node_and_edge_and_no_label_that_ends_its_quotes(graph):
    lines = render_graph(graph, "mermaid").splitlines()
    assert lines[0] == "flowchart LR"
    nodes = [line for line in lines if re.fullmatch(r'    n\d+\["[^"\[\]{}<>|`\n]*"\]', line)]
    edges = [line for line in lines if re.fullmatch(r"  n\d+ --> n\d+", line)]
    styles = [line for line in lines if re.fullmatch(r"  style n\d+ fill:#[0-9a-f]{6}", line)]
    groups = [line for line in lines if re.fullmatch(r'  subgraph g\d+\["[^"\[\]{}<>|`\n]*"\]', line)]
    assert len(nodes) == len(graph.nodes)
    assert len(edges) == len(graph.edges)
    assert len(styles) == sum(bool(node.action) for node in graph.nodes)
    assert len(groups) == lines.count("  end") == len({node.group for node in graph.nodes})
    assert len(lines) == 1 + len(nodes) + len(edges) + len(styles) + 2 * len(groups)


def test_quotes_and_backslashes_in_dot_are_escaped():
    graph = Graph(nodes=(Node(id='a"b', group="g", label="back\\slash\n"),), edges=())
    text = render_graph(graph, "dot")
    assert '"a\\"b" [label="back\\\\slash\\\\n"' in text


def test_special_characters_in_mermaid_are_numeric_entities():
    graph = Graph(nodes=(Node(id="a", group="g", label='say "hi" [now] #1'),), edges=())
    assert '["say #34;hi#34; #91;now#93; #35;1"]' in render_graph(graph, "mermaid")


def test_five_hundred_nodes_are_drawn_whole():
    check_drawing(chain_with_hub(500))


def test_a_chain_of_five_hundred_is_drawn_whole():
    nodes = tuple(Node(id=f"n{number:03}", group="g", label=f"n{number}") for number in range(500))
    edges = [(f"n{number:03}", f"n{number - 1:03}") for number in range(1, 500)]
    edges += [(f"n{number:03}", "n000") for number in range(2, 500, 50)]
    check_drawing(Graph(nodes=nodes, edges=tuple(sorted(edges))))


def test_lines_to_the_same_box_share_their_way():
    graph = Graph(
        nodes=tuple(Node(id=name, group="g", label=name) for name in "abcde"),
        edges=(("b", "a"), ("c", "a"), ("c", "b"), ("d", "a"), ("d", "c"), ("e", "a"), ("e", "d")),
    )
    paths = dict(zip(graph.edges, paths_of(ET.fromstring(render_graph(graph, "svg"))), strict=True))
    assert paths["d", "a"][:4] == paths["e", "a"][:4] == paths["c", "a"][:4]


def test_an_empty_graph_is_a_drawing_too():
    assert boxes_of(ET.fromstring(render_graph(Graph(nodes=(), edges=()), "svg"))) == []


def test_a_circle_is_refused_with_its_path():
    graph = Graph(
        nodes=(Node(id="a", group="g", label="a"), Node(id="b", group="g", label="b")), edges=(("a", "b"), ("b", "a"))
    )
    with pytest.raises(CycleError):
        render_graph(graph, "svg")


def test_a_plan_s_graph_has_its_changes_and_the_dependencies_between_them():
    plan = plan_of(
        change("app.shop"),
        change("config.shop", dependencies=(at("app.shop"),)),
        change("release.shop", dependencies=(at("config.shop"), at("slug.shop"))),
    )
    graph = graph_of_plan(plan)
    assert [node.id for node in graph.nodes] == ["app.shop", "config.shop", "release.shop"]
    assert graph.edges == (("config.shop", "app.shop"), ("release.shop", "config.shop"))
    assert graph.nodes[0].label == "create app.shop"


def test_what_an_interrupted_replacement_left_over_is_a_node_of_its_own():
    plan = plan_of(
        change("addon.shop/DB", instance="new"),
        change("addon.shop/DB", Action.DELETE, instance="old"),
        change("attachment.shop/DB", dependencies=(at("addon.shop/DB"),)),
    )
    graph = graph_of_plan(plan)
    assert [node.id for node in graph.nodes] == ["addon.shop/DB", "addon.shop/DB#old", "attachment.shop/DB"]
    assert graph.edges == (("attachment.shop/DB", "addon.shop/DB"),)


def test_desired_resources_are_linked_by_their_references_and_by_their_order():
    app = Resource(address=at("app.shop"), region="us", attributes={})
    config = Resource(
        address=at("config.shop"),
        region="us",
        attributes={"vars": {"U": Reference(at("app.api"), "url")}},
        after=(app.address,),
    )
    api = Resource(address=at("app.api"), region="us", attributes={})
    graph = graph_of_resources({resource.address: resource for resource in (config, app, api)})
    assert [node.id for node in graph.nodes] == ["app.api", "app.shop", "config.shop"]
    assert graph.edges == (("config.shop", "app.api"), ("config.shop", "app.shop"))


def change(address: str, action: Action = Action.CREATE, instance: str = "i", **parts: Any) -> Change:
    return Change(address=at(address), action=action, region="us", instance=instance, **parts)


def plan_of(*changes: Change) -> Plan:
    return Plan(scope=Scope("acme"), lineage="", serial=0, tool_version="", catalog_digest="", changes=changes)


def test_a_plan_s_graph_does_not_depend_on_the_order_of_its_changes():
    current = change("addon.shop/DB", Action.UPDATE, "new")
    leftover = change("addon.shop/DB", Action.DELETE, "old")
    assert graph_of_plan(plan_of(leftover, current)) == graph_of_plan(plan_of(current, leftover))


def test_what_stays_does_not_wait_for_the_leftover_of_what_it_needs():
    leftover = change("addon.shop/DB", Action.DELETE, "old", dependencies=(ResourceAddress.parse("config.shop"),))
    stays = change("config.shop", Action.UPDATE, dependencies=(ResourceAddress.parse("addon.shop/DB"),))
    assert graph_of_plan(plan_of(leftover, stays)).edges == (("addon.shop/DB", "config.shop"),)
