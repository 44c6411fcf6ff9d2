"""Forks become apps: the source's document with what the fork says laid over it, each field with its own position.

From here on a fork is an app like any other, so that everything that holds for apps holds for forks: types,
rules, the catalog, references. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, Position, error, nearest
from declarative_paas.manifest.documents import Document, validate
from declarative_paas.manifest.fork_models import DataMode
from declarative_paas.manifest.manifests import AppManifest, Fork, ForkManifest
from declarative_paas.manifest.nodes import MappingNode, Node, Scalar, SequenceNode, child, text_at

_LAID_OVER: Final = ("drains", "stack", "residency", "release", "protect", "ignore", "region")
"""What a fork says of these stands for what its source says."""

_NOT_INHERITED: Final = ("maintenance", "move", "config", "formation", "addons", "domains")
"""A source in maintenance, or about to move, is no reason for the fork to be; the others are made anew from both,
part by part."""

_NOWHERE: Final = Position("", 0, 0)


def derive_forks(
    apps: Sequence[AppManifest], forks: Sequence[ForkManifest], *, broken: Collection[str] = ()
) -> tuple[list[AppManifest], list[Diagnostic]]:
    """Each fork as an app, sources before their forks, and what is wrong with them. A fork of a fork is fine.

    `broken`: apps and forks with a mistake of their own, told already, which nothing is derived from.
    """
    known = {app.name: app for app in apps}
    waiting = {fork.name: fork for fork in forks}
    diagnostics: list[Diagnostic] = []
    derived: list[AppManifest] = []
    unsound = set(broken)
    while waiting:
        ready = [fork for fork in waiting.values() if fork.spec.source not in waiting]
        if not ready:
            diagnostics.extend(_cycles(waiting))
            break
        for fork in ready:
            del waiting[fork.name]
            app, mistakes = _derived(fork, known, unsound, waiting)
            diagnostics.extend(mistakes)
            if app is None:
                unsound.add(fork.name)
            else:
                known[app.name] = app
                derived.append(app)
    return derived, diagnostics


def _derived(
    fork: ForkManifest, known: Mapping[str, AppManifest], broken: Collection[str], waiting: Collection[str]
) -> tuple[AppManifest | None, list[Diagnostic]]:
    source = known.get(fork.spec.source)
    if source is not None:
        return _derive(source, fork)
    # A source with a mistake of its own is told there.
    return None, [] if fork.spec.source in broken else [_without_source(fork, [*known, *waiting])]


def _without_source(fork: ForkManifest, names: Sequence[str]) -> Diagnostic:
    return error(
        "unknown-app",
        f"{fork.name} is a fork of {fork.spec.source!r}, which is not declared",
        fork.position("from"),
        expected="the name of a declared App or Fork; a source is kept in the manifests as long as it has forks",
        suggestion=nearest(fork.spec.source, names),
    )


def _cycles(waiting: Mapping[str, ForkManifest]) -> Iterator[Diagnostic]:
    """Each circle once, at its first member by name; forks that merely hang on a circle are its consequence."""
    told: set[str] = set()
    for start in sorted(waiting):
        path: list[str] = []
        name = start
        while name in waiting and name not in path:
            path.append(name)
            name = waiting[name].spec.source
        circle = path[path.index(name) :] if name in path else []
        if circle and not told & set(circle):
            told.update(circle)
            first = min(circle)
            turned = circle[circle.index(first) :] + circle[: circle.index(first)]
            what = f"{first} is a fork of itself" if len(turned) == 1 else "forks are each other's source in a circle"
            yield error(
                "fork-cycle",
                what if len(turned) == 1 else f"{what}: {' -> '.join([*turned, first])}",
                waiting[first].position("from"),
                expected="forks that lead to an App",
            )


def _derive(source: AppManifest, fork: ForkManifest) -> tuple[AppManifest | None, list[Diagnostic]]:
    laid = _Layer(source, fork)
    node = laid.document()
    if laid.diagnostics:
        return None, laid.diagnostics
    app, mistakes = validate(Document(kind="App", name=fork.name, node=node, has_variables=False))
    if not isinstance(app, AppManifest):
        return None, mistakes
    modes: Mapping[str, DataMode] = fork.spec.data or {}
    origin = Fork(manifest=fork, source=source.name, data=modes)
    return AppManifest(document=app.document, node=app.node, fork=origin), []


class _Layer:
    """One fork over one source, field by field."""

    def __init__(self, source: AppManifest, fork: ForkManifest) -> None:
        self._source = source
        self._fork = fork
        self._spec = _mapping(child(source.node, "spec"))
        self._over = _mapping(child(fork.node, "spec"))
        self.diagnostics: list[Diagnostic] = []

    def document(self) -> MappingNode:
        """The app's document: `metadata` is the fork's own, with its source's labels below its own."""
        node = self._fork.node
        entries: dict[str, Node] = {key: value for key, value in node.entries.items() if key == "apiVersion"}
        entries["kind"] = Scalar("App", "App", node.position)
        entries["metadata"] = self._metadata()
        entries["spec"] = self._spec_node()
        keys = {key: node.keys.get(key, node.position) for key in entries}
        return MappingNode(entries, keys, node.position)

    def _metadata(self) -> Node:
        own = _mapping(child(self._fork.node, "metadata"))
        labels = child(child(self._source.node, "metadata"), "labels")
        if not isinstance(labels, MappingNode):
            return own
        merged = _merged(labels, _mapping(own.entries.get("labels")))
        return _with(own, "labels", merged, own.keys.get("labels", own.position))

    def _spec_node(self) -> MappingNode:
        spec, over = self._spec, self._over
        made = MappingNode(
            {key: node for key, node in spec.entries.items() if key not in _NOT_INHERITED},
            {key: place for key, place in spec.keys.items() if key not in _NOT_INHERITED},
            over.position,
        )
        for key in _LAID_OVER:
            if key in over.entries:
                made = _with(made, key, over.entries[key], over.keys[key])
        for key, node in (
            ("config", self._config()),
            ("formation", self._formation()),
            ("addons", self._addons()),
            ("domains", self._domains()),
        ):
            if node is not None:
                place = over.keys.get(key) or spec.keys.get(key) or over.position
                made = _with(made, key, node, place)
        return made

    def _config(self) -> Node | None:
        base = _mapping(self._spec.entries.get("config"))
        shared = {key: self._config_value(key, node) for key, node in base.entries.items()}
        over = self._named("config", base.entries, "config key", only_nulls=True)
        return self._layered(MappingNode(shared, base.keys, base.position), over)

    def _config_value(self, key: str, node: Node) -> Node:
        """A generated value is the source's own: what the copied data was made with must go on reading it.

        What the source says of itself (its URL), the fork says of itself.
        """
        place = node.position
        source = self._source.name
        if child(node, "generate") is not None:
            entries: dict[str, Node] = {"app": Scalar(source, source, place), "config": Scalar(key, key, place)}
            return MappingNode(entries, dict.fromkeys(entries, place), place)
        if isinstance(node, MappingNode) and text_at(node, "app") == source:
            return _with(node, "app", Scalar(self._fork.name, self._fork.name, place), place)
        return node

    def _formation(self) -> Node | None:
        base = _mapping(self._spec.entries.get("formation"))
        over = self._named("formation", base.entries, "process type")
        merged = {
            key: _merged(_mapping(base.entries[key]), node) if isinstance(node, MappingNode) else node
            for key, node in over.entries.items()
            if key in base.entries
        }
        return self._layered(base, MappingNode(merged, over.keys, over.position))

    def _layered(self, base: MappingNode, over: MappingNode) -> Node | None:
        entries, keys = dict(base.entries), dict(base.keys)
        for key, node in over.entries.items():
            if _is_null(node):
                entries.pop(key, None)
                keys.pop(key, None)
            else:
                entries[key], keys[key] = node, over.keys[key]
        return MappingNode(entries, keys, over.position if over.entries else base.position) if entries else None

    def _addons(self) -> Node | None:
        """Each of the source's add-ons, by what the fork says of its data."""
        base = self._spec.entries.get("addons")
        items = base.items if isinstance(base, SequenceNode) else ()
        aliases = {alias: item for item in items if (alias := text_at(item, "as")) is not None}
        changes = self._named("addons", aliases, "add-on")
        self._named("data", aliases, "add-on")
        kept = {alias: item for alias, item in aliases.items() if not _is_null(changes.entries.get(alias))}
        made = [self._addon(alias, _mapping(item), changes) for alias, item in kept.items()]
        return SequenceNode(tuple(made), base.position) if made and base is not None else None

    def _addon(self, alias: str, item: MappingNode, changes: MappingNode) -> MappingNode:
        mode = (self._fork.spec.data or {}).get(alias)
        change = changes.entries.get(alias)
        if mode == "share" and "plan" in item.entries and "credentials" not in item.entries:
            attached = f"{self._source.name}/{alias}"
            place = self._fork.position("data", alias)
            return MappingNode(
                {"attach": Scalar(attached, attached, place), "as": item.entries["as"]},
                {"attach": place, "as": item.keys["as"]},
                place,
            )
        return _merged(item, change) if isinstance(change, MappingNode) else item

    def _domains(self) -> Node | None:
        node = self._over.entries.get("domains")
        if not isinstance(node, MappingNode):
            return node
        theirs = list(self._source.spec.domains or ())
        for host in node.entries:
            if host.lower() not in {text.lower() for text in theirs}:
                self.diagnostics.append(
                    error(
                        "unknown-domain",
                        f"{self._source.name} has no domain {host}",
                        node.keys[host],
                        expected="a host name of the source, and the fork's in its place; or a list of new ones",
                        suggestion=nearest(host, theirs),
                    )
                )
        return SequenceNode(tuple(node.entries.values()), node.position)

    def _named(self, key: str, names: Mapping[str, Node], what: str, *, only_nulls: bool = False) -> MappingNode:
        """The fork's mapping at a key; a name in it that the source does not have is a mistake.

        `only_nulls`: new names are fine, but what is not there cannot be left out.
        """
        over = _mapping(self._over.entries.get(key))
        for name, node in over.entries.items():
            if name not in names and (not only_nulls or _is_null(node)):
                self.diagnostics.append(
                    error(
                        "unknown-in-source",
                        f"{self._source.name} has no {what} {name}, which its fork {self._fork.name} names",
                        over.keys[name],
                        expected=f"one of {', '.join(names)}" if names else f"no `{key}`: the source has none",
                        suggestion=nearest(name, names),
                    )
                )
        return over


def _mapping(node: Node | None) -> MappingNode:
    """The mapping, or an empty one where nothing, or something of another shape that is told elsewhere, stands."""
    return node if isinstance(node, MappingNode) else MappingNode({}, {}, _NOWHERE)


def _merged(base: MappingNode, over: MappingNode) -> MappingNode:
    entries, keys = {**base.entries, **over.entries}, {**base.keys, **over.keys}
    return MappingNode(entries, keys, over.position if over.entries else base.position)


def _with(node: MappingNode, key: str, value: Node, place: Position) -> MappingNode:
    return MappingNode({**node.entries, key: value}, {**node.keys, key: place}, node.position)


def _is_null(node: Node | None) -> bool:
    return isinstance(node, Scalar) and node.value is None
